// SPDX-License-Identifier: Apache-2.0
#include "data/input.hpp"
#include "tests/fuzz/target.hpp"

/// The one way in: the format found by content, gzip or not, and two files as one Study.
int LLVMFuzzerTestOneInput(std::uint8_t const* bytes, std::size_t size) {
  using namespace kurve;
  std::string const text = test::text_of(bytes, size);
  auto const half = text.find("=== second\n");
  std::string const first = test::input_file("first", text.substr(0, half));
  std::vector<std::string> paths{first};
  if (half != std::string::npos) paths.push_back(test::input_file("second", text.substr(half + 11)));
  return test::only_input_errors([&] {
    if (data::read_study(paths).samples.empty()) test::broken("a Study without a row");
  });
}
