// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/options.hpp"
#include "validate/plan.hpp"

namespace kurve::cli {

/// The options of `kurve plan` but for the inputs and --plot.
void add_plan_options(CommandLine& line);

/// The offers as the options price them. @param names  one for each Model @throws InputError
[[nodiscard]] std::vector<validate::Offer> offers_of(CommandLine const& line, std::vector<model::Model> models,
                                                     Arguments const& names);

/// @param offers  their first Model and largest size give the default K @throws InputError
[[nodiscard]] validate::PlanOptions plan_options(CommandLine const& line, std::vector<validate::Offer> const& offers);

}  // namespace kurve::cli
