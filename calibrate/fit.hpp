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

struct FitResult {
  model::Model model;  ///< knows the steps it was fitted to (model::Origin), but for the intervals of their predictions
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
