// SPDX-License-Identifier: Apache-2.0
#include "tests/cli/program.hpp"
#include "tests/support/checks.hpp"
