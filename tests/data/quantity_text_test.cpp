// SPDX-License-Identifier: Apache-2.0
#include "data/quantity_text.hpp"

#include <cmath>
#include <limits>

#include "data/columns.hpp"
#include "model/error.hpp"
#include "model/near_miss.hpp"
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
    for (int i = 1; i < 1000; ++i)  // every size of two decimals is whole
      CHECK(bytes_from_text(number_text(i / 100.0) + "GB") == Bytes{i * 10'000'000LL});
    CHECK(bytes_from_text(" 512 ") == 512_B);
    CHECK(bytes_from_text("0") == 0_B);
    for (auto const n : {0_B, 1_B, 1000_B, 1024_B, 1536_B, 64_MiB, 3_GiB, 5000_GiB})
      CHECK(bytes_from_text(bytes_text(n)) == n);
    CHECK(bytes_text(64_MiB) == "64MiB");
    CHECK(bytes_text(1000_B) == "1000B");
    CHECK(error_of([] { return bytes_from_text("64MBs"); }) ==
          "size '64MBs' (unknown unit 'MBs'; expected B, KiB, MiB, GiB, TiB, kB, KB, MB, GB, TB). Did you mean 'MB'?");
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

  TEST_CASE("quantities: one language whatever is asked for") {
    CHECK(seconds_from_text("3weeks") == Seconds{3.0 * 604800.0});
    CHECK(seconds_from_text("7 days") == Seconds{604800.0});
    CHECK(seconds_from_text("2 months") == Seconds{2.0 * 730.0 * 3600.0});
    CHECK(seconds_from_text("1year") == Seconds{8760.0 * 3600.0});
    CHECK(seconds_from_text("5us").count() == 5e-6);
    CHECK(seconds_from_text("5\u00b5s").count() == 5e-6);
    CHECK(rate_from_text("100Gbps").value == 12.5e9);
    CHECK(rate_from_text("100 Gb/s").value == 12.5e9);
    CHECK(rate_from_text("12.5GBps").value == 12.5e9);
    CHECK(watts_from_text("0.7kW") == 700.0);
    CHECK(watts_from_text("700") == 700.0);
    CHECK(plain_from_text("70%") == 0.7);
    CHECK(plain_from_text("7 %") == 0.07);
    CHECK(plain_from_text("1e4") == 1e4);
    CHECK(plain_from_text("10k") == 1e4);
    CHECK(plain_from_text("-175B") == -175e9);
    for (auto const* const bad : {"", "k", "1 x", "nan", "inf", "1e999", "1,5", "100Gbit/s"})
      CHECK_MESSAGE(!plain_from_text(bad).has_value(), bad);
    CHECK(ranks_from_text("1k..4k,1e4") == std::vector<int>{1000, 2000, 4000, 10000});
    CHECK(numbers_from_text("--gpus", "512,1k") == std::vector<double>{512.0, 1000.0});
    CHECK(error_of([] { return numbers_from_text("--gpus", "512,"); }) ==
          "--gpus '512,' (must be numbers separated by commas, such as 1024,2k)");
  }

  TEST_CASE("quantities: a parameter takes any unit of its kind or none") {
    CHECK(value_from_text("serial", "s", "5us") == 5e-6);
    CHECK(value_from_text("serial", "s", "0.05") == 0.05);
    CHECK(value_from_text("x", "B/s", "100Gbit/s") == 12.5e9);
    CHECK(value_from_text("x", "B/s", "25e9") == 25e9);
    CHECK(value_from_text("x", "B", "2.8GB") == 2.8e9);
    CHECK(value_from_text("x", "1", "70%") == 0.7);
    CHECK(value_from_text("x", "1", "1e4") == 1e4);
    CHECK_CLOSE(value_from_text("x", "s/B", "10ns/B"), 1e-8, 1e-15);
    CHECK(error_of([] { return value_from_text("serial", "s", "70%"); }).starts_with("serial '70%' (unknown unit '%'"));
    CHECK(error_of([] { return value_from_text("overlap.fraction", "1", "5us"); }) ==
          "overlap.fraction='5us' (must be a number, such as 1e4, 10k or 70%)");
    CHECK(error_of([] { return value_from_text("x", "B/s", "100GBit/s"); }).ends_with("Did you mean 'Gbit/s'?"));
  }

  TEST_CASE("quantities: beyond a thousand years is never") {
    CHECK(duration_text(Seconds{999.0 * 8760.0 * 3600.0}) == "364635 d");
    CHECK(duration_text(Seconds{1001.0 * 8760.0 * 3600.0}) == "never");
    CHECK(duration_text(Seconds{std::numeric_limits<double>::infinity()}) == "never");
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
          "K list '1:1000000000' (more than 1000 values)");
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
