// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/options.hpp"
#include "model/model.hpp"
#include "sim/simulate.hpp"
#include "validate/felt.hpp"

namespace kurve::cli {

/// What-ifs: NAME=VALUE, on the central parameters and on every posterior draw; a value set is no longer uncertain.
/// Beside the parameters there are `global_batch` and `regime` (strong or weak).
/// @throws InputError on an unknown name or a value out of its range
void apply_settings(model::Model& model, Arguments const& settings);

/// The same, for check_felt(): the last of each name.
[[nodiscard]] std::vector<validate::Setting> settings_of(Arguments const& settings);

/// The option `K`, or K0 to 4096 K0 by doubling. @throws InputError
[[nodiscard]] std::vector<double> ranks_option(CommandLine const& line, model::Model const& model,
                                               std::optional<std::string> const& what_if = {});

/// The option `global-batch`, one value for each of `ranks` (one given is for all); empty where it is not given.
/// @throws InputError; also where a mixed Model needs it
[[nodiscard]] std::vector<double> batches_option(CommandLine const& line, model::Model const& model,
                                                 std::vector<double> const& ranks);

/// The options of a Curve: judgement, K, batch, what-ifs, method, trials, draws, seed, threads.
void add_curve_options(CommandLine& line);
/// @throws InputError on a list or a name that cannot be read
[[nodiscard]] sim::SimulateOptions curve_options(CommandLine const& line, model::Model const& model,
                                                 std::optional<std::string> const& ranks = {});

}  // namespace kurve::cli
