// SPDX-License-Identifier: Apache-2.0
#include <sstream>

#include "cli/setting_range.hpp"
#include "cli/settings.hpp"
#include "cli/what_if.hpp"
#include "data/quantity_text.hpp"
#include "tests/fuzz/target.hpp"

/// Lines of a command line: each as a list of K, as a list of sizes, and as a --set.
int LLVMFuzzerTestOneInput(std::uint8_t const* bytes, std::size_t size) {
  using namespace kurve;
  std::istringstream lines(test::text_of(bytes, size));
  for (std::string line; std::getline(lines, line);) {
    test::only_input_errors([&] {
      auto const ranks = data::ranks_from_text(line);
      if (ranks.empty() || ranks.size() > 1000 || ranks.front() < 1) test::broken("a K list of no K, or of too many");
    });
    test::only_input_errors([&] {
      auto const sizes = data::sizes_from_text(line);
      if (sizes.empty() || sizes.size() > 1000) test::broken("a size list of none, or of too many");
    });
    test::only_input_errors([&] {
      auto const sorted = cli::sort_settings({line});
      auto model = cli::lesson_model().model;
      cli::apply_settings(model, sorted.single);
      model::check(model.parameters);
      if (sorted.range && (sorted.range->values.empty() || sorted.range->values.size() > 2000))
        test::broken("a range of nothing, or without an end");
    });
  }
  return 0;
}
