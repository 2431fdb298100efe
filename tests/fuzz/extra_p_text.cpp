// SPDX-License-Identifier: Apache-2.0
#include "data/logs/extra_p.hpp"

#include "tests/fuzz/logs.hpp"

int LLVMFuzzerTestOneInput(std::uint8_t const* bytes, std::size_t size) {
  return kurve::test::fuzz_reader(bytes, size, kurve::data::read_extra_p_text);
}
