// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "model/factor_law.hpp"
#include "model/step.hpp"

namespace kurve::sim {

/// Laws of the factors of K workers in a step, or in one of its phases:
///
///   worker_k = noise_k node_n(k) slow_k persistent_k imbalance_k     (meaning of each: sim/slowest.hpp)
///
/// Worker k has 32 random bits. Below a threshold it is slow (transiently, persistently or both: a second block of bits
/// says which, and its noise); above, what is left of the 32 bits is the level of its noise. Among workers that are
/// slow in the same way and share a node, the factor grows with those bits, so the largest is found among the bits and
/// evaluated once, in double precision. Where noise and imbalance both need bits of their own, or a slowdown is random,
/// each worker concerned is evaluated.
///
/// With 32 bits the smallest tail is 2^-33: a mean of the maximum errs by under K 2^-32 / 10 of its spread.
struct WorkerLaws {
  /// @param p  of a phase, see variability_of_phase  @param ranks, workers_per_node  from 1 to 2^31
  WorkerLaws(model::StepParameters const& p, std::uint32_t ranks, std::uint32_t workers_per_node, std::uint64_t seed);

  model::FactorLaw worker;     ///< noise, with imbalance where the two are one law
  model::FactorLaw imbalance;  ///< else, by itself
  model::FactorLaw node, straggler;
  double straggler_probability, straggler_gain, persistent_probability, persistent_slowdown;
  std::uint32_t ranks, workers_per_node;
  std::uint32_t rare_below;  ///< the threshold
  std::uint64_t seed;
};

/// max over k of worker_k in one phase of a trial. A pure function of (seed, trial, phase): the same bits on any thread
/// and instruction set. Does not allocate. @throws nothing
[[nodiscard]] double slowest_worker(WorkerLaws const& laws, std::uint32_t trial, std::uint32_t phase = 0);

/// Every worker_k, one by one and so many times slower. @param factors  [K]
void draw_workers(WorkerLaws const& laws, std::uint32_t trial, std::span<double> factors, std::uint32_t phase = 0);

}  // namespace kurve::sim
