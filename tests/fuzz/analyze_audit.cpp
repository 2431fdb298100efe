// SPDX-License-Identifier: Apache-2.0
#include "data/input.hpp"
#include "tests/fuzz/target.hpp"
#include "validate/audit.hpp"
#include "validate/diagnose.hpp"
#include "validate/present_json.hpp"
#include "validate/present_text.hpp"
#include "validate/scaling_table.hpp"

/// All the way that `kurve analyze` and `kurve audit` go, each part on its own as each verb would.
int LLVMFuzzerTestOneInput(std::uint8_t const* bytes, std::size_t size) {
  using namespace kurve;
  std::string const path = test::input_file("study.csv", test::text_of(bytes, size));
  return test::only_input_errors([&] {
    auto const study = data::read_study({path});
    // The fewest draws that are allowed: they cost most of the time, and every one takes the same path.
    test::only_input_errors([&] {
      auto const table = validate::make_scaling_table(study, {.resamples = 100});
      if (validate::to_text(table).empty() || validate::to_json(table).empty()) test::broken("an empty answer");
    });
    test::only_input_errors([&] {
      auto const diagnosis = validate::diagnose(study);
      if (validate::to_text(diagnosis).empty() || validate::to_json(diagnosis).empty()) test::broken("an empty answer");
    });
    test::only_input_errors([&] {
      auto const audit = validate::audit(study);
      if (validate::to_text(audit).empty() || validate::to_json(audit).empty() ||
          validate::to_sarif(audit, "0").empty())
        test::broken("an empty answer");
    });
  });
}
