// SPDX-License-Identifier: Apache-2.0
#include "data/quantity_text.hpp"

#include <cmath>

#include "data/columns.hpp"
#include "model/error.hpp"
#include "tests/support/checks.hpp"

using namespace kurve;
using namespace kurve::data;

namespace {

template <typename Call>
std::string error_of(Call&& call) {
  return test::message_of<InputError>(call);
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("quantities: sizes both ways") {
    CHECK(bytes_from_text("64MiB") == 64_MiB);
    CHECK(bytes_from_text("1.5 KiB") == 1536_B);
    CHECK(bytes_from_text("4GB") == 4'000'000'000_B);
    CHECK(bytes_from_text(" 512 ") == 512_B);
    CHECK(bytes_from_text("0") == 0_B);
    for (auto const n : {0_B, 1_B, 1000_B, 1024_B, 1536_B, 64_MiB, 3_GiB, 5000_GiB})
      CHECK(bytes_from_text(bytes_text(n)) == n);
    CHECK(bytes_text(64_MiB) == "64MiB");
    CHECK(bytes_text(1000_B) == "1000B");
    CHECK(error_of([] { return bytes_from_text("64MBs"); }) ==
          "size '64MBs' (unknown unit 'MBs'; expected B, KiB, MiB, GiB, TiB, kB, KB, MB, GB, TB)");
    CHECK(error_of([] { return bytes_from_text("-1"); }) == "size '-1' (must be finite and not negative)");
    CHECK(error_of([] { return bytes_from_text("0.3"); }) == "size '0.3' (must be a whole number of bytes)");
    CHECK(error_of([] { return bytes_from_text("big"); }) == "size 'big' (expected a number with a unit)");
    CHECK(error_of([] { return bytes_from_text("1e30"); }) == "size '1e30' (over 2^63 bytes)");
    CHECK(error_of([] { return bytes_from_text("infGB"); }) == "size 'infGB' (must be finite and not negative)");
  }

  TEST_CASE("quantities: durations and rates need their unit") {
    CHECK(seconds_from_text("7d") == Seconds{604800.0});
    CHECK(seconds_from_text("30s") == Seconds{30.0});
    CHECK_CLOSE(seconds_from_text("500ms").count(), 0.5, 1e-15);
    CHECK(seconds_from_text("1.5h") == Seconds{5400.0});
    CHECK(error_of([] { return seconds_from_text("30"); }) ==
          "duration '30' (a unit is missing; expected s, ms, us, ns, min, h, d, w)");
    CHECK(rate_from_text("100Gbit/s").value == 12.5e9);
    CHECK(rate_from_text("12.5GB/s").value == 12.5e9);
    CHECK(rate_from_text("1 GiB/s").value == 1073741824.0);
    CHECK(error_of([] {
            return rate_from_text("100Gb");
          }).starts_with("rate '100Gb' (unknown unit 'Gb'; expected B/s, "));
  }

  TEST_CASE("quantities: K lists double step and come out ascending and unique") {
    using List = std::vector<int>;
    CHECK(ranks_from_text("1,2,4..64") == List{1, 2, 4, 8, 16, 32, 64});
    CHECK(ranks_from_text("3..20") == List{3, 6, 12});
    CHECK(ranks_from_text("1:17:8") == List{1, 9, 17});
    CHECK(ranks_from_text("8:10") == List{8, 9, 10});
    CHECK(ranks_from_text(" 8, 2 ,8") == List{2, 8});
    CHECK(ranks_from_text("1000000000") == List{1'000'000'000});
    CHECK(ranks_from_text("1..1000000000").size() == 30);
    for (auto const* const bad :
         {"", "1,,2", "0", "-4", "1.5", "x", "2:4:0", "4..x", "1:2:3:4", "1..2..3", "2000000000"})
      CHECK(error_of([&] { return ranks_from_text(bad); }).find("is not a whole number from 1 to 10^9") !=
            std::string::npos);
    CHECK(error_of([] { return ranks_from_text("8..2"); }) == "K list '8..2' ('8..2' runs downwards)");
    CHECK(error_of([] { return ranks_from_text("1:1000000000"); }) ==
          "K list '1:1000000000' (more than 100000 values)");
  }

  TEST_CASE("quantities: numbers are exact both ways and never guessed") {
    for (double const x : {0.1, 1.0 / 3.0, 1e-300, 5e-324, 1.7976931348623157e308, -2.0, 123456789.0})
      CHECK(number_from_text(number_text(x)) == x);
    CHECK(number_text(8.0) == "8");
    for (auto const* const bad : {"", "1 ", " 1", "1,5", "0x10", "1e", "--1", "1.2.3", "1e999"})
      CHECK_FALSE(number_from_text(bad).has_value());
  }

  TEST_CASE("columns: near misses") {
    CHECK(near_miss("step_tine_s", study_column_names()) == "step_time_s");
    CHECK(near_miss("golbal_batch", study_column_names()) == "global_batch");
    CHECK(near_miss("loss", study_column_names()).empty());
    CHECK(near_miss("K", study_column_names()).empty());
  }
}
