// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "data/philox.hpp"
#include "model/host_device.hpp"
#include "sim/workers.hpp"

/// What a worker's random bits mean, whoever drew them: inlined everywhere, so that each instruction set and a GPU
/// evaluates them with its own fused multiply-add, to the same bits.
namespace kurve::sim {

/// A phase of a trial.
struct Draw {
  std::uint32_t trial, phase;
};

/// Random words as a pure function of (seed, trial, phase, block).
struct WordSource {
  std::uint64_t seed;
  Draw draw;
  data::Stream stream;
  [[nodiscard, gnu::always_inline]] KURVE_HOST_DEVICE std::array<std::uint32_t, 4> block(std::uint32_t number) const {
    return data::philox4x32({draw.trial, number, draw.phase, static_cast<std::uint32_t>(stream)},
                            {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
  }
};

inline constexpr double all_words = 0x1p32;

KURVE_INLINE double clipped(model::FactorLaw const& law, double level, double tail) {
  return std::max(0.0, model::quantile(law, level, tail));
}
/// At an odd multiple of 2^-32, so that the level is never 0 or 1.
KURVE_INLINE double clipped(model::FactorLaw const& law, std::uint32_t word) {
  double const odd = word | 1u;
  return clipped(law, odd / all_words, (all_words - odd) / all_words);
}

KURVE_INLINE std::uint32_t blocks_per_node(WorkerLaws const& laws) { return (laws.workers_per_node + 3) / 4; }

KURVE_INLINE double node_factor(WorkerLaws const& laws, Draw draw, std::uint32_t node) {
  return clipped(laws.node, WordSource{laws.seed, draw, data::Stream::node_noise}.block(node)[0]);
}

/// Of a worker that is not rare: the bits above the threshold are the level.
KURVE_INLINE double plain_factor(WorkerLaws const& laws, std::uint32_t word) {
  double const all = all_words - laws.rare_below, below = static_cast<double>(word - laws.rare_below) + 0.5;
  return clipped(laws.worker, below / all, (all - below) / all);
}

/// Ways a worker whose bits are below the threshold turns out to be. The threshold is a whole number of 2^-32, at or
/// above the probability of being slow: `none` makes up the difference.
enum class Way : std::size_t { none, transient, persistent, both };

/// Slow workers: the largest of the bits of each Way (odd where there is any), and of the factors that had to be
/// evaluated one by one.
struct Slow {
  std::uint32_t largest[4] = {};
  double factor = 0.0;

  [[gnu::always_inline]] KURVE_HOST_DEVICE void add(WorkerLaws const& laws, Draw draw, std::uint32_t worker) {
    auto const bits = WordSource{laws.seed, draw, data::Stream::straggler}.block(worker);
    double const u = (bits[0] + 0.5) / all_words * (laws.rare_below / all_words);  // uniform up to the threshold
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

  [[nodiscard, gnu::always_inline]] KURVE_HOST_DEVICE double slowest(WorkerLaws const& laws) const {
    double const transient = slowdown(laws, 1.0), persistent = laws.persistent_slowdown;
    double const gain[4] = {1.0, transient, persistent, persistent * transient};
    double slowest = factor;
    for (std::size_t way = 0; way < 4; ++way)
      if (largest[way] != 0) slowest = std::max(slowest, gain[way] * clipped(laws.worker, largest[way]));
    return slowest;
  }

  [[gnu::always_inline]] KURVE_HOST_DEVICE static double slowdown(WorkerLaws const& laws, double x) {
    return std::fma(laws.straggler_gain, x, 1.0);
  }
};

/// The largest of a phase's workers that share nothing: of the words, and of who is slow.
struct Slowest {
  std::uint32_t word = 0;
  Slow slow;

  [[nodiscard, gnu::always_inline]] KURVE_HOST_DEVICE double factor(WorkerLaws const& laws) const {
    double const slowest = slow.slowest(laws);
    return word >= laws.rare_below ? std::max(slowest, plain_factor(laws, word)) : slowest;
  }
};

/// Largest factor of one node, what the node shares included, where imbalance takes no bits of its own.
/// @param workers  how many the node has
KURVE_INLINE double slowest_of_node(WorkerLaws const& laws, Draw draw, std::uint32_t node, std::uint32_t workers) {
  WordSource const source{laws.seed, draw, data::Stream::noise};
  double slowest = 0.0;
  std::uint32_t largest = 0;
  for (std::uint32_t m = 0; m < workers; m += 4) {
    auto const noise = source.block(node * blocks_per_node(laws) + m / 4);
    for (std::uint32_t i = 0; i < std::min(4u, workers - m); ++i) {
      largest = std::max(largest, noise[i]);
      if (noise[i] >= laws.rare_below) continue;
      Slow slow;
      slow.add(laws, draw, node * laws.workers_per_node + m + i);
      slowest = std::max(slowest, slow.slowest(laws));
    }
  }
  if (largest >= laws.rare_below) slowest = std::max(slowest, plain_factor(laws, largest));
  return node_factor(laws, draw, node) * slowest;
}

/// Workers whose noise is drawn by one Philox block: up to four neighbours, of one node where nodes share noise.
struct Four {
  std::uint32_t node, first, count, block;
};
KURVE_INLINE std::uint32_t fours(WorkerLaws const& laws) {
  if (laws.node.scale == 0.0) return (laws.ranks + 3) / 4;
  return laws.ranks / laws.workers_per_node * blocks_per_node(laws) + (laws.ranks % laws.workers_per_node + 3) / 4;
}
KURVE_INLINE Four four(WorkerLaws const& laws, std::uint32_t number) {
  if (laws.node.scale == 0.0) return {0, 4 * number, std::min(4u, laws.ranks - 4 * number), number};
  std::uint32_t const node = number / blocks_per_node(laws), m = number % blocks_per_node(laws) * 4;
  std::uint32_t const first = node * laws.workers_per_node + m;
  return {node, first, std::min(4u, std::min(laws.workers_per_node - m, laws.ranks - first)), number};
}

/// Every factor of those workers, without what their node shares: visit(worker, factor).
template <typename Visit>
KURVE_INLINE void visit_four(WorkerLaws const& laws, Draw draw, Four const& four, double shared, Visit&& visit) {
  auto const noise = WordSource{laws.seed, draw, data::Stream::noise}.block(four.block);
  std::array<std::uint32_t, 4> imbalance{};
  if (laws.imbalance.scale > 0.0) imbalance = WordSource{laws.seed, draw, data::Stream::imbalance}.block(four.block);
  for (std::uint32_t i = 0; i < four.count; ++i) {
    double factor = shared;
    if (noise[i] >= laws.rare_below) {
      factor *= plain_factor(laws, noise[i]);
    } else {
      Slow slow;
      slow.add(laws, draw, four.first + i);
      factor *= slow.slowest(laws);
    }
    if (laws.imbalance.scale > 0.0) factor *= clipped(laws.imbalance, imbalance[i]);
    visit(four.first + i, factor);
  }
}

}  // namespace kurve::sim
