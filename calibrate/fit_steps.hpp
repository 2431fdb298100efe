// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "calibrate/fit.hpp"
#include "calibrate/step_prior.hpp"

namespace kurve::calibrate {

/// fit_steps by another prior than the one that ships.
[[nodiscard]] FitResult fit_steps(data::Study const& study, FitOptions const& options, StepPrior const& prior);

}  // namespace kurve::calibrate
