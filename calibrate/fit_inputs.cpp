// SPDX-License-Identifier: Apache-2.0
#include "calibrate/fit_inputs.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "calibrate/fit_allreduce.hpp"
#include "data/input.hpp"
#include "data/per_rank.hpp"

namespace kurve::calibrate {
namespace {

using data::Operation;

/// Parameters that an operation's timings measure, by the beginning of their names.
constexpr std::array<std::pair<Operation, std::string_view>, 5> measured_by{{{Operation::serial, "serial"},
                                                                             {Operation::compute, "compute."},
                                                                             {Operation::compute, "variability."},
                                                                             {Operation::compute, "overlap."},
                                                                             {Operation::allreduce, "network."}}};

void mark_imported(model::Model& model, std::set<Operation> const& imported) {
  for (auto& [name, knowledge] : model.knowledge) {
    if (knowledge.source != model::Source::measured) continue;
    for (auto const& [op, begin] : measured_by)
      if (imported.contains(op) && name.starts_with(begin)) knowledge.source = model::Source::imported;
  }
}

/// The steps' Model, which also times collectives by what was measured of them.
FitResult with_network(FitResult steps, FitResult const& network) {
  steps.model.allreduce = network.model.allreduce;
  steps.messages.insert(steps.messages.end(), network.messages.begin(), network.messages.end());
  return steps;
}

}  // namespace

FitInputs sort_inputs(std::vector<data::Study> studies) {
  FitInputs inputs;
  std::vector<data::Study> components, steps, single_ranks;
  for (auto& study : studies) {
    auto const kind = study.kind();
    auto& group = kind == data::StudyKind::components ? components
                  : kind == data::StudyKind::per_rank ? single_ranks
                                                      : steps;
    if (study.find("imported_from"))
      for (auto const& sample : study.samples)
        if (kind == data::StudyKind::components) inputs.imported.insert(sample.op);
    group.push_back(std::move(study));
  }
  if (!single_ranks.empty()) {
    auto const per_rank = data::merged(std::move(single_ranks));
    if (per_rank.find("imported_from")) inputs.imported.insert({Operation::serial, Operation::compute});
    components.push_back(data::components(per_rank));
    if (steps.empty()) steps.push_back(data::whole_steps(per_rank));
  }
  if (!components.empty()) inputs.components = data::merged(std::move(components));
  if (!steps.empty()) inputs.steps = data::merged(std::move(steps));
  return inputs;
}

void add_allreduce(FitInputs& inputs, data::Study const& elsewhere) {
  auto& into = inputs.components;
  auto const& columns = elsewhere.configuration_columns;
  auto const algorithm =
      static_cast<std::size_t>(std::find(columns.begin(), columns.end(), "algorithm") - columns.begin());
  into.configuration_columns = {"algorithm"};
  for (auto& sample : into.samples) sample.configuration = {""};
  for (auto sample : elsewhere.samples) {
    if (sample.op != Operation::allreduce) continue;
    sample.configuration = {algorithm < sample.configuration.size() ? sample.configuration[algorithm] : ""};
    into.samples.push_back(std::move(sample));
    inputs.imported.insert(Operation::allreduce);
  }
  if (auto const workers = elsewhere.find("workers_per_node"); workers && !into.find("workers_per_node"))
    into.set("workers_per_node", *workers);
}

FitResult fit_model(FitInputs const& inputs, FitOptions const& options) {
  if (inputs.components.samples.empty()) return fit_steps(inputs.steps, options);
  if (is_allreduce_only(inputs.components)) {
    auto const network = fit_allreduce(inputs.components);
    return inputs.steps.samples.empty() ? network : with_network(fit_steps(inputs.steps, options), network);
  }
  auto result = fit_components(inputs.components, inputs.steps, options);
  mark_imported(result.model, inputs.imported);
  return result;
}

}  // namespace kurve::calibrate
