// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "calibrate/fit.hpp"

namespace kurve::calibrate {

/// Whether a Study holds all-reduces and nothing else: a network alone.
[[nodiscard]] bool is_allreduce_only(data::Study const& study);

/// Model of the network alone from all-reduce rows at one or more rank counts: Model::allreduce holds their curve.
/// Of repeats the median counts; where the slowest takes over 1.5 times the fastest, the fastest (a first row warms
/// up). Workers per node: the header's, else 8 (assumed, and said so in messages).
/// @throws DataError without an all-reduce of 2 or more ranks
[[nodiscard]] FitResult fit_allreduce(data::Study const& study);

}  // namespace kurve::calibrate
