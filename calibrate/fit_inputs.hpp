// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "calibrate/fit.hpp"
#include "data/study.hpp"

namespace kurve::calibrate {

/// What a Model is made from: component rows and whole steps, either possibly without samples.
struct FitInputs {
  data::Study components, steps;
  data::Study network;                        ///< all-reduces alone, by a log of another program or published
  std::optional<model::Model> network_model;  ///< the same, fitted before
  std::set<data::Operation> imported;         ///< components that some log of another program measured
};

/// Sorts Studies by what they hold, sweeps of other programs and published ones apart, and merges those of one kind.
/// Times of single ranks (a profiler's traces) give components, and whole steps where no other Study has any: a
/// profiler slows them.
/// @throws DataError where Studies of one kind do not fit, or single ranks lack the batch
[[nodiscard]] FitInputs sort_inputs(std::vector<data::Study> studies);

/// Adds to components what was measured elsewhere of the all-reduce, and how many workers a node had there; nothing
/// else of it is about the same job. @param elsewhere  a component Study, or one without samples
void add_allreduce(FitInputs& inputs, data::Study const& elsewhere);

/// Takes a Model as the network that it describes.
/// @throws InputError if it times no all-reduces, or a network was there already
void add_network_model(FitInputs& inputs, model::Model model);

/// The Model that the inputs allow: components composed, steps adjusting them; steps alone; a network alone; steps that
/// a network beside them explains as far as their gradient goes over it. A network measured elsewhere stands for the
/// components' own all-reduces. A parameter measured by a log of another program is `imported`.
/// @throws DataError as fit_components, fit_steps and fit_allreduce
[[nodiscard]] FitResult fit_model(FitInputs const& inputs, FitOptions const& options);

}  // namespace kurve::calibrate
