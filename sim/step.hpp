// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "data/philox.hpp"
#include "model/factor_law.hpp"
#include "model/step.hpp"
#include "sim/workers.hpp"

namespace kurve::sim {

/// Draws single steps, each a step of its own run, at K workers and global batch B:
///
///   T = step_noise run_noise ( serial + compute max_k worker_k + exposed )
///   worker_k = noise_k node_n(k) slow_k persistent_k imbalance_k     (meaning of each: sim/slowest.hpp)
///
/// A pure function of (seed, trial): any thread, any order. Both methods draw from the same law; their bits differ.
class StepSampler {
 public:
  /// @param ranks  K, a whole number from 1 to 2^31. @throws InputError otherwise
  StepSampler(model::StepParameters const& p, double ranks, double global_batch, std::uint64_t seed);

  /// All K workers drawn. Cost: K draws for each kind of variability.
  [[nodiscard]] double by_workers_s(std::uint32_t trial) const;

  /// The maximum over identical workers as one draw, F^-1(U^(1/K)), for each group: stragglers split by a binomial,
  /// nodes one by one if they share noise. Cost: of order 1, or the number of nodes; and of stragglers where their
  /// slowdown and the noise are both random. @throws InputError where !order_statistics_exact()
  [[nodiscard]] double by_order_statistics_s(std::uint32_t trial) const;
  /// Whether noise and imbalance are together one of the six shapes, so that a group's maximum has a formula.
  [[nodiscard]] bool order_statistics_exact() const { return workers_.imbalance.scale == 0.0; }

  /// Time each of the K workers computes for in this trial of by_workers_s, without the shared noise [s].
  [[nodiscard]] std::vector<double> worker_times_s(std::uint32_t trial) const;

 private:
  [[nodiscard]] data::UniformPair draw(data::Stream stream, std::uint32_t trial, std::uint32_t rank = 0,
                                       std::uint32_t number = 0) const {
    return data::uniforms(workers_.seed, trial, rank, number, stream);
  }
  [[nodiscard]] double slowest_of_group(std::uint32_t trial, std::uint32_t group, double count) const;
  [[nodiscard]] double slowest_of_stragglers(std::uint32_t trial, std::uint32_t group, std::uint32_t first,
                                             double count) const;
  [[nodiscard]] double step_s(std::uint32_t trial, double slowest) const;

  model::StepTime base_;
  model::FactorLaw step_, run_;
  WorkerLaws workers_;
};

/// Number of successes in n trials of probability p for a uniform u: inversion, outwards from the mode, so of order
/// sqrt(n p (1-p)) steps. Exact but for the rounding of lgamma: 1e-12 of the probability at n = 1e4, 2e-6 at 1e9.
[[nodiscard]] double binomial_draw(double n, double p, double u);

}  // namespace kurve::sim
