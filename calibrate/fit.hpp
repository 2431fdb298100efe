// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/study.hpp"
#include "model/model.hpp"

namespace kurve::calibrate {

struct FitOptions {
  int draws = 2000;  ///< posterior draws kept in the Model
  std::uint64_t seed = 1;
};

/// How one measured (K, B) point sits on the fit.
struct FittedPoint {
  double ranks = 1.0, global_batch = 1.0;
  int runs = 1;
  double measured_s = 0.0, fitted_s = 0.0;
  double weight = 1.0;  ///< below 1 where the point was taken to be another job
  std::string flag;     ///< "" or why it is set apart
};

struct FitResult {
  model::Model model;
  std::vector<FittedPoint> points;
  std::vector<std::string> messages;  ///< what is not identified and why, for people
  double log_evidence = 0.0;          ///< of the points' times in seconds, where steps alone were fitted
};

/// Model from whole-step times alone: (K, B, T) points, the growth law itself uncertain.
/// @throws DataError if the Study has no step rows
[[nodiscard]] FitResult fit_steps(data::Study const& study, FitOptions const& options);

/// Model from a component Study (serial, compute by local batch, all-reduce by ranks and bytes); whole steps of the
/// same machine, where given, adjust only what no component pins down (overlap, skew, serial remainder).
/// @param steps    a step Study, or one without samples
/// @param network  parameters of one that was measured elsewhere: it stands for the all-reduce rows
/// @throws DataError if an operation that the Model needs is missing, naming it
[[nodiscard]] FitResult fit_components(data::Study const& components, data::Study const& steps,
                                       FitOptions const& options, model::StepParameters const* network = nullptr);

}  // namespace kurve::calibrate
