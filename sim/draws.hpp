// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "model/model.hpp"

namespace kurve::sim {

/// Parameter vector number `draw` of what the Model knows: its posterior draws, cycled through; or, where it has none,
/// each parameter with a standard deviation drawn by itself: normal, truncated to the parameter's range; lognormal with
/// the same mean and sd where the parameter is positive and its sd is above 0.3 of it (a truncated normal would shift
/// its mean). A pure function of (model, draw, seed).
[[nodiscard]] model::StepParameters draw_parameters(model::Model const& model, std::uint32_t draw, std::uint64_t seed);

}  // namespace kurve::sim
