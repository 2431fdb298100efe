// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>
#include <optional>
#include <vector>

#include "calibrate/evidence.hpp"
#include "calibrate/slowest_mean.hpp"

namespace kurve::calibrate {

/// Sd of the noise that steps wait for, over that of compute timed alone, which has scatter in it that no step waits
/// for (clocks, timers) and what workers share. A choice.
inline constexpr double waited_share = 0.5;
/// Whether steps tell how much of it they wait for: not where they have to tell the all-reduce too.
[[nodiscard]] bool waits_for_noise(Evidence const& evidence);

/// What whole steps add to measured components: serial work and compute are known only as well as they were measured
/// alone, a step has a serial remainder that no component shows, it may wait for less noise than timings of compute
/// have, and a residual may grow with K.
///
/// Bayes in the parameters that T is linear in or nearly so (serial, compute.fixed, compute.per_sample, compute.floor
/// and noise.cv by their tangents, one residual law): the components' means and covariances are the prior, the steps'
/// means the data. Each residual law is weighted by its marginal likelihood, so one that the steps do not ask for keeps
/// next to no weight.
class StepUpdate {
 public:
  /// @param centre  parameters as the components alone have them
  StepUpdate(Evidence const& evidence, model::StepParameters const& centre);

  /// Weight of each residual law; the last ones that too few K pin down are 0.
  [[nodiscard]] std::vector<double> const& law_weights() const { return weights_; }

  /// `p` moved to the optimum of its own prior and the steps at `times_s`, with residual law `law`. With p drawn from
  /// the components and times_s from the steps' errors this is one posterior draw.
  /// @param prior_z  standard normal: where the residual law's amplitude starts, and where no step was measured, how
  /// compute inside a step differs from compute timed alone
  [[nodiscard]] model::StepParameters operator()(model::StepParameters const& p, std::vector<double> const& times_s,
                                                 std::size_t law, double prior_z) const;

  /// Mean step time: the step of the mean worker, and what waiting for the slowest of K adds [s].
  [[nodiscard]] double mean_step_s(model::StepParameters const& p, double ranks, double batch) const;

  /// How far the updated composition still is from the steps, in log T: their rms misfit beyond their own standard
  /// errors, at least half those errors' square; nothing where no step at K > 1 was measured, or no more of them than
  /// the ring has parameters that were fitted to the same steps.
  [[nodiscard]] std::optional<double> misfit_log(model::StepParameters const& updated) const;

 private:
  /// E[max over K] of the workers' factors at each step point.
  [[nodiscard]] std::vector<double> slowest(model::StepParameters const& p) const;
  [[nodiscard]] Eigen::MatrixXd jacobian(model::StepParameters const& p, std::vector<double> const& slowest,
                                         std::size_t law) const;
  [[nodiscard]] double amplitude_sd(std::size_t law) const;

  SlowestMean slowest_;
  std::vector<Evidence::StepPoint> steps_;
  Eigen::MatrixXd prior_;         ///< covariance of serial (with its remainder), the three of compute and noise
  double ring_parameters_ = 0.0;  ///< that these steps were already used for
  double largest_ranks_ = 1.0, largest_s_ = 1.0;
  std::vector<double> weights_;
  std::vector<double> waiting_per_noise_;  ///< d slowest / d noise.cv at each step point, at the centre
};

}  // namespace kurve::calibrate
