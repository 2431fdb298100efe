// SPDX-License-Identifier: Apache-2.0
#include "sim/workers.hpp"

#include <algorithm>
#include <vector>

#include "tests/support/checks.hpp"
#include "tests/support/instruction_sets.hpp"

using namespace kurve;
using namespace kurve::sim;
using model::Shape;
using model::StepParameters;

namespace {

/// Every path of the engine: bits alone, rare workers of each kind, random slowdowns, nodes, two laws a worker.
std::vector<StepParameters> cases() {
  std::vector<StepParameters> all(9);
  for (auto& p : all) p.noise_cv = 0.1;
  all[1].straggler_probability = 1e-3;
  all[1].straggler_slowdown = 1.5;
  all[2] = all[1];
  all[2].straggler_spread_cv = 0.7;
  all[2].persistent_probability = 0.01;
  all[2].persistent_slowdown = 1.2;
  all[3].noise_node_cv = 0.05;
  all[3].straggler_probability = 0.2;
  all[3].straggler_slowdown = 1.3;
  all[4].imbalance_cv = 0.14;
  all[4].noise_node_cv = 0.02;
  all[5].noise_shape = Shape::normal;
  all[5].noise_cv = 0.6;  // clipped at 0
  all[6].straggler_probability = all[6].persistent_probability = 0.5;
  all[6].straggler_slowdown = 1.4;
  all[6].persistent_slowdown = 1.1;
  all[7].straggler_probability = 1.0;
  all[7].straggler_slowdown = 2.0;
  all[8].noise_cv = 0.0;
  all[8].straggler_probability = 1e-12;
  all[8].straggler_slowdown = 3.0;
  return all;
}

std::vector<double> draw(WorkerLaws const& laws, std::uint32_t trial) {
  std::vector<double> factors(laws.ranks);
  draw_workers(laws, trial, factors);
  return factors;
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("the slowest worker is the slowest of the workers one by one on every instruction set") {
    // K below, at and beyond a vector, a pass of the loop (128 workers) and a chunk (8192); nodes of 4 j, 4 j + 1, more
    // than a chunk, and a last node that is not full
    for (auto const& p : cases())
      for (std::uint32_t const ranks : {1u, 3u, 4u, 64u, 128u, 131u, 1000u, 8192u, 20'000u})
        for (std::uint32_t const node : {1u, 6u, 8u, 9'000u}) {
          if (node > 8 && ranks < 20'000) continue;
          WorkerLaws const laws(p, ranks, node, 7);
          auto const factors = draw(laws, 3);
          double const slowest = *std::max_element(factors.begin(), factors.end());
          test::on_each_instruction_set([&](char const* name) {
            INFO(name, " K ", ranks, " node ", node);
            CHECK(slowest_worker(laws, 3) == slowest);
          });
        }
  }

  TEST_CASE("every instruction set draws the same workers") {
    for (auto const& p : cases()) {
      WorkerLaws const laws(p, 500, 8, 99);
      auto const first = draw(laws, 0);
      int sets = 0;
      test::on_each_instruction_set([&](char const* name) {
        INFO(name);
        CHECK(draw(laws, 0) == first);
        ++sets;
      });
      CHECK(sets >= 1);
    }
  }
}

TEST_SUITE("stat") {
  TEST_CASE("each factor of a worker has its law down to tails of 1e-6") {
    // one trial of 2^20 workers; a count of expectation m is Poisson: within 4 sqrt(m) + 1
    std::uint32_t const ranks = 1u << 20;
    for (auto const shape :
         {Shape::normal, Shape::lognormal, Shape::exponential, Shape::gumbel, Shape::weibull, Shape::pareto}) {
      StepParameters const p{.noise_cv = 0.1, .noise_shape = shape};
      auto const law = model::factor_law(shape, 0.1);
      WorkerLaws const laws(p, ranks, 1, 5);
      auto x = draw(laws, 0);
      std::sort(x.begin(), x.end());
      double distance = 0.0;
      for (std::uint32_t i = 0; i < ranks; i += 64)
        distance = std::max(distance, std::abs(model::cdf(law, x[i]) - (i + 0.5) / ranks));
      CHECK(distance <= 1.95 / std::sqrt(ranks));  // KS, alpha = 0.001
      for (double const tail : {1e-3, 1e-5, 1e-6}) {
        double const m = tail * ranks;
        auto const beyond = x.end() - std::upper_bound(x.begin(), x.end(), model::quantile(law, 1.0 - tail, tail));
        auto const below = std::lower_bound(x.begin(), x.end(), model::quantile(law, tail, 1.0 - tail)) - x.begin();
        INFO("shape ", static_cast<int>(shape), " tail ", tail);
        CHECK(std::abs(static_cast<double>(beyond) - m) <= 4.0 * std::sqrt(m) + 1.0);
        CHECK(std::abs(static_cast<double>(below) - m) <= 4.0 * std::sqrt(m) + 1.0);
      }
    }
  }

  TEST_CASE("maxima over many workers reach the tail of 1e-7") {
    // -K log F(max) is exponential of mean 1 whatever K, so its sum over n trials has sd sqrt(n)
    StepParameters const p{.noise_cv = 0.1};
    auto const law = model::factor_law(p.noise_shape, p.noise_cv);
    double const ranks = 1 << 22;
    int const n = 400;
    WorkerLaws const laws(p, static_cast<std::uint32_t>(ranks), 1, 9);
    std::vector<double> w;
    for (std::uint32_t t = 0; t < n; ++t) w.push_back(ranks * model::survival(law, slowest_worker(laws, t)));
    CHECK_MEAN(w, 1.0);
    auto const beyond = std::count_if(w.begin(), w.end(), [&](double x) { return x < 1e-7 * ranks; });  // 137 of 400
    double const expected = n * (1.0 - std::exp(-1e-7 * ranks));
    CHECK(std::abs(static_cast<double>(beyond) - expected) <= 4.0 * std::sqrt(expected));
  }

  TEST_CASE("slow workers come in each way as often as they should") {
    StepParameters const p{.straggler_probability = 0.02,
                           .straggler_slowdown = 1.5,
                           .persistent_probability = 0.01,
                           .persistent_slowdown = 1.2};
    std::uint32_t const ranks = 1u << 20;
    WorkerLaws const laws(p, ranks, 1, 5);
    auto const factors = draw(laws, 0);
    auto const count = [&](double value) {
      return static_cast<double>(
          std::count_if(factors.begin(), factors.end(), [&](double x) { return std::abs(x - value) < 1e-12; }));
    };
    auto const check = [&](double value, double probability) {
      double const mean = probability * ranks;
      INFO("factor ", value, " count ", count(value), " of mean ", mean);
      CHECK(std::abs(count(value) - mean) <= 4.0 * std::sqrt(mean * (1.0 - probability)));
    };
    check(1.0, 0.98 * 0.99);
    check(1.5, 0.02 * 0.99);
    check(1.2, 0.01 * 0.98);
    check(1.8, 0.02 * 0.01);
  }
}
