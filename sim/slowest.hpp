// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "model/factor_law.hpp"
#include "model/step.hpp"
#include "sim/lattice_law.hpp"

namespace kurve::sim {

/// The slowest of K, for means of convex functions of it.
struct SlowestValues {
  double mean = 1.0;
  /// Its law, ascending, neighbours put together up to 1/128 of it; none: only for a line, whose mean is that of the
  /// mean
  std::vector<double> value, weight;
};
/// The law with its excess over 1 stretched to another mean, in place of that of other variability: what hides
/// communication depends on the law's shape in second order only, and a law takes many times as long as a mean.
[[nodiscard]] SlowestValues stretched(SlowestValues law, double mean);
/// Mean of a step without shared noise [s]. Where a phase is no line in M (overlap) it errs by under 1e-3 of the
/// spread.
[[nodiscard]] double mean_step_s(model::StepTime const& step, SlowestValues const& slowest);

/// The slowest of K workers, in closed form: the law of
///
///   M = max over k of  noise_k * node_n(k) * slow_k * persistent_k * imbalance_k
///
/// whose factors are independent, (but slow and persistent) of mean 1, and clipped at 0:
/// noise of each worker (noise_cv), node shared by the workers_per_node workers of a node (noise_node_cv), both of
/// noise_shape; slow = 1, or with straggler_probability 1 + (straggler_slowdown - 1) X, X of cv straggler_spread_cv and
/// straggler_shape; persistent = 1, or with persistent_probability persistent_slowdown; imbalance of imbalance_cv and
/// imbalance_shape, not drawn for K = 1, where the one worker has the whole batch (shares are not normalised to add up
/// to B: this changes E[M] by a relative imbalance_cv^2/K only). Whether a factor is redrawn each step or lasts a run
/// does not change the law of one step, only how the steps of a run hang together. With several synchronizations a step
/// it is the law of one phase, variability_of_phase().
///
/// One continuous factor alone goes through model::maximum_moments (1e-8); else a lattice of up to `max_points`
/// points, which errs by under 2e-3 of (E[M] - 1), clipped laws of any cv too, and by a lattice step where two
/// slowdowns are constants. Whether K is asked for alone or among others changes nothing: up to 2^20 workers share one
/// lattice, and so do more.
class SlowestWorker {
 public:
  /// What of the variability to leave in, cumulatively: the order in which contributions are told apart.
  enum class Include { noise, stragglers, imbalance };

  /// @param max_ranks  the largest K that will be asked for, at most 1e9
  SlowestWorker(model::StepParameters const& p, double max_ranks, Include include = Include::imbalance,
                int max_points = 8192);

  [[nodiscard]] double mean(double ranks) const;
  /// Law of M on K workers, on the lattice.
  [[nodiscard]] LatticeLaw law(double ranks) const;
  [[nodiscard]] SlowestValues values(double ranks) const;
  /// The same where law(ranks) is at hand.
  [[nodiscard]] SlowestValues values(double ranks, LatticeLaw const& law) const;

 private:
  [[nodiscard]] LatticeLaw const& worker(double ranks) const;
  [[nodiscard]] std::optional<model::FactorLaw> single_factor(double ranks) const;

  model::FactorLaw noise_, node_, imbalance_, straggler_;
  double straggler_probability_ = 0.0, straggler_slowdown_ = 1.0, persistent_probability_ = 0.0,
         persistent_slowdown_ = 1.0;
  [[nodiscard]] LatticeLaw const& node_factor() const;
  [[nodiscard]] LatticeLaw node_of(double ranks, double workers) const;
  [[nodiscard]] LatticeLaw const& full_node(double ranks) const;

  double workers_per_node_ = 1.0, max_ranks_, step_ = 1e-3;
  bool line_;  ///< whether a phase is a line in M: nothing overlaps
  mutable std::optional<LatticeLaw> alone_, among_, node_factor_, full_node_,
      alone_in_node_;  ///< filled when first asked for: not safe across threads
};

/// Variability within one of m phases of a step, which are independent but for what lasts a run. What a worker has in
/// the step keeps its mean and spread: noise and shares drawn each step have cv sqrt(m); a straggler loses in one phase
/// what it would in the step, so it is m times as much of it with a probability of 1/m.
/// Source: FACTS 0.6; m barriers cost sqrt(m) more of a noise.
[[nodiscard]] model::StepParameters variability_of_phase(model::StepParameters p);

/// Law of the product of two factors where it is one of the six shapes: one is constant, or both are lognormal.
[[nodiscard]] std::optional<model::FactorLaw> single_law(model::FactorLaw const& a, model::FactorLaw const& b);

/// Whether two parameter vectors have the same variability of workers, so that M has one law for both.
[[nodiscard]] bool same_variability(model::StepParameters const& a, model::StepParameters const& b);

}  // namespace kurve::sim
