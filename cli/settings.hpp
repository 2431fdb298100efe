// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "cli/options.hpp"
#include "model/model.hpp"

namespace kurve::cli {

/// `1,2.5,4` @throws InputError naming the option
[[nodiscard]] std::vector<double> number_list(std::string const& name, std::string const& text);

/// What-ifs: NAME=VALUE, on the central parameters and on every posterior draw; a value set is no longer uncertain.
/// @throws InputError on an unknown name or a value out of its range
void apply_settings(model::Model& model, Arguments const& settings);

/// The option `K`, or K0 to 4096 K0 by doubling. @throws InputError
[[nodiscard]] std::vector<double> ranks_option(CommandLine const& line, model::Model const& model);

/// The option `global-batch`, one value for each of `ranks` (one given is for all); empty where it is not given.
/// @throws InputError; also where a mixed Model needs it
[[nodiscard]] std::vector<double> batches_option(CommandLine const& line, model::Model const& model,
                                                 std::vector<double> const& ranks);

}  // namespace kurve::cli
