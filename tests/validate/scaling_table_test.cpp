// SPDX-License-Identifier: Apache-2.0
#include "validate/scaling_table.hpp"

#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "model/error.hpp"
#include "tests/support/checks.hpp"
#include "tests/validate/study_text.hpp"
#include "tests/validate/synthetic_jobs.hpp"
#include "validate/number_text.hpp"
#include "validate/present_json.hpp"
#include "validate/present_text.hpp"

using namespace kurve;
using validate::make_scaling_table;

namespace {

std::string column(validate::ScalingTable const& table, auto const& text_of) {
  std::string text;
  for (auto const& point : table.points) text += (text.empty() ? "" : " ") + text_of(point);
  return text;
}

bool mentions(std::vector<std::string> const& lines, std::string const& words) {
  for (auto const& line : lines)
    if (line.find(words) != std::string::npos) return true;
  return false;
}

void check_width(std::string const& text) {
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    INFO(line);
    CHECK(validate::text_width(line) <= 80);
  }
}

/// Five repeats at each K, one thousandth apart; T = 0.04 + 0.96/K + 0.02 (K - 1)/K.
data::Study five_repeats() {
  std::string csv = "# kurve: study/1\n# regime: strong\nK,run,step_time_s\n";
  for (int const k : {1, 2, 4, 8, 16, 32})
    for (int run = 0; run < 5; ++run)
      csv += std::to_string(k) + "," + std::to_string(run) + "," +
             std::to_string((0.04 + 0.96 / k + 0.02 * (k - 1.0) / k) * (1.0 + 1e-3 * (run - 2))) + "\n";
  return test::study_of(csv);
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("scaling table: the book's example digit for digit") {
    if (test::shared_data().empty()) {
      MESSAGE("skipped: ../shared/data is absent");
      return;
    }
    auto const table = make_scaling_table(test::study_at(test::shared_data() / "book_code_5_2_1.csv"), {});
    using validate::fixed_text;
    CHECK(column(table, [](auto const& p) { return fixed_text(p.time.mean, 4); }) ==
          "1.0047 0.5343 0.3032 0.1884 0.1392 0.1189 0.1140");
    CHECK(column(table, [](auto const& p) { return fixed_text(p.time.sd, 4); }) ==
          "0.0091 0.0098 0.0034 0.0039 0.0026 0.0026 0.0022");
    CHECK(column(table, [](auto const& p) { return fixed_text(*p.speedup, 2); }) ==
          "1.00 1.88 3.31 5.33 7.22 8.45 8.82");
    CHECK(column(table, [](auto const& p) { return fixed_text(p.efficiency, 3); }) ==
          "1.000 0.940 0.828 0.667 0.451 0.264 0.138");
    REQUIRE(table.bend);
    CHECK(table.bend->at.ranks == 8.0);
    CHECK(table.bend->at.last_ok_ranks == 4.0);
    CHECK(table.bend->low_ranks == 8.0);
    CHECK(table.bend->high_ranks == 8.0);
    auto const text = validate::to_text(table);
    check_width(text);
    CHECK(text.find("Bend at K = 8: the first K with E < 0.7; last K that pays: 4") != std::string::npos);
  }

  TEST_CASE(
      "scaling table: intervals hold the estimate; Student is wider than normal; a ratio has its baseline's error") {
    auto const t = make_scaling_table(five_repeats(), {});
    auto const z = make_scaling_table(five_repeats(), {.mean_interval = validate::MeanInterval::normal});
    for (std::size_t i = 0; i < t.points.size(); ++i) {
      auto const& p = t.points[i];
      CHECK(p.mean_s->low < p.time.mean);
      // t(0.975, 4) = 2.7764, z = 1.95996
      CHECK_CLOSE((p.mean_s->high - p.time.mean) / (z.points[i].mean_s->high - p.time.mean), 2.7764 / 1.95996, 1e-4);
      REQUIRE(p.efficiency_interval.has_value() == (i != t.baseline));
      if (!p.efficiency_interval) continue;
      CHECK(p.efficiency_interval->low < p.efficiency);
      CHECK(p.efficiency_interval->high > p.efficiency);
    }
    CHECK(t.points[2].efficiency_interval->low == z.points[2].efficiency_interval->low);  // same seed, same bits
    CHECK(t.replication == data::Replication::run);
    CHECK(t.points[0].time.n == 5);
  }

  TEST_CASE("scaling table: weak scaling has E = T(1)/T(K) and no speedup") {
    auto const table = make_scaling_table(
        test::study_of(
            "# kurve: study/1\n# regime: weak\nK,global_batch,step_time_s\n1,32,0.5\n2,64,0.55\n4,128,0.8\n"),
        {});
    CHECK(table.regime == model::Regime::weak);
    CHECK(table.points[1].efficiency == doctest::Approx(0.5 / 0.55));
    CHECK_FALSE(table.points[1].speedup.has_value());
    CHECK(table.bend->at.ranks == 4.0);
    CHECK_FALSE(table.points[1].mean_s.has_value());
    CHECK_FALSE(table.bend->has_interval);
    CHECK(validate::definition_sentence(table).find("E = T(1)/T(K)") != std::string::npos);
    auto const same = make_scaling_table(
        test::study_of("# kurve: study/1\n# regime: weak\nK,step_time_s\n1,0.5\n2,0.55\n4,0.8\n"), {});
    CHECK(same.points[2].efficiency == doctest::Approx(table.points[2].efficiency));
    CHECK_FALSE(same.has_batch);
  }

  TEST_CASE("scaling table: a mixed study and several batches at a K and a baseline above one worker") {
    auto const table =
        make_scaling_table(test::study_of("# kurve: study/1\n# regime: strong\nK,global_batch,step_time_s\n"
                                          "4,64,1.0\n4,128,1.6\n8,128,0.9\n8,512,9.0\n16,256,4.0\n"),
                           {});
    CHECK(table.regime == model::Regime::mixed);
    CHECK(mentions(table.notes, "the header says regime strong, but global_batch says mixed"));
    CHECK(mentions(table.notes, "baseline is K = 4, not one worker"));
    CHECK(table.points[table.baseline].global_batch == 128.0);  // the faster of the two
    CHECK(table.points[2].efficiency == doctest::Approx((128.0 / (8 * 0.9)) / (128.0 / (4 * 1.6))));
    for (auto const& point : table.points) CHECK_FALSE(point.speedup.has_value());
    CHECK(table.bend->at.ranks == 16.0);  // K = 8 pays with its better batch
    check_width(validate::to_text(table));
    CHECK(validate::to_text(table).find(" S ") == std::string::npos);
  }

  TEST_CASE("scaling table: warm-up inside the samples is left out of each run and said") {
    std::string csv = "# kurve: study/1\n# regime: strong\n# warmup: included\nK,run,step,step_time_s\n";
    for (int const k : {1, 2})
      for (int run = 0; run < 2; ++run)
        for (int step = 0; step < 40; ++step)
          csv += std::to_string(k) + "," + std::to_string(run) + "," + std::to_string(step) + "," +
                 std::to_string((step < 5 ? 3.0 : 1.0) / k + 1e-3 * ((step * 7) % 5) + 1e-2 * run) + "\n";
    auto const table = make_scaling_table(test::study_of(csv), {});
    CHECK(table.points[0].time.n == 2);
    CHECK(table.points[0].time.mean == doctest::Approx(1.002 + 0.005));
    CHECK(mentions(table.notes, "20 warm-up steps left out"));
    CHECK(mentions(table.notes, "n counts runs"));
  }

  TEST_CASE("scaling table: one point and one value and all equal") {
    auto const one = make_scaling_table(test::study_of("gpus,time_s\n8,3.5\n"), {});
    CHECK(one.points.size() == 1);
    CHECK_FALSE(one.bend.has_value());
    CHECK(validate::bend_sentence(one) == "No bend can be told: one point only.");
    check_width(validate::to_text(one));
    CHECK(nlohmann::json::parse(validate::to_json(one))["bend"].is_null());

    auto const equal =
        make_scaling_table(test::study_of("# kurve: study/1\nK,run,step_time_s\n1,0,2\n1,1,2\n4,0,2\n4,1,2\n"), {});
    CHECK(equal.points[1].efficiency == doctest::Approx(0.25));
    CHECK(equal.points[1].efficiency_interval->low == doctest::Approx(0.25));
    CHECK(equal.points[1].mean_s->high == doctest::Approx(2.0));
  }

  TEST_CASE("scaling table: the bend of a curve that recovers and the studies that agree with it are counted") {
    auto const table_of = [](std::vector<std::pair<int, double>> const& efficiency, double spread) {
      std::string csv = "# kurve: study/1\n# regime: strong\nK,run,step_time_s\n";
      for (auto const& [k, e] : efficiency)
        for (int run = 0; run < 3; ++run)
          csv += std::to_string(k) + "," + std::to_string(run) + "," +
                 std::to_string(1.0 / (k * e) * (1.0 + spread * (run - 1))) + "\n";
      return make_scaling_table(test::study_of(csv), {});
    };
    auto const recovers = table_of({{1, 1.0}, {16, 0.9}, {32, 0.65}, {64, 0.6}, {128, 0.75}}, 0.001);
    CHECK_FALSE(recovers.bend);
    CHECK(recovers.dips == std::vector<double>{32, 64});
    CHECK(validate::bend_sentence(recovers) ==
          "No single bend: E < 0.7 at K = 32 and 64, and the largest K measured, 128, is above again.");
    auto const sure = table_of({{1, 1.0}, {2, 0.9}, {4, 0.5}}, 0.001);
    CHECK(sure.bend->agreement == 1.0);
    CHECK(validate::bend_sentence(sure).find("; all 2000 of resampled studies agree.") != std::string::npos);
    // E(4) = 0.7 (1 - 1e-6) with 2 % noise of 3 runs: half of the studies see it below.
    auto const even = table_of({{1, 1.0}, {2, 0.9}, {4, 0.6999999}, {8, 0.4}}, 0.02);
    CHECK(even.bend->agreement == doctest::Approx(0.5).epsilon(0.1));  // 4 SE of 2000 draws are 9 %
    CHECK(validate::bend_sentence(even).find(" % of resampled studies agree.") != std::string::npos);
  }

  TEST_CASE("scaling table: a single value has the spread of the points with repeats and it is said") {
    auto const table = make_scaling_table(
        test::study_of("# kurve: study/1\n# regime: strong\nK,run,step_time_s\n1,0,1.0\n2,0,0.52\n2,1,0.50\n4,0,0.3\n"),
        {});
    REQUIRE(table.points[1].efficiency_interval);
    // By hand: s = 0.02/sqrt(2)/0.51 = 2.773 % with 1 degree of freedom; E(4) has two such values: t(0.975, 1)
    // = 12.706.
    CHECK_CLOSE(std::log(table.points[2].efficiency_interval->high / table.points[2].efficiency),
                12.7062 * std::sqrt(2.0) * 0.02 / std::sqrt(2.0) / 0.51, 1e-4);
    CHECK(mentions(table.notes, "one value at K = 1 and 4"));
    auto const none =
        make_scaling_table(test::study_of("# kurve: study/1\n# regime: strong\nK,step_time_s\n1,1\n2,0.6\n"), {});
    CHECK_FALSE(none.points[1].efficiency_interval);
  }

  TEST_CASE("scaling table: options out of range and component studies are refused") {
    auto const study = five_repeats();
    CHECK(test::message_of<InputError>([&] { return make_scaling_table(study, {.threshold = 2.0}); }) ==
          "threshold=2 (must be between 0 and 1). Efficiency of 70 % is 0.7?");
    CHECK(test::message_of<InputError>([&] { return make_scaling_table(study, {.confidence = 1.0}); }) != "");
    data::Study components;
    components.path = "c.csv";
    components.samples.resize(1);
    components.samples[0].op = data::Operation::allreduce;
    CHECK(test::message_of<DataError>([&] {
            return make_scaling_table(components, {});
          }).find("c.csv: is a component") == 0);
  }

  TEST_CASE("scaling table: JSON keys") {
    auto const json = nlohmann::json::parse(validate::to_json(make_scaling_table(five_repeats(), {})));
    for (auto const* const key : {"regime", "baseline", "threshold", "points", "bend"}) CHECK(json.contains(key));
    for (auto const* const key : {"K", "mean_s", "n"}) CHECK(json["baseline"].contains(key));
    for (auto const* const key :
         {"K", "global_batch", "n", "mean_s", "std_s", "ci_low_s", "ci_high_s", "speedup", "efficiency", "verdict"})
      CHECK(json["points"][1].contains(key));
    for (auto const* const key : {"K", "last_ok_K", "crossing_K", "ci_low_K", "ci_high_K"})
      CHECK(json["bend"].contains(key));
    CHECK(json["points"][0]["verdict"] == "pays");
    CHECK(json["points"][5]["verdict"] == "below threshold");
    CHECK(json["points"][0]["global_batch"].is_null());
  }
}

TEST_SUITE("stat") {
  // Coverage of the 95 % interval of E over 1500 studies each: its SE is 0.56 %, so 92 to 98 % leaves 4 of them
  // about 95. Percentile bootstrap covered 70, 80 and 89 % at 2, 3 and 5 repeats.
  TEST_CASE("scaling table: the interval of efficiency holds at few repeats") {
    test::Dice dice(7);
    auto const coverage = [&](int n0, int n, double cv0, double cv, bool skewed) {
      int held = 0;
      for (int study = 0; study < 1500; ++study) {
        std::string csv = "# kurve: study/1\n# regime: strong\nK,run,step_time_s\n";
        auto const add = [&](int k, int repeats, double mean, double spread) {
          double const sigma = std::sqrt(std::log1p(spread * spread));
          for (int run = 0; run < repeats; ++run) {
            double const z = dice.normal();
            double const t = mean * (skewed ? std::exp(sigma * z - 0.5 * sigma * sigma) : 1.0 + spread * z);
            csv += std::to_string(k) + "," + std::to_string(run) + "," + std::to_string(t) + "\n";
          }
        };
        add(1, n0, 1000.0, cv0);
        add(8, n, 160.0, cv);
        auto const table = make_scaling_table(test::study_of(csv), {.resamples = 100});
        auto const& interval = *table.points[1].efficiency_interval;
        held += interval.low <= 0.78125 && 0.78125 <= interval.high;
      }
      return held / 1500.0;
    };
    for (int const n : {2, 3, 5, 10})
      for (double const cv : {0.01, 0.1})
        for (bool const skewed : {false, true}) {
          double const share = coverage(n, n, cv, cv, skewed);
          CAPTURE(n);
          CAPTURE(cv);
          CHECK(share >= 0.92);
          CHECK(share <= 0.985);  // Welch's t is a little wide at n = 2: 97.7 %
        }
    for (auto const& [n0, n] : {std::pair{3, 10}, {10, 3}, {2, 5}, {1, 5}, {5, 1}, {1, 2}}) {
      double const share = coverage(n0, n, 0.02, 0.02, false);
      CAPTURE(n0);
      CAPTURE(n);
      CHECK(share >= 0.92);
      CHECK(share <= 0.985);
    }
  }

  // Steps of one run at lag-1 correlation 0.9: sd / sqrt(n) covered 30 %.
  TEST_CASE("scaling table: correlated steps of one run are worth fewer") {
    test::Dice dice(11);
    int held = 0;
    static constexpr int studies = 400, steps = 150;
    for (int study = 0; study < studies; ++study) {
      std::string csv = "# kurve: study/1\n# regime: strong\n# warmup: excluded\nK,run,step,step_time_s\n";
      for (int const k : {1, 8}) {
        double x = dice.normal();
        for (int step = 0; step < steps; ++step) {
          x = 0.9 * x + std::sqrt(1.0 - 0.81) * dice.normal();
          csv += std::to_string(k) + ",0," + std::to_string(step) + "," +
                 std::to_string((k == 1 ? 1000.0 : 160.0) * (1.0 + 0.02 * x)) + "\n";
        }
      }
      auto const table = make_scaling_table(test::study_of(csv), {.resamples = 100});
      auto const& interval = *table.points[1].efficiency_interval;
      held += interval.low <= 0.78125 && 0.78125 <= interval.high;
      if (study == 0) CHECK(mentions(table.notes, "steps are correlated: the 150 at K = "));
    }
    CHECK(held >= 0.90 * studies);
  }
}
