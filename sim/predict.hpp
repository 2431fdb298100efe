// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/model.hpp"
#include "sim/expected.hpp"

namespace kurve::sim {

/// Where to predict: K workers at global batch B.
struct Target {
  double ranks = 1.0;
  double global_batch = 1.0;
};

/// Parameter vectors that an answer rests on: the posterior draws that a fit keeps, and what every verb takes, so that
/// all give one number; 2 % of the spread on a median.
inline constexpr int default_draws = 2000;

struct PredictOptions {
  int draws =
      default_draws;  ///< parameter vectors; the Model's posterior draws are cycled through, or drawn from its sds
  std::uint64_t seed = 1;
  double runs =
      1.0;  ///< the mean of how many runs is predicted; infinity leaves out run noise and a configuration's own misfit
};

/// @throws InputError naming K where a step's time is no finite number
void require_time(double time_s, Target target);

/// Draws at targets, each [n_targets][draws], seconds.
struct PredictedDraws {
  std::vector<std::vector<double>> mean_s;  ///< the mean step whatever the run: parameters, drift beyond the measured K
  std::vector<std::vector<double>> run_s;   ///< of new runs: also run noise and a configuration's own misfit
};

/// Draws of the mean step time of a new run: parameter uncertainty, run-to-run noise and the discrepancy that grows
/// beyond the measured K, each K of one draw sharing its parameters (so ratios of rows keep their correlation).
///
/// Each value is the expectation over step noise, stragglers and imbalance by order statistics (closed form), so a
/// thousand draws of a whole curve take milliseconds. Deterministic in seed.
/// @param central  of model.parameters, made for every target's K
[[nodiscard]] PredictedDraws predict_draws(model::Model const& model, std::span<Target const> targets,
                                           PredictOptions const& options, StepLaw const& central);
/// Those of new runs alone, [n_targets][draws].
/// @throws InputError where a draw's time is no finite number
[[nodiscard]] std::vector<std::vector<double>> predict(model::Model const& model, std::span<Target const> targets,
                                                       PredictOptions const& options);

}  // namespace kurve::sim
