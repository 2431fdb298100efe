// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/factor_law.hpp"
#include "model/step.hpp"
#include "sim/draw_device.hpp"
#include "sim/order_statistics.hpp"
#include "sim/shared_noise.hpp"
#include "sim/workers.hpp"

namespace kurve::sim {

/// A count that is to be sampled. @throws InputError unless a whole number from 1 to `most`
[[nodiscard]] std::uint32_t whole_number(double value, double most, char const* name);

/// Draws single steps, each a step of its own run, at K workers and global batch B:
///
///   T = step_noise run_noise ( serial + extra + sum over phases of phase(max_k worker_k) )
///   worker_k = noise_k node_n(k) slow_k persistent_k imbalance_k     (meaning of each: sim/slowest.hpp)
///
/// with phase() of model::StepTime: compute, and what its backward leaves of the all-reduce; most steps have one phase.
/// Each a pure function of (seed, trial): any thread, any order. All methods draw from the same law; their bits differ.
class StepSampler {
 public:
  /// @param ranks  K, a whole number from 1 to 2^31. @throws InputError otherwise
  StepSampler(model::StepParameters const& p, double ranks, double global_batch, std::uint64_t seed);

  /// All K workers drawn (sim/workers.hpp): cost of order K. @param device  who draws; null: this thread
  void by_workers_s(std::uint32_t first_trial, std::span<double> steps_s, DrawDevice const* device = nullptr) const;

  /// The slowest worker drawn at once (sim/order_statistics.hpp): cost of order 1, or of the number of nodes if they
  /// share noise.
  void by_order_statistics_s(std::uint32_t first_trial, std::span<double> steps_s) const;

  /// Time each of the K workers computes for in this trial of by_workers_s, in all phases, without the shared noise
  /// [s].
  [[nodiscard]] std::vector<double> worker_times_s(std::uint32_t trial) const;

 private:
  void multiply_in_shared_noise(std::uint32_t first_trial, std::span<double> steps_s) const;

  SharedNoise shared_noise_;
  model::StepTime base_;
  PhaseTime first_, next_;  ///< phases; the first one pays what is paid once
  std::uint32_t phases_;
  WorkerLaws workers_;
  MaximumLaws maxima_;
};

}  // namespace kurve::sim
