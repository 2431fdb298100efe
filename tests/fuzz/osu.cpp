// SPDX-License-Identifier: Apache-2.0
#include "data/logs/osu.hpp"

#include "tests/fuzz/logs.hpp"

int LLVMFuzzerTestOneInput(std::uint8_t const* bytes, std::size_t size) {
  return kurve::test::fuzz_reader(bytes, size, kurve::data::read_osu);
}
