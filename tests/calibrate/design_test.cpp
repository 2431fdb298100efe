// SPDX-License-Identifier: Apache-2.0
#include "calibrate/design.hpp"
#include <doctest/doctest.h>
