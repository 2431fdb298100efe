// SPDX-License-Identifier: Apache-2.0
#include "data/logs/step_lines.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "tests/fuzz/target.hpp"

/// A program's output, by the known forms and by the pattern that stands in the first line. Every time is one.
int LLVMFuzzerTestOneInput(std::uint8_t const* bytes, std::size_t size) {
  using namespace kurve;
  std::string const text = test::text_of(bytes, size);
  auto const end = std::min(text.find('\n'), text.size());
  for (bool const by_pattern : {false, true})
    test::only_input_errors([&] {
      std::istringstream in(text.substr(by_pattern ? end : 0));
      auto const pattern = by_pattern ? data::StepPattern(text.substr(0, end)) : data::StepPattern();
      auto const lines = data::read_step_lines(in, "run.log", pattern, 1e-3);
      for (double const time_s : lines.times_s)
        if (!(time_s > 0.0) || !std::isfinite(time_s)) test::broken("a time that is none");
      if (lines.how.empty()) test::broken("times that come from nowhere");
      if (lines.last_lines.size() > 5) test::broken("too many last lines");
    });
  return 0;
}
