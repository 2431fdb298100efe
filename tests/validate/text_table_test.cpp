// SPDX-License-Identifier: Apache-2.0
#include "validate/text_table.hpp"

#include "model/error.hpp"
#include "tests/support/checks.hpp"
#include "validate/number_text.hpp"

using namespace kurve;

TEST_SUITE("unit") {
  TEST_CASE("text table: aligned and trimmed and columns give way where the text is too wide") {
    validate::TextTable table;
    table.columns = {{"name", "", validate::Align::left}, {"time", "[s]"}, {"remark", "", validate::Align::left, 1}};
    table.add({"a", "1.5", "short"});
    table.add({"b\xC3\xA9", "10.25", ""});
    CHECK(validate::to_text(table) ==
          "name   time  remark\n"
          "        [s]\n"
          "a       1.5  short\n"
          "b\xC3\xA9    10.25\n");
    CHECK(validate::to_text(table, 15) == "name   time\n        [s]\na       1.5\nb\xC3\xA9    10.25\n");
    CHECK_THROWS_AS(table.add({"too", "few"}), ContractViolation);
  }

  TEST_CASE("text table: wrapping") {
    CHECK(validate::wrap("one two three", "- ", 9) == "- one two\n  three\n");
    CHECK(validate::wrap("about 25 % of", "", 8) == "about\n25 % of\n");
    CHECK(validate::wrap("") == "\n");
  }

  TEST_CASE("numbers as text") {
    CHECK(validate::fixed_text(1.00468, 4) == "1.0047");
    CHECK(validate::number_text(10752.0, 6) == "10752");
    CHECK(validate::number_text(0.7, 3) == "0.7");
    CHECK(validate::number_text(5998.3, 3) == "5998");
    CHECK(validate::number_text(999.6, 3) == "1000");
    CHECK(validate::signed_percent_text(0.0307, 1) == "+3.1 %");
    CHECK(validate::signed_percent_text(-0.004, 1) == "-0.4 %");
    CHECK(validate::signed_percent_text(-0.0004, 1) == "0.0 %");
    CHECK(validate::time_unit_for(0.114, 1.0047).name == "s");
    CHECK(validate::time_unit_for(0.0107, 0.121).text(0.0106639) == "10.664");
    CHECK(validate::time_unit_for(3e-6, 8e-5).text(3e-6) == "3.0000");
    CHECK(validate::time_unit_for(2.0, 5e5).text(5e5) == "500000.0");
  }
}
