// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "calibrate/fit.hpp"

namespace kurve::calibrate {

/// Steps whose all-reduce was measured beside them: what the network takes for the Study's gradient_bytes is known, up
/// to how much of it compute hides, and to how far the network's curve errs at the steps' ranks. For each of several
/// overlaps (and errors, where they matter) that part is taken off the steps and the rest fitted as steps alone are;
/// each is weighed by the evidence of its fit. So communication is counted once, and a network that is faster or slower
/// moves the forecast.
/// @throws DataError where the Study does not say what a step sums, naming how to tell, or sums more than a step has
/// time for
[[nodiscard]] FitResult fit_steps_on_network(data::Study steps, FitResult const& network, FitOptions const& options);

}  // namespace kurve::calibrate
