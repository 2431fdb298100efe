// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <span>

#include "model/curve.hpp"
#include "model/step.hpp"
#include "sim/shared_noise.hpp"
#include "sim/slowest.hpp"

namespace kurve::sim {

/// Law of one step in closed form: T = step_noise run_noise ( serial + sum over its phases of phase(M) + extra ), M the
/// slowest of K workers in a phase (sim/slowest.hpp), phase(M) = compute M and what its backward leaves of the
/// all-reduce (model::StepTime). Step and run noise (sim/shared_noise.hpp) multiply the whole step, have mean 1 and so
/// widen T without moving its mean. Phases count as independent: where there are several and workers are slow for a
/// whole run, the spread of a step is wider than said here; its mean is exact. Of hop jitter there is the mean alone
/// (model/hop_schedule.hpp), not its spread.
struct ExpectedStep {
  double mean_s = 0.0;
  double sd_s = 0.0;                     ///< of single steps of different runs
  std::map<double, double> quantiles_s;  ///< of the same, by level
  model::Contributions contributions;    ///< add up to mean_s
};

/// The law of a step at every K for one parameter vector: what K does not change is made once.
///
/// Contributions are told apart by adding one cause after another: serial, compute and exposed as without randomness
/// (exposed with hop jitter), then what the slowest of K costs more with noise (worker and node), then with stragglers
/// too (transient and persistent; K = 1 has its share), then with imbalance too. Not safe across threads.
class StepLaw {
 public:
  /// @param max_ranks  the largest K that will be asked for
  StepLaw(model::StepParameters const& p, double max_ranks);

  /// @param levels  of the quantiles wanted, each in (0, 1)
  [[nodiscard]] ExpectedStep at(double ranks, double global_batch, std::span<double const> levels) const;
  /// at(...).mean_s
  [[nodiscard]] double mean_s(double ranks, double global_batch) const;
  /// Of M, as mean_step_s wants it.
  [[nodiscard]] SlowestValues slowest(double ranks) const { return slowest_.values(ranks); }

 private:
  model::StepParameters parameters_;
  SlowestWorker noise_, stragglers_, slowest_;
  SharedNoise shared_noise_;
  LatticeLaw shared_;  ///< its law
};

/// StepLaw of this K alone: the same numbers.
[[nodiscard]] ExpectedStep expected_step(model::StepParameters const& p, double ranks, double global_batch,
                                         std::span<double const> levels);

}  // namespace kurve::sim
