// SPDX-License-Identifier: Apache-2.0
#include "sim/summary.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "data/stats.hpp"
#include "sim/attribute.hpp"
#include "sim/simulate.hpp"
#include "tests/support/checks.hpp"

using namespace kurve;
using namespace kurve::sim;
using model::Model;

namespace {

/// A posterior whose mean is far from its median: growth in half of the draws alone, a skewed serial part, run noise.
Model skewed() {
  Model m;
  m.global_batch = 1024;
  m.parameters.compute_per_sample_s = 1e-3;
  m.parameters.noise_run_cv = 0.03;
  m.parameters.noise_cv = 0.02;
  for (int d = 0; d < 500; ++d) {
    auto p = m.parameters;
    p.serial_s = 0.01 * std::exp(1.2 * std::sin(7.0 * d));
    p.extra_per_rank_s = d % 5 < 2 ? 1e-4 * (1.0 + std::cos(3.0 * d)) : 0.0;
    p.discrepancy_from_ranks = 8.0;
    p.discrepancy_log_growth = 0.02 * std::sin(11.0 * d);
    p.discrepancy_exposed_log_growth = 0.1 * std::cos(13.0 * d);
    m.draws.push_back(p);
  }
  auto mean_of = [&](double model::StepParameters::*member) {
    double sum = 0.0;
    for (auto const& p : m.draws) sum += p.*member;
    return sum / static_cast<double>(m.draws.size());
  };
  m.parameters.serial_s = mean_of(&model::StepParameters::serial_s);
  m.parameters.extra_per_rank_s = mean_of(&model::StepParameters::extra_per_rank_s);
  return m;
}

double sum_of(model::Contributions const& c) {
  return c.serial_s + c.compute_s + c.noise_s + c.straggler_s + c.imbalance_s + c.exposed_comm_s;
}

model::Curve curve_of(Model const& m, double threshold = 0.7, Method method = Method::automatic,
                      std::uint64_t seed = 1) {
  return simulate(m, {.ranks = {1, 8, 64, 512},
                      .global_batches = {},
                      .threshold = threshold,
                      .trials = 4000,
                      .seed = seed,
                      .method = method,
                      .progress = {}});
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("T is the median of the draws, inside its interval, whatever the seed and the number of runs") {
    auto const m = skewed();
    auto const curve = curve_of(m), other = curve_of(m, 0.7, Method::automatic, 77);
    for (std::size_t i = 0; i < curve.points.size(); ++i) {
      auto const& point = curve.points[i];
      std::vector<double> times_s;  // by the formula, a second time
      for (auto const& p : m.draws)
        times_s.push_back(expected_step(p, point.ranks, 1024, {}).mean_s *
                          std::exp(model::discrepancy_log(p, point.ranks, 1024 / point.ranks)));
      CHECK_CLOSE(point.mean_s, data::median(times_s), 1e-12);
      CHECK(point.low_s < point.mean_s);
      CHECK(point.mean_s < point.high_s);
      CHECK(other.points[i].mean_s == point.mean_s);
      CHECK(other.points[i].efficiency.centre == point.efficiency.centre);
    }
    // what was printed: the step at the mean of the parameters, here a third too long
    CHECK(expected_step(m.parameters, 512, 1024, {}).mean_s > 1.3 * curve.points[3].mean_s);
    Target const target{64, 1024};
    auto const centre = [&](double runs) {
      return summarize(m, std::span(&target, 1), baseline_of(m), {.runs = runs}).targets[0].time_s.centre;
    };
    CHECK(centre(1.0) == centre(30.0));
  }

  TEST_CASE("the breakdown adds up to T and is of the draws about it") {
    auto const curve = curve_of(skewed());
    for (auto const& point : curve.points) {
      CHECK_CLOSE(sum_of(point.contributions), point.mean_s, 1e-12);
      CHECK_CLOSE(point.contributions.compute_s, 1.024 / point.ranks, 0.1);  // all draws have it
    }
  }

  TEST_CASE("P(E >= threshold) and E are on one side of the threshold") {
    auto const m = skewed();
    for (double const threshold : {0.05, 0.2, 0.35, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99})
      for (auto const& point : curve_of(m, threshold).points) {
        INFO("K ", point.ranks, " threshold ", threshold, " E ", point.efficiency.centre, " P ", point.p_pays);
        if (point.ranks > 1) {
          CHECK(point.efficiency.low < point.efficiency.centre);
          CHECK(point.efficiency.centre < point.efficiency.high);
        }
        CHECK((point.p_pays >= 0.5) == (point.efficiency.centre >= threshold));
      }
  }

  TEST_CASE("S is E K / K0 whatever the batch, and E is relative to what was measured at K0") {
    auto m = skewed();
    m.baseline_ranks = 2.0;
    for (std::optional<double> const baseline_s : {std::optional<double>{}, std::optional(0.7)}) {
      m.baseline_s = baseline_s;
      auto const curve = simulate(m, {.ranks = {2, 16}, .global_batches = {1024, 8192}, .progress = {}});
      for (auto const& point : curve.points) {
        CHECK_CLOSE(point.speedup.value(), point.efficiency.centre * point.ranks / 2.0, 1e-12);
        if (baseline_s)  // throughput over that of the measurement
          CHECK_CLOSE(point.efficiency.centre, point.global_batch / point.ranks / point.mean_s / (1024 / 2.0 / 0.7),
                      1e-12);
      }
      CHECK(curve.baseline_s == baseline_s);
    }
  }

  TEST_CASE("attribution explains the T and the E that are printed") {
    auto const m = skewed();
    auto const curve = curve_of(m);
    auto const& last = curve.points.back();
    auto const a = attribute(m, {last.ranks, last.global_batch});
    CHECK_CLOSE(a.mean_s, last.mean_s, 1e-12);
    CHECK_CLOSE(a.ideal_s, last.efficiency.centre * last.mean_s, 1e-12);
    double sum = a.higher_order_s + a.rest_s;
    for (auto const& cause : a.causes) sum += cause.cost_s;
    for (auto const& pair : a.interactions) sum += pair.cost_s;
    CHECK_CLOSE(sum, a.mean_s - a.ideal_s, 1e-9);
  }

  TEST_CASE("the draws about the median are those next to it") {
    std::vector<double> times_s;
    for (int d = 0; d < 200; ++d) times_s.push_back(static_cast<double>((37 * d) % 200));
    auto const middle = middle_draws(times_s);
    CHECK(middle.size() == 12);  // five below the two in the middle, five above
    for (auto const d : middle) CHECK(std::abs(times_s[d] - 99.5) < 6.0);
    CHECK(middle_draws(std::vector<double>(50, 1.0)) == std::vector<std::uint32_t>{0});
    CHECK(middle_draws(std::vector{3.0}) == std::vector<std::uint32_t>{0});
    CHECK(middle_draws(std::vector{3.0, 1.0, 2.0}) == std::vector<std::uint32_t>{2});
  }

  TEST_CASE("a fitted point that misses its measurement is named, and so is a Model of one K") {
    auto m = skewed();
    m.origin.known = true;
    m.origin.fitted = {{.ranks = 1, .global_batch = 1024, .runs = 3, .measured_s = 1.6, .flag = ""},
                       {.ranks = 8, .global_batch = 1024, .measured_s = 0.14, .flag = ""}};
    CHECK(cautions(m).empty());  // not placed yet
    place_fitted_points(m);
    auto const curve = curve_of(m);
    CHECK(m.origin.fitted[1].fitted_s == curve.points[1].mean_s);
    CHECK(m.origin.fitted[1].low_s == curve.points[1].low_s);
    CHECK(m.origin.fitted[0].high_s < curve.points[0].high_s);  // of three runs
    CHECK(m.origin.fitted[0].misses());
    CHECK_FALSE(m.origin.fitted[1].misses());
    REQUIRE(curve.cautions.size() == 1);
    CHECK(curve.cautions[0].starts_with("K = 1 was measured at 1.6 s, but the Model, though fitted to it, says 1.0"));

    m.origin.fitted.erase(m.origin.fitted.begin());
    REQUIRE(cautions(m).size() == 1);
    CHECK(cautions(m)[0].starts_with("the Model was fitted to K = 8 alone: everything beyond it is prior"));
    m.knowledge["compute.per_sample"].source = model::Source::measured;
    CHECK(cautions(m).empty());
  }
}

TEST_SUITE("stat") {
  TEST_CASE("every method gives the closed form's T, E and breakdown") {
    auto const m = skewed();
    auto const exact = curve_of(m);
    for (auto const method : {Method::order_statistics, Method::workers, Method::ring}) {
      auto const drawn = curve_of(m, 0.7, method);
      for (std::size_t i = 0; i < exact.points.size(); ++i) {
        auto const &a = exact.points[i], &b = drawn.points[i];
        CHECK(std::abs(b.mean_s - a.mean_s) <= 4.0 * b.standard_error_s);
        CHECK_CLOSE(b.efficiency.centre, a.efficiency.centre * a.mean_s / b.mean_s, 1e-9);
        CHECK_CLOSE(sum_of(b.contributions), b.mean_s, 1e-12);
        CHECK(b.low_s < b.mean_s);
        CHECK(b.mean_s < b.high_s);
      }
    }
  }
}
