// SPDX-License-Identifier: Apache-2.0
#include "tests/support/device_suite.hpp"

using namespace kurve;

TEST_SUITE("gpu") {
  TEST_CASE("a GPU draws the bits of a processor") { test::check_device(*sim::open_cuda_device()); }
}
