// SPDX-License-Identifier: Apache-2.0
#include "sim/workers.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "model/contract.hpp"
#include "sim/instruction_sets.hpp"
#include "sim/slowest.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "sim/workers.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "sim/worker_lanes.hpp"

HWY_BEFORE_NAMESPACE();
namespace kurve::sim::HWY_NAMESPACE {
namespace {

using data::Stream;

constexpr std::uint32_t chunk = 1 << 13;  // workers at a time: their rare numbers fit the stack and the nearest cache

/// Largest factor of all workers, where nodes share nothing.
double slowest_of_all(WorkerLaws const& laws, Draw draw) {
  std::array<std::uint32_t, chunk + rare_padding> rare;
  WordSource const source{laws.seed, draw, Stream::noise};
  Slowest slowest;
  for (std::uint32_t first = 0; first < laws.ranks; first += std::min(chunk, laws.ranks - first)) {
    WorkerRange const range{first / 4, first, std::min(chunk, laws.ranks - first)};
    auto const found = largest_word(source, range, laws.rare_below, rare.data());
    slowest.word = std::max(slowest.word, found.word);
    for (std::size_t i = 0; i < found.rare; ++i) slowest.slow.add(laws, draw, rare[i]);
  }
  return slowest.factor(laws);
}

double slowest_of_nodes(WorkerLaws const& laws, Draw draw) {
  std::uint32_t const g = laws.workers_per_node, full = laws.ranks / g, rest = laws.ranks % g;
  double slowest = rest > 0 ? slowest_of_node(laws, draw, full, rest) : 0.0;
  if (g > chunk) {
    for (std::uint32_t node = 0; node < full; ++node) slowest = std::max(slowest, slowest_of_node(laws, draw, node, g));
    return slowest;
  }
  std::array<std::uint32_t, chunk + rare_padding> rare;
  std::array<std::uint32_t, chunk> words_of;
  std::array<double, chunk> factors;
  WordSource const source{laws.seed, draw, Stream::noise};
  for (std::uint32_t first = 0; first < full; first += chunk / g) {
    std::uint32_t const nodes = std::min(chunk / g, full - first);
    auto const found = largest_words_of_nodes(source, first, nodes, g, laws.rare_below, words_of.data(), rare.data());
    for (std::uint32_t i = 0; i < nodes; ++i) {
      factors[i] = node_factor(laws, draw, first + i);
      if (words_of[i] >= laws.rare_below) slowest = std::max(slowest, factors[i] * plain_factor(laws, words_of[i]));
    }
    for (std::size_t i = 0; i < found; ++i) {
      Slow slow;
      slow.add(laws, draw, rare[i]);
      slowest = std::max(slowest, factors[rare[i] / g - first] * slow.slowest(laws));
    }
  }
  return slowest;
}

template <typename Visit>
HWY_INLINE void visit_workers(WorkerLaws const& laws, Draw draw, Visit&& visit) {
  std::uint32_t node = 0;
  double shared = laws.node.scale > 0.0 ? node_factor(laws, draw, 0) : 1.0;
  for (std::uint32_t number = 0; number < fours(laws); ++number) {
    Four const group = four(laws, number);
    if (group.node != node) shared = node_factor(laws, draw, node = group.node);
    visit_four(laws, draw, group, shared, visit);
  }
}

}  // namespace

double slowest_worker_of(WorkerLaws const& laws, std::uint32_t trial, std::uint32_t phase) {
  Draw const draw{trial, phase};
  if (laws.imbalance.scale == 0.0)
    return laws.node.scale > 0.0 ? slowest_of_nodes(laws, draw) : slowest_of_all(laws, draw);
  double slowest = 0.0;
  visit_workers(laws, draw, [&](std::uint32_t, double factor) HWY_ATTR { slowest = std::max(slowest, factor); });
  return slowest;
}

void draw_workers_of(WorkerLaws const& laws, std::uint32_t trial, std::uint32_t phase, double* factors) {
  visit_workers(laws, {trial, phase}, [&](std::uint32_t k, double factor) HWY_ATTR { factors[k] = factor; });
}

}  // namespace kurve::sim::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace kurve::sim {

HWY_EXPORT(slowest_worker_of);
HWY_EXPORT(draw_workers_of);

WorkerLaws::WorkerLaws(model::StepParameters const& p, std::uint32_t k, std::uint32_t g, std::uint64_t s)
    : worker(model::noise_law(p, p.noise_cv)),
      imbalance(k > 1 ? model::factor_law(p.imbalance_shape, p.imbalance_cv) : model::FactorLaw{}),
      node(model::noise_law(p, p.noise_node_cv)),
      straggler(model::factor_law(p.straggler_shape, p.straggler_spread_cv)),
      straggler_probability(p.straggler_slowdown > 1.0 ? p.straggler_probability : 0.0),
      straggler_gain(p.straggler_slowdown - 1.0),
      persistent_probability(p.persistent_slowdown > 1.0 ? p.persistent_probability : 0.0),
      persistent_slowdown(p.persistent_slowdown),
      ranks(k),
      workers_per_node(g),
      seed(s) {
  if (auto const both = single_law(worker, imbalance)) {
    worker = *both;
    imbalance = {};
  }
  double const slow = straggler_probability + persistent_probability * (1.0 - straggler_probability);
  rare_below = static_cast<std::uint32_t>(std::min(std::ceil(slow * 0x1p32), 0x1p32 - 1.0));
}

double slowest_worker(WorkerLaws const& laws, std::uint32_t trial, std::uint32_t phase) {
  return HWY_DYNAMIC_DISPATCH(slowest_worker_of)(laws, trial, phase);
}

void draw_workers(WorkerLaws const& laws, std::uint32_t trial, std::span<double> factors, std::uint32_t phase) {
  KURVE_EXPECT(factors.size() == laws.ranks);
  HWY_DYNAMIC_DISPATCH(draw_workers_of)(laws, trial, phase, factors.data());
}

}  // namespace kurve::sim
#endif
