// SPDX-License-Identifier: Apache-2.0
#include "data/logs/nccl_tests.hpp"

#include <sstream>

#include "tests/fuzz/target.hpp"

int LLVMFuzzerTestOneInput(std::uint8_t const* bytes, std::size_t size) {
  using namespace kurve;
  return test::only_input_errors([&] {
    std::istringstream in(test::text_of(bytes, size));
    auto const study = data::read_nccl_tests(in, "all_reduce.log");
    if (study.samples.empty()) test::broken("a Study without a row");
    for (auto const& row : study.samples)
      if (!(row.time_s > 0.0) || row.ranks < 1 || !row.bytes) test::broken("a row without time, ranks or bytes");
  });
}
