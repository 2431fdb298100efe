// SPDX-License-Identifier: Apache-2.0
#include "cli/settings.hpp"

#include <sstream>

#include "data/quantity_text.hpp"
#include "model/error.hpp"

namespace kurve::cli {

std::vector<double> number_list(std::string const& name, std::string const& text) {
  std::vector<double> values;
  std::istringstream in(text);
  for (std::string piece; std::getline(in, piece, ',');) {
    auto const value = data::number_from_text(piece);
    if (!value) throw InputError("--" + name + "='" + text + "' (must be numbers separated by commas)");
    values.push_back(*value);
  }
  return values;
}

void apply_settings(model::Model& model, Arguments const& settings) {
  for (auto const& setting : settings) {
    auto const equals = setting.find('=');
    if (equals == std::string::npos)
      throw InputError("--set '" + setting + "' (must be NAME=VALUE). `kurve simulate --parameters` lists the names");
    std::string const name = setting.substr(0, equals), value = setting.substr(equals + 1);
    model::set_parameter(model.parameters, name, value);
    for (auto& draw : model.draws) model::set_parameter(draw, name, value);
    model.knowledge[name] = {
        .source = model::Source::assumed, .sd = 0.0, .identified = true, .note = "set on the command line"};
  }
}

std::vector<double> ranks_option(CommandLine const& line, model::Model const& model) {
  std::vector<double> ranks;
  if (auto const list = line.find<std::string>("K"))
    for (int const k : data::ranks_from_text(*list)) ranks.push_back(k);
  else
    for (double k = model.baseline_ranks; k <= 4096.0 * model.baseline_ranks; k *= 2.0) ranks.push_back(k);
  return ranks;
}

std::vector<double> batches_option(CommandLine const& line, model::Model const& model,
                                   std::vector<double> const& ranks) {
  if (auto const batch = line.find<std::string>("global-batch")) {
    auto batches = number_list("global-batch", *batch);
    if (batches.size() == 1) batches.resize(ranks.size(), batches[0]);
    return batches;
  }
  if (model.regime == model::Regime::mixed)
    throw InputError(
        "the Model's regime is mixed, so the batch at each K is not known. Add --global-batch B, or B1,B2,... one for "
        "each K?");
  return {};
}

}  // namespace kurve::cli
