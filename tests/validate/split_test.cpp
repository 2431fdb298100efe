// SPDX-License-Identifier: Apache-2.0
#include "validate/split.hpp"

#include "model/error.hpp"
#include "tests/support/checks.hpp"
#include "tests/validate/study_text.hpp"

using namespace kurve;

namespace {

std::string const csv =
    "# kurve: study/1\n# regime: "
    "mixed\nK,global_batch,step_time_s\n1,64,1.0\n2,64,0.6\n2,128,1.1\n4,64,0.4\n8,128,0.5\n";

std::string fitted_ranks(validate::Split const& split) {
  std::string text;
  for (auto const& s : validate::fitted_part(test::study_of(csv), split).samples) text += std::to_string(s.ranks) + " ";
  return text;
}

std::string complaint(std::string const& expression) {
  return test::message_of<InputError>([&] { return validate::parse_split(expression); });
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("split: expressions choose rows") {
    CHECK(fitted_ranks(validate::parse_split("K<=2")) == "1 2 2 ");
    CHECK(fitted_ranks(validate::parse_split("K<2")) == "1 ");
    CHECK(fitted_ranks(validate::parse_split(" K >= 4 ")) == "4 8 ");
    CHECK(fitted_ranks(validate::parse_split("K in 1,2,4")) == "1 2 2 4 ");
    CHECK(fitted_ranks(validate::parse_split("B==64")) == "1 2 4 ");
    CHECK(fitted_ranks(validate::parse_split("global_batch != 64")) == "2 8 ");
    CHECK(fitted_ranks(validate::parse_split("K<=4 and B=64 and K>1")) == "2 4 ");
  }

  TEST_CASE("split: ratio and largest") {
    CHECK(fitted_ranks(validate::ratio_split(4)) == "1 2 2 ");
    CHECK(fitted_ranks(validate::ratio_split(8)) == "1 ");
    CHECK(fitted_ranks(validate::leave_largest_split()) == "1 2 2 4 ");
  }

  TEST_CASE("split: what cannot be read is shown with forms that can") {
    CHECK(complaint("K~8") == "split 'K~8' (no comparison in 'K~8'). Write it as 'K<=8', 'K in 1,2,4' or 'B==2048'?");
    CHECK(complaint("X<=8").find("'X' is neither K nor B") != std::string::npos);
    for (auto const* const bad :
         {"", "K<=", "K<=-1", "K<=nan", "K<=inf", "K<=8x", "K in 1,,2", "K<=1 and", "K<=1 and "})
      CHECK(complaint(bad) != "");
    CHECK(test::message_of<InputError>([] { return validate::ratio_split(1.0); }).find("ratio=1 (must be above 1") ==
          0);
  }

  TEST_CASE("split: nothing to fit and nothing held out are refused") {
    auto const study = test::study_of(csv);
    auto const refusal = [&](char const* expression) {
      return test::message_of<DataError>(
          [&] { return validate::fitted_part(study, validate::parse_split(expression)); });
    };
    CHECK(refusal("K>100") == "test.csv: split 'K>100' leaves nothing to fit (largest K is 8). Choose another split?");
    CHECK(refusal("K<=8").find("holds nothing out") != std::string::npos);
  }
}
