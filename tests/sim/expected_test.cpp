// SPDX-License-Identifier: Apache-2.0
#include "sim/expected.hpp"

#include "model/maxima.hpp"
#include "sim/slowest.hpp"
#include "tests/support/checks.hpp"

using namespace kurve;
using namespace kurve::sim;
using model::Shape;
using model::StepParameters;

TEST_SUITE("unit") {
  TEST_CASE("without randomness the expected step is the closed form") {
    StepParameters const p{.serial_s = 1e-3,
                           .compute_per_sample_s = 1e-4,
                           .gradient_bytes = 1e8,
                           .workers_per_node = 8,
                           .intra_latency_s = 1e-6,
                           .intra_bandwidth_Bps = 1e11,
                           .inter_latency_s = 5e-6,
                           .inter_bandwidth_Bps = 1e10,
                           .overlap_fraction = 0.5,
                           .overlap_buckets = 4};
    double const levels[] = {0.05, 0.5, 0.95};
    for (double const k : {1.0, 8.0, 100.0, 4096.0}) {
      auto const t = expected_step(p, k, 4096, levels);
      CHECK(t.mean_s == model::step_time(p, k, 4096).total_s());
      CHECK(t.sd_s == 0.0);
      for (auto const& [level, time_s] : t.quantiles_s) CHECK_CLOSE(time_s, t.mean_s, 1e-15);
    }
  }

  TEST_CASE("a certain slowdown with probability p of one worker reaches one of K with 1 - (1-p)^K") {
    StepParameters p{.compute_per_sample_s = 1.0, .straggler_probability = 0.01, .straggler_slowdown = 1.7};
    for (double const k : {1.0, 10.0, 100.0, 1e6}) {
      double const hit = 1.0 - std::pow(0.99, k);
      CHECK_CLOSE(SlowestWorker(p, k).mean(k), 1.0 + 0.7 * hit, 1e-10);  // both values on the lattice: rounding only
      CHECK_CLOSE(expected_step(p, k, k, {}).sd_s, 0.7 * std::sqrt(hit * (1.0 - hit)), 1e-6);
    }
    StepParameters const q{.compute_per_sample_s = 1.0, .persistent_probability = 0.01, .persistent_slowdown = 1.7};
    CHECK_CLOSE(SlowestWorker(q, 100).mean(100), SlowestWorker(p, 100).mean(100), 1e-12);
  }

  TEST_CASE("the lattice agrees with quadrature where both apply") {
    // Straggler and persistent factors that are all but absent force the lattice: they move E[M] by 1e-9 each.
    for (auto const shape :
         {Shape::normal, Shape::lognormal, Shape::exponential, Shape::gumbel, Shape::weibull, Shape::pareto})
      for (double const cv : {0.005, 0.1}) {
        StepParameters const p{
            .noise_cv = cv, .straggler_probability = 1e-12, .straggler_slowdown = 1.001, .noise_shape = shape};
        for (double const k : {1.0, 2.0, 8.0, 1024.0, 1e6}) {
          double const exact = model::maximum_moments(model::factor_law(shape, cv), k).mean;
          INFO("shape ", static_cast<int>(shape), " cv ", cv, " K ", k);
          // contract: 2e-3 of the excess; sd of the law in the place of the excess for K = 1, where it is none
          CHECK(std::abs(SlowestWorker(p, k).mean(k) - exact) <= 2e-3 * std::max(exact - 1.0, cv) + 2e-9);
        }
      }
  }

  TEST_CASE("laws that reach below 0 are clipped there: mean of the largest by an integral") {
    for (auto const& [shape, cv] :
         {std::pair{Shape::normal, 0.5}, std::pair{Shape::normal, 1.0}, std::pair{Shape::normal, 2.0},
          std::pair{Shape::normal, 5.0}, std::pair{Shape::gumbel, 1.0}, std::pair{Shape::exponential, 2.0}})
      for (double const k : {1.0, 2.0, 8.0, 1024.0, 1e6}) {
        auto const law = model::factor_law(shape, cv);
        // E max = integral from 0 of 1 - F^K, to where a million times 1 - F is 1e-12
        double const high = model::quantile(law, 1.0, 1e-18);
        int const cells = 200'000;
        double exact = 0.0;
        for (int i = 0; i < cells; ++i)
          exact -= std::expm1(k * std::log1p(-model::survival(law, high * (i + 0.5) / cells))) * high / cells;
        INFO("shape ", static_cast<int>(shape), " cv ", cv, " K ", k);
        StepParameters const p{.noise_cv = cv, .noise_shape = shape};
        // contract: 2e-3 of the excess; of the sd for K = 1, where there is no excess to speak of
        CHECK(std::abs(SlowestWorker(p, k).mean(k) - exact) <= 2e-3 * (k == 1.0 ? cv : exact - 1.0));
      }
  }

  TEST_CASE("a slowdown of less than a lattice step takes no finer lattice and moves the mean by itself") {
    StepParameters p{.noise_cv = 0.1, .persistent_probability = 1.0, .imbalance_cv = 0.05};
    p.noise_shape = p.imbalance_shape = Shape::lognormal;
    auto without = p;
    without.persistent_probability = 0.0;
    for (double const slowdown : {1.0 + 1e-9, 1.0 + 1e-6, 1.001}) {
      p.persistent_slowdown = slowdown;
      SlowestWorker const worker(p, 1024);
      CHECK(worker.law(1024).mass.size() < 8192);
      double const exact = SlowestWorker(without, 1024).mean(1024) * slowdown;
      CHECK(std::abs(worker.mean(1024) - exact) <= 2e-3 * (exact - 1.0));
    }
  }

  TEST_CASE("noise of a node of one worker is noise of the worker") {
    StepParameters const worker{.noise_cv = 0.07, .noise_shape = Shape::gumbel};
    StepParameters const node{.noise_node_cv = 0.07, .noise_shape = Shape::gumbel};
    CHECK_CLOSE(SlowestWorker(node, 64).mean(64), SlowestWorker(worker, 64).mean(64), 1e-12);
    StepParameters shared = node;
    shared.workers_per_node = 8;  // 64 workers in 8 nodes are 8 draws: lattice against quadrature, 2e-3 of the excess
    CHECK_CLOSE(SlowestWorker(shared, 64).mean(64) - 1.0, SlowestWorker(worker, 64).mean(8) - 1.0, 2e-3);
    // 12 workers fill a node and half a node: two draws
    CHECK_CLOSE(SlowestWorker(shared, 64).mean(12) - 1.0, SlowestWorker(worker, 64).mean(2) - 1.0, 2e-3);
  }

  TEST_CASE("contributions add up to the mean and vanish without their cause") {
    StepParameters p{.serial_s = 0.01,
                     .compute_per_sample_s = 1e-3,
                     .gradient_bytes = 1e8,
                     .workers_per_node = 4,
                     .intra_latency_s = 1e-6,
                     .intra_bandwidth_Bps = 1e11,
                     .inter_latency_s = 5e-6,
                     .inter_bandwidth_Bps = 1e10,
                     .noise_cv = 0.02,
                     .noise_node_cv = 0.01,
                     .noise_step_cv = 0.02,
                     .noise_run_cv = 0.01,
                     .straggler_probability = 0.01,
                     .straggler_slowdown = 1.5,
                     .straggler_spread_cv = 0.5,
                     .persistent_probability = 0.001,
                     .persistent_slowdown = 1.2,
                     .imbalance_cv = 0.1,
                     .hop_jitter_cv = 0.2};
    for (double const k : {1.0, 2.0, 6.0, 512.0}) {
      auto const t = expected_step(p, k, 4096, {});
      auto const& c = t.contributions;
      CHECK_CLOSE(c.serial_s + c.compute_s + c.noise_s + c.straggler_s + c.imbalance_s + c.exposed_comm_s, t.mean_s,
                  1e-14);
      if (k > 1.0) CHECK((c.noise_s > 0.0 && c.straggler_s > 0.0 && c.imbalance_s > 0.0));
    }
    CHECK(expected_step(p, 1, 4096, {}).contributions.imbalance_s == 0.0);  // one worker has the whole batch
    p.straggler_probability = p.persistent_probability = p.imbalance_cv = 0.0;
    CHECK(expected_step(p, 512, 4096, {}).contributions.straggler_s == 0.0);
    CHECK(expected_step(p, 512, 4096, {}).contributions.imbalance_s == 0.0);
  }

  TEST_CASE("shared noise widens the step and leaves its mean") {
    double const levels[] = {0.5, 0.975};
    StepParameters const p{.serial_s = 1.0, .noise_step_cv = 0.03, .noise_shape = Shape::normal};
    auto const t = expected_step(p, 16, 1, levels);
    CHECK(t.mean_s == 1.0);
    CHECK_CLOSE(t.sd_s, 0.03, 1e-12);
    CHECK_CLOSE(t.quantiles_s.at(0.5), 1.0, 4e-4);  // half a lattice step of 0.03/40
    CHECK_CLOSE(t.quantiles_s.at(0.975), 1.0 + 0.03 * 1.95996, 4e-4);
  }

  TEST_CASE("shared noise that is clipped at 0 keeps the mean of a step and says its sd") {
    // E max(0, X) and E max(0, X)^2 of a normal of 1 +- c, a = 1/c: P(a) + c p(a) and (1 + c^2) P(a) + c p(a); of an
    // exponential 1 - c + c e, c > 1: c exp(-(c-1)/c) and 2 c^2 exp(-(c-1)/c)
    for (double const c : {0.5, 1.0, 3.0}) {
      double const up_to = 0.5 * std::erfc(-1.0 / c / std::sqrt(2.0)),
                   density = std::exp(-0.5 / (c * c)) / std::sqrt(2.0 * M_PI), first = up_to + c * density,
                   second = (1.0 + c * c) * up_to + c * density;
      auto const clipped = model::clipped_moments(model::factor_law(Shape::normal, c), c);
      CHECK_CLOSE(clipped.mean, first, 1e-9);
      CHECK_CLOSE(clipped.sd, std::sqrt(second - first * first), 1e-9);
      StepParameters const p{.serial_s = 1.0, .noise_step_cv = c, .noise_shape = Shape::normal};
      CHECK(expected_step(p, 4, 1, {}).mean_s == 1.0);
      CHECK_CLOSE(expected_step(p, 4, 1, {}).sd_s, std::sqrt(second / (first * first) - 1.0), 1e-8);
    }
    double const c = 2.0, mass = std::exp(-0.5);
    auto const clipped = model::clipped_moments(model::factor_law(Shape::exponential, c), c);
    CHECK_CLOSE(clipped.mean, c * mass, 1e-9);
    CHECK_CLOSE(clipped.sd, std::sqrt(2.0 * c * c * mass - c * c * mass * mass), 1e-9);
    auto const unclipped = model::clipped_moments(model::factor_law(Shape::lognormal, 3.0), 3.0);
    CHECK((unclipped.mean == 1.0 && unclipped.sd == 3.0));
  }

  TEST_CASE("one law for many K gives the numbers of each K alone, whatever was asked before") {
    StepParameters const p{.serial_s = 1e-3,
                           .compute_per_sample_s = 1e-4,
                           .workers_per_node = 8,
                           .noise_cv = 0.05,
                           .noise_node_cv = 0.03,
                           .noise_step_cv = 0.02,
                           .noise_run_cv = 0.01,
                           .straggler_probability = 0.01,
                           .straggler_slowdown = 1.5,
                           .straggler_spread_cv = 0.2,
                           .imbalance_cv = 0.1};
    double const levels[] = {0.05, 0.5, 0.95};
    StepLaw const law(p, 1e6);
    for (double const k : {1e6, 1.0, 12.0, 4096.0, 5.0}) {
      auto const shared = law.at(k, 65536, levels), alone = expected_step(p, k, 65536, levels);
      CHECK(shared.mean_s == alone.mean_s);
      CHECK(shared.sd_s == alone.sd_s);
      CHECK(shared.quantiles_s == alone.quantiles_s);
      CHECK(law.mean_s(k, 65536) == alone.mean_s);
    }
  }
}
