// SPDX-License-Identifier: Apache-2.0
// Buckets under backward, and several synchronizations a step, by every method.
#include <algorithm>

#include "sim/expected.hpp"
#include "sim/hop_step.hpp"
#include "sim/predict.hpp"
#include "sim/slowest.hpp"
#include "sim/step.hpp"
#include "sim/time_law.hpp"
#include "tests/sim/step_samples.hpp"
#include "tests/support/checks.hpp"
#include "tests/support/instruction_sets.hpp"

using namespace kurve;
using namespace kurve::sim;
using model::StepParameters;
using test::by_order_statistics;
using test::by_workers;

namespace {

/// 1 s of compute, and an all-reduce of about as long, in DDP's buckets.
StepParameters overlapped() {
  StepParameters p{.serial_s = 0.05,
                   .compute_fixed_s = 1.0,
                   .gradient_bytes = 130e6,
                   .workers_per_node = 4,
                   .intra_bandwidth_Bps = 1e9,
                   .inter_latency_s = 1e-4,
                   .inter_bandwidth_Bps = 2.5e8,
                   .overlap_fraction = 0.6,
                   .bucket_bytes = 26214400,
                   .first_bucket_bytes = 1048576};
  p.extra_multi_s = 0.01;
  return p;
}

struct Case {
  double ranks;
  StepParameters p;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  auto const add = [&](double ranks, auto&& change) {
    all.push_back({ranks, overlapped()});
    change(all.back().p);
  };
  add(16, [](auto& p) { p.noise_cv = 0.1; });
  add(24, [](auto& p) {
    p.noise_cv = 0.05;
    p.barriers_per_step = 3;
  });
  add(8, [](auto& p) {
    p.noise_cv = 0.1;
    p.noise_shape = model::Shape::gumbel;
    p.bucket_bytes = 0;
    p.overlap_buckets = 8;
    p.allreduces_per_step = 16;
  });
  add(22, [](auto& p) {  // the last node is not full
    p.noise_cv = 0.05;
    p.noise_node_cv = 0.1;
    p.barriers_per_step = 2;
    p.allreduce = model::AllreduceAlgorithm::hierarchical_ring;
  });
  add(16, [](auto& p) {
    p.noise_cv = 0.02;
    p.straggler_probability = 0.02;
    p.straggler_slowdown = 1.5;
    p.straggler_spread_cv = 0.5;
    p.barriers_per_step = 4;
    p.overlap_fraction = 0.9;
  });
  add(12, [](auto& p) {
    p.imbalance_cv = 0.2;
    p.noise_cv = 0.01;
    p.barriers_per_step = 2;
  });
  add(32, [](auto& p) {
    p.noise_cv = 0.1;
    p.noise_step_cv = 0.02;
    p.noise_run_cv = 0.03;
    p.barriers_per_step = 5;
    p.gradient_bytes = 1e7;
  });
  return all;
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("without randomness every method is the pipeline of buckets and phases") {
    for (double const barriers : {1.0, 3.0})
      for (double const bytes : {130e6, 1e6, 0.0}) {
        auto p = overlapped();
        p.barriers_per_step = barriers;
        p.gradient_bytes = bytes;
        double const truth = model::step_time(p, 16, 16).total_s();
        INFO("barriers ", barriers, " bytes ", bytes);
        CHECK_CLOSE(expected_step(p, 16, 16, {}).mean_s, truth, 1e-15);
        StepSampler const sampler(p, 16, 16, 1);
        CHECK_CLOSE(by_workers(sampler, 3)[2], truth, 1e-15);  // sums of a few parts
        CHECK_CLOSE(by_order_statistics(sampler, 3)[2], truth, 1e-15);
        CHECK_CLOSE(HopStepSampler(p, 16, 16, 1).draw(2).time_s, truth, 1e-13);  // some 500 hops
      }
  }

  TEST_CASE("a straggler's own backward hides communication: both values of the step by hand") {
    // one bucket kind, K = 2, 1 s of all-reduce in 4 buckets under 1 s of backward: 1.25 s, and with a worker of twice
    // the compute 2.25 s, not 2.25 + 0.5: what waits for it is hidden by it
    StepParameters const p{.compute_fixed_s = 1.0,
                           .gradient_bytes = 1e9,
                           .inter_bandwidth_Bps = 1e9,
                           .overlap_fraction = 1.0,
                           .overlap_buckets = 4,
                           .straggler_probability = 0.1,
                           .straggler_slowdown = 2.0};
    double const hit = 1.0 - 0.9 * 0.9;
    CHECK_CLOSE(expected_step(p, 2, 2, {}).mean_s, 1.25 + hit, 1e-12);
    // twice the gradient: 2 s of all-reduce; from the first bucket on: 0.25 + 2 = 2.25 s, against 2 + 0.5 = 2.5 s
    auto twice = p;
    twice.gradient_bytes = 2e9;
    CHECK_CLOSE(expected_step(twice, 2, 2, {}).mean_s, 2.25 + 0.25 * hit, 1e-12);
    Target const target[] = {{2, 2}};
    model::Model m;
    m.parameters = twice;
    CHECK(predict(m, target, {.draws = 1})[0][0] == expected_step(twice, 2, 2, {}).mean_s);
    for (std::uint32_t t = 0; t < 20; ++t) {
      double const time_s = HopStepSampler(twice, 2, 2, 5).draw(t).time_s;
      CHECK(std::min(std::abs(time_s - 2.25), std::abs(time_s - 2.5)) <= 1e-14);
    }
  }

  TEST_CASE("m barriers: a straggler loses in one phase what it would in the step") {
    StepParameters const p{
        .compute_fixed_s = 1.0, .barriers_per_step = 4, .straggler_probability = 0.2, .straggler_slowdown = 1.5};
    // each phase: 0.25 s, or with probability 1 - (1 - 0.05)^3 another 0.5 s
    double const hit = 1.0 - std::pow(0.95, 3);
    auto const step = expected_step(p, 3, 3, {});
    CHECK_CLOSE(step.mean_s, 1.0 + 4 * 0.5 * hit, 1e-12);
    CHECK_CLOSE(step.sd_s, 0.5 * std::sqrt(4 * hit * (1.0 - hit)), 1e-9);
  }

  TEST_CASE("a sum of equal laws has their binomial and their spread") {
    TimeLaw const coin{{1.0, 2.0}, {0.5, 0.5}};
    auto const ten = sum_of(coin, 10);
    CHECK_CLOSE(standard_deviation(ten), std::sqrt(2.5), 1e-4);  // width of the grid: (1/100)^2 of a variance of 1/4
    double up_to_14 = 0.0;  // 4 of 10 heads or fewer: 386 of 1024; the grid spreads a value by half a step of 1/100
    for (std::size_t i = 0; i < ten.mass.size(); ++i)
      if (ten.time_s[i] < 14.5) up_to_14 += ten.mass[i];
    CHECK_CLOSE(up_to_14, 386.0 / 1024.0, 1e-9);
    CHECK(sum_of(TimeLaw{{3.0}, {1.0}}, 7).time_s == std::vector{21.0});
    // 386 of 1024 and the next, 210: values by themselves, not spread
    CHECK_CLOSE(quantile(ten, 385.5 / 1024.0), 14.0, 1e-14);
    CHECK_CLOSE(quantile(ten, 386.5 / 1024.0), 15.0, 1e-14);
  }

  TEST_CASE("a far tail does not coarsen the middle of a sum") {
    // a normal of 1 +- 0.01 on 200 points and, with a probability of 1e-3, 10^8: four of them are normal of 4 +- 0.02
    // but for 4e-3, a quantile of which is that of 1/(1 - 4e-3) of its level
    TimeLaw law{{}, {}};
    for (int i = -100; i <= 100; ++i) {
      double const z = 0.06 * i;
      law.time_s.push_back(1.0 + 0.01 * z);
      law.mass.push_back(0.999 * 0.06 * std::exp(-0.5 * z * z) / std::sqrt(2.0 * M_PI));
    }
    law.time_s.push_back(1e8);
    law.mass.push_back(1e-3);
    auto const four = sum_of(law, 4);
    double const none = std::pow(0.999, 4);
    for (auto const& [level, z] : {std::pair{0.05, -1.644854}, std::pair{0.5, 0.0}, std::pair{0.95, 1.644854}})
      CHECK(std::abs(quantile(four, level * none) - (4.0 + 0.02 * z)) <= 1e-3 * 0.02);
    CHECK_CLOSE(quantile(four, 1.0 - 1e-3), 1e8, 1e-2);
  }

  TEST_CASE("buckets and phases are the same on every instruction set") {
    for (auto const& [ranks, p] : cases()) {
      StepSampler const sampler(p, ranks, ranks, 9);
      auto const workers = by_workers(sampler, 3), maxima = by_order_statistics(sampler, 150);
      test::on_each_instruction_set([&](char const* name) {
        INFO(name);
        CHECK(by_workers(sampler, 3) == workers);
        CHECK(by_order_statistics(sampler, 150) == maxima);
      });
    }
  }
}

TEST_SUITE("stat") {
  TEST_CASE("m barriers of exponential noise: mean and spread of the maximum in closed form by every method") {
    // a phase: C/m (1 - c + c E_max), c = cv sqrt m; mean of E_max is H_K, variance the sum of 1/i^2. In the step:
    // C (1 + cv sqrt(m) (H_K - 1)) and C cv sqrt(sum 1/i^2), whatever m
    double const k = 16.0, cv = 0.1;
    double harmonic = 0.0, squares = 0.0;
    for (double i = 1.0; i <= k; ++i) {
      harmonic += 1.0 / i;
      squares += 1.0 / (i * i);
    }
    double const levels[] = {0.5};
    for (double const m : {1.0, 4.0, 25.0}) {
      StepParameters const p{
          .compute_fixed_s = 1.0, .barriers_per_step = m, .noise_cv = cv, .noise_shape = model::Shape::exponential};
      double const mean_s = 1.0 + cv * std::sqrt(m) * (harmonic - 1.0), sd_s = cv * std::sqrt(squares);
      auto const expected = expected_step(p, k, k, levels);
      CHECK_CLOSE(expected.mean_s, mean_s, 1e-8);
      CHECK_CLOSE(expected.sd_s, sd_s, 2e-3);  // lattice of cv / 12
      int const n = 20'000;
      StepSampler const sampler(p, k, k, 3);
      for (auto const& steps_s : {by_workers(sampler, n), by_order_statistics(sampler, n)}) {
        CHECK_MEAN(steps_s, mean_s);
        // SE of an sd: its fourth moment is below that of an exponential, 9: sqrt((9 - 1) / 4 n)
        CHECK_CLOSE(test::moments(steps_s).sd, sd_s, 4.0 * std::sqrt(2.0 / n));
        auto const below =
            std::count_if(steps_s.begin(), steps_s.end(), [&](double x) { return x <= expected.quantiles_s.at(0.5); });
        CHECK(std::abs(static_cast<double>(below) / n - 0.5) <= 4.0 * 0.5 / std::sqrt(n) + 0.017);
      }
      std::vector<double> hops;
      HopStepSampler const ring(p, k, k, 4);
      for (std::uint32_t t = 0; t < 4000; ++t) hops.push_back(ring.draw(t).time_s);
      CHECK_MEAN(hops, mean_s);
    }
  }

  TEST_CASE("several barriers and heavy tails: quantiles of the closed form are those of the samplers") {
    int const n = 40'000;
    double const levels[] = {0.01, 0.05, 0.5, 0.95, 0.99};
    auto const check = [&](char const* name, double ranks, StepParameters const& p) {
      INFO(name, " K ", ranks);
      auto const expected = expected_step(p, ranks, ranks, levels);
      auto const maxima = by_order_statistics(StepSampler(p, ranks, ranks, 11), n);
      for (auto const& [level, time_s] : expected.quantiles_s) {
        INFO("level ", level, " at ", time_s);
        // A value that has a probability of its own is missed by none of it: at most below, at least up to.
        auto const share = [&](double t) {
          return static_cast<double>(std::count_if(maxima.begin(), maxima.end(), [&](double x) { return x <= t; })) / n;
        };
        double const tolerance = 4.0 * std::sqrt(level * (1.0 - level) / n) + 5e-3;
        CHECK(share(0.998 * time_s) <= level + tolerance);
        CHECK(share(1.002 * time_s) >= level - tolerance);
      }
    };
    for (double const k : {4.0, 64.0}) {
      StepParameters p{.compute_fixed_s = 0.064, .barriers_per_step = 8, .noise_cv = 0.02};
      p.straggler_probability = 0.01;
      p.straggler_slowdown = 1.3;
      p.straggler_spread_cv = 1.0;
      p.straggler_shape = model::Shape::pareto;
      check("rare Pareto stragglers", k, p);
      p.straggler_shape = model::Shape::weibull;
      p.straggler_spread_cv = 2.0;
      p.barriers_per_step = 50;
      check("rare Weibull stragglers, 50 barriers", k, p);
      StepParameters q{.compute_fixed_s = 1.0, .barriers_per_step = 8};
      q.straggler_probability = 0.15;
      q.straggler_slowdown = 5.0;
      q.straggler_spread_cv = 1.0;
      q.straggler_shape = model::Shape::lognormal;
      q.persistent_probability = 0.004;
      q.persistent_slowdown = 1.05;
      check("no noise but stragglers", k, q);
      StepParameters r{.serial_s = 0.02, .compute_fixed_s = 0.01, .barriers_per_step = 8, .noise_cv = 0.2};
      r.noise_shape = r.imbalance_shape = model::Shape::pareto;
      r.imbalance_cv = 0.1;
      r.noise_run_cv = 0.01;
      check("Pareto noise and shares", k, r);
    }
  }

  TEST_CASE("closed form order statistics workers and ring agree with buckets overlap nodes and barriers") {
    int const n = 10'000;
    int number = 0;
    double const levels[] = {0.1, 0.5, 0.9};
    for (auto const& [ranks, p] : cases()) {
      INFO("case ", number++);
      StepSampler const sampler(p, ranks, ranks, 77);
      auto const expected = expected_step(p, ranks, ranks, levels);
      auto const workers = by_workers(sampler, n), maxima = by_order_statistics(sampler, n);
      CHECK_MEAN(workers, expected.mean_s);
      CHECK_MEAN(maxima, expected.mean_s);
      for (auto const& [level, time_s] : expected.quantiles_s) {
        auto const below = std::count_if(maxima.begin(), maxima.end(), [&](double x) { return x <= time_s; });
        CHECK(std::abs(static_cast<double>(below) / n - level) <= 4.0 * std::sqrt(level * (1.0 - level) / n) + 0.017);
      }
      HopStepSampler const ring(p, ranks, ranks, 77);
      for (std::uint32_t t = 0; t < 200; ++t) CHECK_CLOSE(ring.draw(t).time_s, workers[t], 1e-12);  // the very workers
    }
  }
}
