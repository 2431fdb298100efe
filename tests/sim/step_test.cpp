// SPDX-License-Identifier: Apache-2.0
#include "sim/step.hpp"

#include <algorithm>

#include "model/error.hpp"
#include "sim/expected.hpp"
#include "tests/sim/step_samples.hpp"
#include "tests/support/checks.hpp"
#include "tests/support/skewed_noise.hpp"

using namespace kurve;
using namespace kurve::sim;
using model::Shape;
using model::StepParameters;
using test::by_order_statistics;
using test::by_workers;

namespace {

struct Case {
  StepParameters p;
  double ranks;
};

StepParameters base() { return {.serial_s = 0.1, .compute_per_sample_s = 1.0}; }

/// Varied parameter sets, most of them with a single law of noise times imbalance.
std::vector<Case> cases() {
  std::vector<Case> all;
  auto const add = [&](double ranks, auto&& set) {
    all.push_back({base(), ranks});
    set(all.back().p);
  };
  add(4, [](auto& p) { p.noise_cv = 0.1; });
  add(64, [](auto& p) {
    p.noise_cv = 0.3;
    p.noise_shape = Shape::normal;
  });  // clipped at 0 once in 2,000
  add(64, [](auto& p) {
    p.noise_cv = 0.05;
    p.noise_shape = Shape::weibull;
  });
  add(100, [](auto& p) { p.imbalance_cv = 0.14; });
  add(32, [](auto& p) {
    p.noise_cv = 0.05;
    p.imbalance_cv = 0.1;
    p.imbalance_shape = Shape::lognormal;
  });
  add(64, [](auto& p) {
    p.noise_cv = 0.02;
    p.straggler_probability = 0.02;
    p.straggler_slowdown = 1.5;
  });
  add(64, [](auto& p) {
    p.noise_cv = 0.02;
    p.straggler_probability = 0.05;
    p.straggler_slowdown = 1.3;
    p.straggler_spread_cv = 0.8;
  });
  add(16, [](auto& p) {
    p.straggler_probability = 0.1;
    p.straggler_slowdown = 2;
    p.straggler_spread_cv = 0.5;
    p.straggler_shape = Shape::pareto;
  });
  add(48, [](auto& p) {
    p.noise_cv = 0.02;
    p.persistent_probability = 0.02;
    p.persistent_slowdown = 1.2;
    p.straggler_probability = 0.05;
    p.straggler_slowdown = 1.1;
  });
  add(64, [](auto& p) {
    p.noise_cv = 0.03;
    p.noise_node_cv = 0.05;
    p.workers_per_node = 8;
  });
  add(28, [](auto& p) {
    p.noise_cv = 0.03;
    p.noise_node_cv = 0.02;
    p.workers_per_node = 8;
    p.straggler_probability = 0.03;
    p.straggler_slowdown = 1.4;
  });
  add(8, [](auto& p) {
    p.noise_cv = 0.03;
    p.noise_step_cv = 0.02;
    p.noise_run_cv = 0.03;
    p.noise_shape = Shape::gumbel;
  });
  for (double const ranks : {1.0, 50.0, 3000.0})
    add(ranks, [](auto& p) {
      p = test::with_skewed_noise(p);
      p.noise_cv = 0.08;
    });
  add(40, [](auto& p) {
    p = test::with_skewed_noise(p);
    p.noise_cv = p.noise_node_cv = p.noise_step_cv = 0.05;
    p.workers_per_node = 8;
    p.straggler_probability = 0.03;
    p.straggler_slowdown = 1.4;
  });
  add(1, [](auto& p) {
    p.noise_cv = 0.1;
    p.imbalance_cv = 0.5;
    p.straggler_probability = 0.3;
    p.straggler_slowdown = 2;
  });
  return all;
}

double ks_distance(std::vector<double> a, std::vector<double> b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  double distance = 0.0;
  std::size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    double const x = std::min(a[i], b[j]);
    while (i < a.size() && a[i] <= x) ++i;
    while (j < b.size() && b[j] <= x) ++j;
    distance = std::max(distance, std::abs(static_cast<double>(i) / static_cast<double>(a.size()) -
                                           static_cast<double>(j) / static_cast<double>(b.size())));
  }
  return distance;
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("without noise every trial is the closed form by both methods") {
    StepParameters p = base();
    p.gradient_bytes = 1e8;
    p.inter_bandwidth_Bps = 1e9;
    for (double const k : {1.0, 2.0, 64.0}) {
      StepSampler const sampler(p, k, 128, 1);
      double const truth = model::step_time(p, k, 128).total_s();
      CHECK_CLOSE(by_workers(sampler, 4)[3], truth, 4e-16);  // another order of two additions
      CHECK_CLOSE(by_order_statistics(sampler, 4)[3], truth, 4e-16);
    }
  }

  TEST_CASE("fractional K is not sampled") { CHECK_THROWS_AS(StepSampler(base(), 2.5, 8, 1), InputError); }
}

TEST_SUITE("stat") {
  TEST_CASE("order statistics workers and closed form agree on varied models") {
    int const n = 10'000;
    double const levels[] = {0.1, 0.5, 0.9};
    int number = 0;
    for (auto const& [p, ranks] : cases()) {
      INFO("case ", number++);
      StepSampler const sampler(p, ranks, ranks, 77);
      auto const expected = expected_step(p, ranks, ranks, levels);
      auto const workers = by_workers(sampler, n);
      CHECK_MEAN(workers, expected.mean_s);  // the lattice errs by 1e-3 of the excess, SE is about 1e-2 of the spread
      for (auto const& [level, time_s] : expected.quantiles_s) {
        // proportion below the quantile, within 4 SE; ties and a lattice step of 1/12 cv: density 0.4/cv moves it 0.017
        auto const below = std::count_if(workers.begin(), workers.end(), [&](double x) { return x <= time_s; });
        bool const tied = p.noise_cv + p.imbalance_cv == 0.0;
        if (!tied)
          CHECK(std::abs(static_cast<double>(below) / n - level) <= 4.0 * std::sqrt(level * (1.0 - level) / n) + 0.017);
      }
      auto const one_draw = by_order_statistics(sampler, n);
      CHECK_MEAN(one_draw, expected.mean_s);
      CHECK(ks_distance(workers, one_draw) <= 1.95 * std::sqrt(2.0 / n));  // alpha = 0.001
    }
  }

  TEST_CASE("closed form of a product of two shapes agrees with workers") {
    StepParameters p = base();
    p.noise_cv = 0.05;
    p.imbalance_cv = 0.14;
    p.straggler_probability = 0.02;
    p.straggler_slowdown = 1.6;
    p.straggler_spread_cv = 0.7;
    p.noise_node_cv = 0.04;
    p.workers_per_node = 4;
    for (double const k : {2.0, 30.0, 256.0}) {
      StepSampler const sampler(p, k, k, 5);
      CHECK_MEAN(by_workers(sampler, 10'000), expected_step(p, k, k, {}).mean_s);
    }
  }
}
