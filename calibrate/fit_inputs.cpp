// SPDX-License-Identifier: Apache-2.0
#include "calibrate/fit_inputs.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "calibrate/fit_allreduce.hpp"
#include "calibrate/random.hpp"
#include "data/input.hpp"
#include "data/per_rank.hpp"

namespace kurve::calibrate {
namespace {

using data::Operation;

/// Place of a draw's all-reduce error among its random numbers: beyond those of any fit.
constexpr std::uint64_t allreduce_error_number = 1'000'000;

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

/// The steps' Model, which also times collectives by what was measured of them. Its steps have their communication in
/// terms of their own (no gradient_bytes), so nothing of them changes.
FitResult with_network(FitResult steps, data::Study const& allreduces, FitOptions const& options) {
  auto& m = steps.model;
  auto const alone = fit_allreduce(allreduces);
  auto const network = fit_nccl_network(m.parameters, alone.model.parameters.measured_allreduce->points());
  m.parameters = network.parameters;
  std::uint64_t index = 0;
  for (auto& draw : m.draws) {
    draw.allreduce = m.parameters.allreduce;
    draw.intra_bandwidth_Bps = m.parameters.intra_bandwidth_Bps;
    draw.inter_bandwidth_Bps = m.parameters.inter_bandwidth_Bps;
    draw.nccl_latency_scale = m.parameters.nccl_latency_scale;
    draw.measured_allreduce = m.parameters.measured_allreduce;
    draw.allreduce_error = random_normal(options.seed, index++, allreduce_error_number);
  }
  for (auto const& [name, known] : alone.model.knowledge)
    if (name != "network.workers_per_node") m.knowledge[name] = known;
  steps.messages.insert(steps.messages.end(), alone.messages.begin(), alone.messages.end());
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
    return inputs.steps.samples.empty() ? fit_allreduce(inputs.components)
                                        : with_network(fit_steps(inputs.steps, options), inputs.components, options);
  }
  auto result = fit_components(inputs.components, inputs.steps, options);
  mark_imported(result.model, inputs.imported);
  return result;
}

}  // namespace kurve::calibrate
