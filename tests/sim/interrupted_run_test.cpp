// SPDX-License-Identifier: Apache-2.0
#include "sim/interrupted_run.hpp"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "tests/support/checks.hpp"

using namespace kurve;
using sim::interrupted_run_s;

namespace {

constexpr double hour = 3600.0;
constexpr model::Failures large_job{.mean_between_s = 3.0 * hour, .checkpoint_s = 300.0, .restart_s = 1200.0};

std::vector<double> draws(model::Failures const& f, double work_s, double segments, int n, std::uint64_t seed = 1) {
  std::vector<double> wall_s;
  for (int i = 0; i < n; ++i)
    wall_s.push_back(interrupted_run_s(f, work_s, segments, seed, static_cast<std::uint32_t>(i), 64));
  return wall_s;
}

/// A second implementation, attempt by attempt, with the standard library's generator.
std::vector<double> attempts(model::Failures const& f, double work_s, int segments, int n) {
  std::mt19937_64 engine(5);
  std::exponential_distribution<double> life(1.0 / f.mean_between_s);
  std::vector<double> wall_s;
  for (int i = 0; i < n; ++i) {
    double total_s = 0.0;
    for (int piece = 0; piece < segments; ++piece) {
      double const busy_s = work_s / segments + (piece + 1 < segments ? f.checkpoint_s : 0.0);
      for (double x = life(engine); x < busy_s; x = life(engine)) {
        total_s += x;
        double y = life(engine);
        for (; y < f.restart_s; y = life(engine)) total_s += y;
        total_s += f.restart_s;
      }
      total_s += busy_s;
    }
    wall_s.push_back(total_s);
  }
  return wall_s;
}

/// Largest distance of two samples' distribution functions, to the millisecond: runs without a failure are one atom.
double distance(std::vector<double> a, std::vector<double> b) {
  for (auto* sample : {&a, &b}) {
    for (double& x : *sample) x = std::round(x * 1e3);
    std::sort(sample->begin(), sample->end());
  }
  auto const share = [](std::vector<double> const& sorted, double x) {
    return static_cast<double>(std::upper_bound(sorted.begin(), sorted.end(), x) - sorted.begin()) /
           static_cast<double>(sorted.size());
  };
  double most = 0.0;
  for (double const x : a) most = std::max(most, std::abs(share(a, x) - share(b, x)));
  return most;
}

}  // namespace

TEST_SUITE("stat") {
  TEST_CASE("interrupted run: the mean slowdown of the published example is 1 43") {
    // 20 segments at the exact optimum, about 5 failures each run: followed one by one.
    double const tau_s = model::best_interval_s(large_job), work_s = 20.0 * tau_s;
    auto const wall_s = draws(large_job, work_s, 20.0, 20'000);
    CHECK_MEAN(wall_s, model::expected_run_s(large_job, work_s, 20.0));
    // The last segment saves its checkpoint: 1/20 of 0.182 off 1.428.
    CHECK_CLOSE(test::moments(wall_s).mean / work_s, 1.428, 0.01);
  }

  TEST_CASE("interrupted run: mean and variance are the closed forms whichever way it is drawn") {
    for (double const segments : {1.0, 8.0, 400.0}) {  // 400: 90 failures expected, beyond what is followed
      double const work_s = segments * 0.65 * hour;
      auto const inner = model::segment_moments(large_job, 0.65 * hour + 300.0);
      auto const last = model::segment_moments(large_job, 0.65 * hour);
      int const n = 20'000;
      auto const m = test::moments(draws(large_job, work_s, segments, n));
      double const variance = (segments - 1.0) * inner.variance_s2 + last.variance_s2;
      CHECK(std::abs(m.mean - model::expected_run_s(large_job, work_s, segments)) <= 4.0 * m.standard_error);
      // sd of a sample variance, kurtosis at most 9 (one geometric segment): sqrt(8/n)
      CHECK_CLOSE(m.sd * m.sd, variance, 4.0 * std::sqrt(8.0 / n));
    }
  }

  TEST_CASE("interrupted run: its law is that of a run simulated attempt by attempt") {
    int const n = 20'000;
    double const limit = 1.95 * std::sqrt(2.0 / n);  // two-sample KS at 0.001
    for (int const segments : {1, 8, 350}) {         // 350: 79 failures, Pearson III
      double const work_s = segments * 0.65 * hour;
      CHECK(distance(draws(large_job, work_s, segments, n), attempts(large_job, work_s, segments, n)) < limit);
    }
    model::Failures const hard{.mean_between_s = 300.0, .checkpoint_s = 30.0, .restart_s = 1300.0};  // e^4.3 restarts
    CHECK(distance(draws(hard, 1000.0, 5.0, n), attempts(hard, 1000.0, 5, n)) < limit);
  }
}

TEST_SUITE("unit") {
  TEST_CASE("interrupted run: a run is a pure function of seed and run and K") {
    CHECK(interrupted_run_s(large_job, 1e6, 100, 7, 3, 8) == interrupted_run_s(large_job, 1e6, 100, 7, 3, 8));
    CHECK(interrupted_run_s(large_job, 1e6, 100, 7, 3, 8) != interrupted_run_s(large_job, 1e6, 100, 7, 3, 16));
    CHECK(interrupted_run_s(large_job, 1e6, 100, 7, 3, 8) != interrupted_run_s(large_job, 1e6, 100, 7, 4, 8));
  }
}
