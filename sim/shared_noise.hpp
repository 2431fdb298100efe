// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "model/factor_law.hpp"
#include "model/step.hpp"

namespace kurve::sim {

/// What multiplies a whole step: step_noise run_noise, each of mean 1. Step noise has noise_shape and noise_step_cv, is
/// clipped at 0 and, where that moves its mean, scaled back to a mean of 1; run noise is lognormal of noise_run_cv.
/// Every method has its law from here.
struct SharedNoise {
  explicit SharedNoise(model::StepParameters const& p);

  /// step_noise run_noise of a trial, which is a step of its own run.
  [[nodiscard]] double operator()(std::uint64_t seed, std::uint32_t trial) const;

  model::FactorLaw step, run;
  double step_scale = 1.0;             ///< 1 / mean of the clipped step noise
  double step_sd = 0.0, run_sd = 0.0;  ///< of each factor
};

}  // namespace kurve::sim
