// SPDX-License-Identifier: Apache-2.0
#include <sstream>

#include "data/study.hpp"
#include "tests/fuzz/target.hpp"

/// Study CSV and hand-made tables. What was read can be written and read again, with as many rows.
int LLVMFuzzerTestOneInput(std::uint8_t const* bytes, std::size_t size) {
  using namespace kurve;
  return test::only_input_errors([&] {
    std::istringstream in(test::text_of(bytes, size));
    auto const study = data::read_study_csv(in, "input.csv");
    std::ostringstream out;
    data::write_study_csv(out, study);
    std::istringstream written(out.str());
    try {
      auto const again = data::read_study_csv(written, "written.csv");
      if (again.samples.size() != study.samples.size()) test::broken("rows are lost in writing");
      for (std::size_t i = 0; i < again.samples.size(); ++i)
        if (again.samples[i].ranks != study.samples[i].ranks || again.samples[i].time_s != study.samples[i].time_s)
          test::broken("row " + std::to_string(i) + " changes in writing");
    } catch (InputError const& e) {
      test::broken(std::string("what was written cannot be read: ") + e.what());
    }
  });
}
