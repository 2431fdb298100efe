// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cmath>
#include <functional>

#include "calibrate/fit.hpp"
#include "calibrate/random.hpp"
#include "calibrate/slowest_mean.hpp"
#include "data/stats.hpp"
#include "tests/support/checks.hpp"

using namespace kurve;
using namespace kurve::calibrate;

/// Worlds that the step model does not have, or that were measured in part: components and steps up to some K, and what
/// a step takes at 64, 256 and 1024.
namespace {

enum class Algorithm { ring, tree };

struct World {
  int workers_per_node = 8;
  Algorithm between_nodes = Algorithm::ring;
  double gradient_bytes = 4e8, intra_s = 3e-6, intra_Bps = 150e9, inter_s = 8e-6, inter_Bps = 37.5e9;
  int measured_ranks = 32;
  int slow_from = 1 << 30;  ///< ranks from which an all-reduce takes `slow` times as long
  double slow = 1.5;
  bool waits = true;  ///< whether steps wait for the slowest worker's scatter of 1 %

  [[nodiscard]] double allreduce_s(int ranks, double bytes) const {
    if (ranks == 1) return 0.0;
    double const k = ranks, nodes = std::ceil(k / workers_per_node), between = 2.0 * (nodes - 1.0);
    double const factor = ranks >= slow_from ? slow : 1.0;
    if (nodes > 1.0 && between_nodes == Algorithm::tree)
      return factor * (2.0 * std::log2(k) * inter_s + 2.0 * bytes / inter_Bps);
    return factor * ((2.0 * (k - 1.0) - between) * intra_s + between * inter_s +
                     2.0 * (k - 1.0) / k * bytes / (nodes > 1.0 ? inter_Bps : intra_Bps));
  }
  [[nodiscard]] double step_s(int ranks) const {
    double const compute_s = 4.096 / ranks;
    double const tail = 0.625 / (ranks + 0.25);  // Blom's quantile of the largest of K normals
    double const slowest = waits && ranks > 1 ? 0.01 * model::elementary::normal_upper(tail) : 0.0;
    return 4e-3 + compute_s * (1.0 + slowest) + allreduce_s(ranks, gradient_bytes);
  }
};

struct Studies {
  data::Study components, steps;
};

Studies measure(World const& world, std::uint64_t seed) {
  Studies s;
  std::uint64_t count = 0;
  auto const noisy = [&](double time_s, double cv) { return time_s * (1.0 + cv * random_normal(seed, 1, count++)); };
  for (auto* study : {&s.components, &s.steps}) {
    study->set("workers_per_node", std::to_string(world.workers_per_node));
    study->set("gradient_bytes", std::to_string(static_cast<long>(world.gradient_bytes)));
  }
  s.steps.set("regime", "strong");
  auto const component = [&](data::Operation op, int ranks, double time_s) -> data::Sample& {
    auto& row = s.components.samples.emplace_back();
    row.op = op, row.ranks = ranks, row.time_s = time_s;
    return row;
  };
  for (int i = 0; i < 10; ++i) component(data::Operation::serial, 1, noisy(4e-3, 0.02));
  for (double batch = 4; batch <= 4096; batch *= 4)
    for (int i = 0; i < 10; ++i) component(data::Operation::compute, 1, noisy(1e-3 * batch, 0.01)).local_batch = batch;
  for (int k = 2; k <= world.measured_ranks; k *= 2)
    for (double const bytes : {65536.0, 1048576.0, 16777216.0, world.gradient_bytes})
      for (int i = 0; i < 8; ++i)
        component(data::Operation::allreduce, k, noisy(world.allreduce_s(k, bytes), 0.02)).bytes =
            static_cast<std::int64_t>(bytes);
  for (int k = 1; k <= world.measured_ranks; k *= 2)
    for (int run = 0; run < 5; ++run) {
      auto& row = s.steps.samples.emplace_back();
      row.ranks = k, row.global_batch = 4096, row.run = run, row.time_s = noisy(world.step_s(k), 0.005);
    }
  return s;
}

struct Interval {
  double low_s = 0.0, high_s = 0.0;
};

/// Of the mean step of a new run, as simulate has it.
Interval interval_at(model::Model const& m, double ranks) {
  SlowestMean const slowest;
  std::vector<double> times_s;
  std::uint64_t count = 0;
  for (auto const& p : m.draws) {
    auto const t = model::step_time(p, ranks, m.global_batch);
    times_s.push_back((t.serial_s + t.phase_s(slowest(p, ranks)) + t.extra_s) *
                      std::exp(model::discrepancy_log(p, ranks, m.global_batch / ranks)) *
                      (1.0 + p.noise_run_cv * random_normal(7, 2, count++)));
  }
  return {data::quantile(times_s, 0.05), data::quantile(times_s, 0.95)};
}

constexpr int studies = 10;

/// Of `studies` of a world, how many 90 % intervals hold the truth at 64, 256 and 1024.
std::array<int, 3> covered(World const& world) {
  std::array<int, 3> hits{};
  for (std::uint64_t seed = 1; seed <= studies; ++seed) {
    auto const s = measure(world, seed);
    auto const m = fit_components(s.components, s.steps, {.draws = 600, .seed = seed}).model;
    for (std::size_t i = 0; i < hits.size(); ++i) {
      int const k = std::array{64, 256, 1024}[i];
      auto const at = interval_at(m, k);
      hits[i] += at.low_s <= world.step_s(k) && world.step_s(k) <= at.high_s ? 1 : 0;
    }
  }
  return hits;
}

}  // namespace

TEST_SUITE("stat") {
  TEST_CASE("other worlds: 90 % intervals hold what was not measured in 80 of 100 studies") {
    // Fewer than 8 of 10 happen once in 80 at a coverage of 95 %, and in every second Study at 74 %.
    struct Named {
      std::string what;
      World world;
    };
    for (auto const& [what, world] :
         {Named{"as the model has it", {}},
          Named{"between nodes not measured", {.inter_Bps = 10e9, .measured_ranks = 8}},
          Named{"between nodes not measured, nodes of 4",
                {.workers_per_node = 4, .intra_Bps = 300e9, .inter_s = 20e-6, .inter_Bps = 25e9, .measured_ranks = 4}},
          Named{"a rack's uplinks", {.slow_from = 33}},
          Named{"a rack's uplinks far out", {.measured_ranks = 64, .slow_from = 200}},
          Named{"a rack's uplinks in nodes of 4", {.workers_per_node = 4, .measured_ranks = 16, .slow_from = 17}},
          Named{"a tree seen on two nodes, large", {.between_nodes = Algorithm::tree, .measured_ranks = 16}},
          Named{"a tree between nodes", {.between_nodes = Algorithm::tree}},
          Named{"a tree seen on two nodes",
                {.between_nodes = Algorithm::tree, .gradient_bytes = 5e7, .measured_ranks = 16}},
          Named{"scatter that steps do not wait for", {.waits = false}}}) {
      auto const hits = covered(world);
      INFO(what, ": ", hits[0], " ", hits[1], " ", hits[2], " of ", studies);
      for (int const n : hits) CHECK(n >= 8);
    }
  }

  TEST_CASE("other worlds: an all-reduce measured as far as it is asked for keeps its interval narrow") {
    World const world{.measured_ranks = 1024};
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      auto s = measure(world, seed);
      std::erase_if(s.steps.samples, [](auto const& row) { return row.ranks > 32; });
      auto const m = fit_components(s.components, s.steps, {.draws = 300, .seed = seed}).model;
      auto const at = interval_at(m, 1024);
      CHECK(at.high_s < 1.15 * at.low_s);
    }
  }
}
