// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/options.hpp"
#include "data/study.hpp"

namespace kurve::cli {

/// What a Model is made from: component rows and whole steps, either possibly without samples.
struct FitInputs {
  data::Study components, steps;
};

/// Reads the files and sorts them by what they hold; those of one kind are merged. @throws DataError as
/// data::read_study
[[nodiscard]] FitInputs read_fit_inputs(Arguments const& paths);

}  // namespace kurve::cli
