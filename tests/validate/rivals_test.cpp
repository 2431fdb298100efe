// SPDX-License-Identifier: Apache-2.0
#include "validate/rivals.hpp"

#include <cmath>
#include <map>
#include <set>

#include "tests/support/checks.hpp"
#include "tests/validate/study_text.hpp"
#include "validate/metrics.hpp"
#include "validate/number_text.hpp"

using namespace kurve;

namespace {

std::vector<data::MeasuredPoint> curve(std::vector<double> const& ranks, double batch, auto const& time_s) {
  std::vector<data::MeasuredPoint> points;
  for (double const k : ranks) {
    std::vector<double> const repeats{time_s(k)};
    points.push_back({.ranks = k, .global_batch = batch, .repeats_s = repeats, .time = data::summarize(repeats)});
  }
  return points;
}

validate::StepTimeLaw fit(std::string_view name, std::vector<data::MeasuredPoint> const& points) {
  for (auto const& rival : validate::rivals())
    if (rival.name == name) return rival.fit(points).value();
  throw std::logic_error("no such rival");
}

std::vector<data::Study> published_studies() {
  std::vector<data::Study> studies;
  for (auto const* const folder : {"mlperf", "published"})
    for (auto const& entry : std::filesystem::directory_iterator(test::shared_data() / folder)) {
      auto const path = entry.path();
      if (path.extension() == ".csv" && path.stem().string().find("_steps") == std::string::npos)
        studies.push_back(test::study_at(path));
    }
  return studies;
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("rivals: each recovers a curve of its own law") {
    std::vector<double> const ranks{1, 2, 4, 8, 16};
    auto const check = [&](char const* name, auto const& time_s) {
      INFO(name);
      auto const law = fit(name, curve(ranks, 96.0, time_s));
      for (double const k : {1.0, 8.0, 256.0}) CHECK_CLOSE(law(k, 96.0), time_s(k), 1e-9);
    };
    check("ideal", [](double k) { return 3.0 / k; });
    check("last_efficiency", [](double k) { return 3.0 / k; });
    check("amdahl", [](double k) { return 0.1 + 3.0 / k; });
    check("amdahl_log", [](double k) { return 0.1 + 3.0 / k + 0.02 * std::log2(k); });
    check("power_law", [](double k) { return 3.0 / std::pow(k, 0.9); });
    check("usl", [](double k) { return 3.0 / k * (1.0 + 0.03 * (k - 1.0) + 1e-4 * k * (k - 1.0)); });
    check("extrap", [](double k) { return 0.1 + 3.0 * std::pow(k, -0.75); });
    check("extrap", [](double k) { return 0.1 + 0.02 * k * std::log2(k); });
    check("true_formula", [](double k) { return 0.1 + 3.0 / k + 1e-4 * 2.0 * (k - 1.0) + 0.2 * (k - 1.0) / k; });
  }

  TEST_CASE("rivals: Extra-P's resource cost where batches differ") {
    // Mixed: K T / B = 0.01 + 0.002 sqrt(K), so T follows for any batch.
    auto points = curve({1, 2, 4, 8}, 1.0, [](double k) { return 0.01 + 0.002 * std::sqrt(k); });
    for (auto& point : points) {
      point.global_batch = point.ranks == 4.0 ? 100.0 : 64.0;
      point.time.mean *= point.global_batch / point.ranks;
    }
    CHECK_CLOSE(fit("extrap", points)(64.0, 640.0), (0.01 + 0.002 * 8.0) * 10.0, 1e-9);
  }

  TEST_CASE("rivals: coefficients do not turn negative") {
    // Superlinear: plain least squares would give Amdahl a negative constant, and a negative time at large K.
    auto const law = fit("amdahl", curve({1, 2, 4}, 1.0, [](double k) { return 1.0 / k - 0.05; }));
    CHECK(law(1000.0, 1.0) > 0.0);
  }

  TEST_CASE("rivals: one point is enough for those that need no slope") {
    auto const points = curve({8}, 64.0, [](double) { return 0.5; });
    for (auto const& rival : validate::rivals()) {
      auto const law = rival.fit(points);
      CHECK(law.has_value() == (rival.name != "power_law" && rival.name != "extrap"));
      if (law) CHECK_CLOSE((*law)(8.0, 64.0), 0.5, 1e-9);
    }
  }

  TEST_CASE("rivals: the figures of the shared data at ratio 4") {
    if (test::shared_data().empty()) {
      MESSAGE("skipped: ../shared/data is absent");
      return;
    }
    std::map<std::string_view, std::vector<double>> errors;
    int n_studies = 0;
    for (auto const& study : published_studies()) {
      std::vector<data::MeasuredPoint> fitted;
      std::set<double> fitted_ranks;
      auto const measured = data::measured_points(study);
      auto all = measured.points;
      if (!measured.has_batch)  // that README read the one weak study without a batch column as B = 1: see rivals.hpp
        for (auto& point : all) point.global_batch = 1.0;
      for (auto const& point : all)
        if (point.ranks <= all.back().ranks / 4.0) {
          fitted.push_back(point);
          fitted_ranks.insert(point.ranks);
        }
      if (fitted_ranks.size() < 2) continue;
      ++n_studies;
      for (auto const& rival : validate::rivals()) {
        auto const optional_law = rival.fit(fitted);
        CHECK((optional_law.has_value() || rival.name == "extrap"));
        if (!optional_law) continue;
        auto const& law = *optional_law;
        for (std::size_t i = fitted.size(); i < all.size(); ++i)
          errors[rival.name].push_back(
              validate::relative_error(law(all[i].ranks, all[i].global_batch), all[i].time.mean));
      }
    }
    CHECK(n_studies == 55);
    CHECK(errors["ideal"].size() == 111);
    auto const figures = [&](char const* name) {
      auto const s = validate::summarize_errors(errors[name]);
      return validate::percent_text(s.median, 1) + " " + validate::percent_text(s.mean, 1) + " " +
             validate::percent_text(s.p90, 1);
    };
    CHECK(figures("amdahl") == "7.6 % 15.4 % 43.9 %");
    CHECK(figures("amdahl_log") == "4.6 % 15.3 % 40.6 %");
    CHECK(figures("last_efficiency") == "7.3 % 15.9 % 49.5 %");
    CHECK(figures("power_law") == "7.7 % 23.5 % 52.0 %");
    CHECK(figures("ideal") == "15.1 % 25.0 % 60.4 %");
    CHECK(figures("usl") == "16.7 % 61.8 % 145.4 %");  // ours: see rivals.hpp
  }
}
