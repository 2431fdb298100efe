// SPDX-License-Identifier: Apache-2.0
#include "cli/settings.hpp"

#include "data/parameter_text.hpp"
#include "data/quantity_text.hpp"
#include "model/error.hpp"
#include "sim/summary.hpp"

namespace kurve::cli {
namespace {

namespace po = boost::program_options;

/// What is set of a Model beside its parameters. @return whether `name` is one of these
bool set_frame(model::Model& model, std::string const& name, std::string const& value) {
  if (name == "regime") {
    model.regime = model::regime_from_text(value);
    if (model.regime == model::Regime::mixed) throw InputError("regime='mixed' (must be strong or weak)");
    return true;
  }
  if (name != "global_batch") return false;
  auto const batch = data::plain_from_text(value);
  if (!batch || !(*batch > 0.0) || !(*batch <= 1e15))
    throw InputError("global_batch='" + value + "' (must be a positive number up to 1e15)");
  model.global_batch = *batch;
  return true;
}

}  // namespace

void apply_settings(model::Model& model, Arguments const& settings) {
  double const baseline_s = model.baseline_s ? sim::predicted_baseline_s(model) : 1.0;
  for (auto const& setting : settings) {
    auto const equals = setting.find('=');
    if (equals == std::string::npos)
      throw InputError("--set '" + setting + "' (must be NAME=VALUE). `kurve simulate --parameters` lists the names");
    std::string const name = setting.substr(0, equals), value = setting.substr(equals + 1);
    if (set_frame(model, name, value)) continue;
    data::set_parameter(model.parameters, name, value);
    if (auto const* info = model::find_parameter(name))  // parsed once: there are thousands of draws
      for (auto& draw : model.draws) draw.*(info->member) = model.parameters.*(info->member);
    else
      for (auto& draw : model.draws) model::set_parameter(draw, name, value);
    model.knowledge[name] = {
        .source = model::Source::assumed, .sd = 0.0, .identified = true, .note = "set on the command line"};
  }
  if (model.baseline_s && !settings.empty()) *model.baseline_s *= sim::predicted_baseline_s(model) / baseline_s;
}

std::vector<validate::Setting> settings_of(Arguments const& settings) {
  std::vector<validate::Setting> named;
  for (auto const& setting : settings) {
    auto const equals = setting.find('=');
    std::string const name = setting.substr(0, equals);
    std::erase_if(named, [&](auto const& other) { return other.name == name; });
    named.push_back({name, setting.substr(equals + 1)});
  }
  return named;
}

std::vector<double> ranks_option(CommandLine const& line, model::Model const& model,
                                 std::optional<std::string> const& what_if) {
  std::vector<double> ranks;
  if (auto const list = what_if ? what_if : line.find<std::string>("K"))
    for (int const k : data::ranks_from_text(*list)) ranks.push_back(k);
  else
    for (double k = model.baseline_ranks; k <= 4096.0 * model.baseline_ranks; k *= 2.0) ranks.push_back(k);
  return ranks;
}

std::vector<double> batches_option(CommandLine const& line, model::Model const& model,
                                   std::vector<double> const& ranks) {
  if (auto const batch = line.find<std::string>("global-batch")) {
    auto batches = data::numbers_from_text("--global-batch", *batch);
    if (batches.size() == 1) batches.resize(ranks.size(), batches[0]);
    return batches;
  }
  if (model.regime == model::Regime::mixed)
    throw InputError(
        "the Model's regime is mixed, so the batch at each K is not known. Add --global-batch B, or B1,B2,... one for "
        "each K?");
  return {};
}

void add_curve_options(CommandLine& line) {
  add_judgement_options(line, 0.9);
  line.options().add_options()("K,K", po::value<std::string>()->value_name("LIST"),
                               "1,2,4..1024 (.. doubles) or first:last:step; from K0 to 4096 K0 by doubling")(
      "global-batch,B", po::value<std::string>()->value_name("LIST"),
      "one for all K, or one for each: a mixed Model needs it")(
      "set,s", po::value<Arguments>()->composing()->value_name("NAME=VALUE"),
      "what if: set a parameter (repeat for more), global_batch or regime; simulate lets one range: 1e9,4e9 or "
      "1e9..8e9 (.. doubles)")("method,m", po::value<std::string>()->default_value("automatic"),
                               "closed-form, order-statistics, workers, or ring (every hop)")(
      "trials,n", po::value<long>()->default_value(10000), "steps drawn at each K by a sampling method")(
      "draws", po::value<int>()->default_value(2000), "parameter vectors of the intervals")(
      "seed", po::value<std::uint64_t>()->default_value(1), "of every random number")(
      "threads", po::value<int>()->default_value(0), "0: all, under mpirun one a rank; never changes a result");
}

sim::SimulateOptions curve_options(CommandLine const& line, model::Model const& model,
                                   std::optional<std::string> const& ranks) {
  sim::SimulateOptions options{.ranks = ranks_option(line, model, ranks),
                               .global_batches = {},
                               .threshold = line.threshold(),
                               .confidence = line.confidence(),
                               .trials = line.get<long>("trials"),
                               .draws = line.draws(),
                               .seed = line.get<std::uint64_t>("seed"),
                               .threads = line.get<int>("threads"),
                               .method = sim::method_from_text(line.get<std::string>("method")),
                               .quantile_levels = {0.05, 0.5, 0.95, 0.99},
                               .progress = {}};
  options.global_batches = batches_option(line, model, options.ranks);
  return options;
}

}  // namespace kurve::cli
