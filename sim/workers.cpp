// SPDX-License-Identifier: Apache-2.0
#include "sim/workers.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "data/philox.hpp"
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
using model::FactorLaw;

constexpr double words = 0x1p32;
constexpr std::uint32_t chunk = 1 << 13;  // workers at a time: their rare numbers fit the stack and the nearest cache

HWY_INLINE double clipped(FactorLaw const& law, double level, double tail) {
  return std::max(0.0, model::quantile(law, level, tail));
}
/// At an odd multiple of 2^-32, so that the level is never 0 or 1.
HWY_INLINE double clipped(FactorLaw const& law, std::uint32_t word) {
  double const odd = word | 1u;
  return clipped(law, odd / words, (words - odd) / words);
}

std::uint32_t blocks_per_node(WorkerLaws const& laws) { return (laws.workers_per_node + 3) / 4; }

double node_factor(WorkerLaws const& laws, Draw draw, std::uint32_t node) {
  return clipped(laws.node, WordSource{laws.seed, draw, Stream::node_noise}.block(node)[0]);
}

/// Of a worker that is not rare: the bits above the threshold are the level.
double plain_factor(WorkerLaws const& laws, std::uint32_t word) {
  double const all = words - laws.rare_below, below = static_cast<double>(word - laws.rare_below) + 0.5;
  return clipped(laws.worker, below / all, (all - below) / all);
}

/// Ways a worker whose bits are below the threshold turns out to be. The threshold is a whole number of 2^-32, at or
/// above the probability of being slow: `none` makes up the difference.
enum class Way : std::size_t { none, transient, persistent, both };

/// Slow workers: the largest of the bits of each Way (odd where there is any), and of the factors that had to be
/// evaluated one by one.
struct Slow {
  std::array<std::uint32_t, 4> largest{};
  double factor = 0.0;

  void add(WorkerLaws const& laws, Draw draw, std::uint32_t worker) {
    auto const bits = WordSource{laws.seed, draw, Stream::straggler}.block(worker);
    double const u = (bits[0] + 0.5) / words * (laws.rare_below / words);  // uniform up to the threshold
    double const p = laws.straggler_probability, q = laws.persistent_probability;
    Way const way = u < p * q ? Way::both : u < p ? Way::transient : u < p + q - p * q ? Way::persistent : Way::none;
    bool const transient = way == Way::transient || way == Way::both;
    if (!transient || laws.straggler.scale == 0.0) {
      auto& bits_of_way = largest[static_cast<std::size_t>(way)];
      bits_of_way = std::max(bits_of_way, bits[1] | 1u);
      return;
    }
    double const one = clipped(laws.worker, bits[1]) * slowdown(laws, clipped(laws.straggler, bits[2]));
    factor = std::max(factor, way == Way::both ? laws.persistent_slowdown * one : one);
  }

  [[nodiscard]] double slowest(WorkerLaws const& laws) const {
    double const transient = slowdown(laws, 1.0), persistent = laws.persistent_slowdown;
    std::array<double, 4> const gain{1.0, transient, persistent, persistent * transient};
    double slowest = factor;
    for (std::size_t way = 0; way < gain.size(); ++way)
      if (largest[way] != 0) slowest = std::max(slowest, gain[way] * clipped(laws.worker, largest[way]));
    return slowest;
  }

  static double slowdown(WorkerLaws const& laws, double x) { return std::fma(laws.straggler_gain, x, 1.0); }
};

/// Largest factor, without what a node shares, of one node, or of all workers where nodes share nothing.
double slowest_of_range(WorkerLaws const& laws, Draw draw, WorkerRange range) {
  std::array<std::uint32_t, chunk + rare_padding> rare;
  WordSource const source{laws.seed, draw, Stream::noise};
  std::uint32_t word = 0;
  Slow slow;
  for (std::uint32_t left = range.count; left > 0; left -= range.count) {
    range.count = std::min(chunk, left);
    auto const found = largest_word(source, range, laws.rare_below, rare.data());
    word = std::max(word, found.word);
    for (std::size_t i = 0; i < found.rare; ++i) slow.add(laws, draw, rare[i]);
    range.first += range.count;
    range.first_block += range.count / 4;
  }
  double const slowest = slow.slowest(laws);
  return word >= laws.rare_below ? std::max(slowest, plain_factor(laws, word)) : slowest;
}

double slowest_of_nodes(WorkerLaws const& laws, Draw draw) {
  std::uint32_t const g = laws.workers_per_node, full = laws.ranks / g, rest = laws.ranks % g;
  auto const one_by_one = [&](std::uint32_t node, std::uint32_t workers) HWY_ATTR {
    return node_factor(laws, draw, node) *
           slowest_of_range(laws, draw, {node * blocks_per_node(laws), node * g, workers});
  };
  double slowest = rest > 0 ? one_by_one(full, rest) : 0.0;
  if (g > chunk) {
    for (std::uint32_t node = 0; node < full; ++node) slowest = std::max(slowest, one_by_one(node, g));
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
  bool const nodes = laws.node.scale > 0.0;
  std::uint32_t const workers = nodes ? std::min(laws.workers_per_node, laws.ranks) : laws.ranks;
  for (std::uint32_t node = 0, first = 0; first < laws.ranks; ++node, first += std::min(workers, laws.ranks - first)) {
    double const shared = nodes ? node_factor(laws, draw, node) : 1.0;
    std::uint32_t const first_block = nodes ? node * blocks_per_node(laws) : 0;
    std::array<std::uint32_t, 4> noise{}, imbalance{};
    for (std::uint32_t m = 0; m < std::min(workers, laws.ranks - first); ++m) {
      if (m % 4 == 0) noise = WordSource{laws.seed, draw, Stream::noise}.block(first_block + m / 4);
      double factor = shared;
      if (noise[m % 4] >= laws.rare_below) {
        factor *= plain_factor(laws, noise[m % 4]);
      } else {
        Slow slow;
        slow.add(laws, draw, first + m);
        factor *= slow.slowest(laws);
      }
      if (laws.imbalance.scale > 0.0) {
        if (m % 4 == 0) imbalance = WordSource{laws.seed, draw, Stream::imbalance}.block(first_block + m / 4);
        factor *= clipped(laws.imbalance, imbalance[m % 4]);
      }
      visit(first + m, factor);
    }
  }
}

}  // namespace

double slowest_worker_of(WorkerLaws const& laws, std::uint32_t trial, std::uint32_t phase) {
  Draw const draw{trial, phase};
  if (laws.imbalance.scale == 0.0)
    return laws.node.scale > 0.0 ? slowest_of_nodes(laws, draw) : slowest_of_range(laws, draw, {0, 0, laws.ranks});
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
    : worker(model::factor_law(p.noise_shape, p.noise_cv)),
      imbalance(k > 1 ? model::factor_law(p.imbalance_shape, p.imbalance_cv) : model::FactorLaw{}),
      node(model::factor_law(p.noise_shape, p.noise_node_cv)),
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
