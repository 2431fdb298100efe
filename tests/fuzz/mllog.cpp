// SPDX-License-Identifier: Apache-2.0
#include "data/logs/mllog.hpp"

#include <sstream>

#include "tests/fuzz/target.hpp"

/// The log, then after a line `=== system` the system description beside it.
int LLVMFuzzerTestOneInput(std::uint8_t const* bytes, std::size_t size) {
  using namespace kurve;
  constexpr std::string_view separator = "=== system\n";
  std::string const text = test::text_of(bytes, size);
  auto const at = text.find(separator);
  bool const has_system = at != std::string::npos;
  test::input_file("machine.json", has_system ? text.substr(at + separator.size())
                                              : R"({"number_of_nodes": "2", "accelerators_per_node": 8})");
  std::string const path = test::input_file("machine_result_0.txt", "");  // the description is found beside it
  return test::only_input_errors([&] {
    std::istringstream in(has_system ? text.substr(0, at) : text);
    data::Facts facts;
    auto const study = data::read_mllog(in, path, facts);
    for (auto const& row : study.samples)
      if (!(row.time_s > 0.0) || row.ranks < 1) test::broken("a row without time or ranks");
  });
}
