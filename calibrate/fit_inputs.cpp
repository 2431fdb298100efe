// SPDX-License-Identifier: Apache-2.0
#include "calibrate/fit_inputs.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "calibrate/fit_allreduce.hpp"
#include "calibrate/fit_steps_on_network.hpp"
#include "data/input.hpp"
#include "data/per_rank.hpp"
#include "model/error.hpp"

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

/// What is known of a network beside what the rest of the Model says of it.
void add_knowledge(FitResult& result, FitResult const& network) {
  for (auto const& [name, known] : network.model.knowledge) {
    auto& knowledge = result.model.knowledge;
    if (name == "network.workers_per_node" && knowledge.contains(name)) continue;  // the steps' own
    double const sd = std::max(known.sd, knowledge[name].sd);
    knowledge[name] = known;
    knowledge[name].sd = sd;
  }
  for (auto const& message : network.messages) result.messages.push_back(message);
}

}  // namespace

FitInputs sort_inputs(std::vector<data::Study> studies) {
  FitInputs inputs;
  std::vector<data::Study> components, steps, single_ranks, networks;
  for (auto& study : studies) {
    auto const kind = study.kind();
    bool const elsewhere = study.find("imported_from") || study.find("published");
    auto& group = elsewhere && is_allreduce_only(study) ? networks
                  : kind == data::StudyKind::components ? components
                  : kind == data::StudyKind::per_rank   ? single_ranks
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
  if (networks.size() > 1)  // a node's and the network's between nodes need not be one cluster's
    for (auto& study : networks)
      std::erase_if(study.header, [](auto const& entry) {
        return entry.first == "workload" || entry.first == "accelerator" || entry.first == "interconnect";
      });
  if (!networks.empty()) inputs.network = data::merged(std::move(networks));
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

void add_network_model(FitInputs& inputs, model::Model model) {
  auto const& p = model.parameters;
  if (!p.measured_allreduce && p.intra_bandwidth_Bps <= 0.0 && p.inter_bandwidth_Bps <= 0.0)
    throw InputError("Model '" + model.workload +
                     "' (has no network: a Model is fitted beside steps for its all-reduces). Give one that `calibrate "
                     "--from` made of all-reduce logs, or the logs themselves.");
  if (inputs.network_model || !inputs.network.samples.empty())
    throw InputError("two networks beside the steps, '" + model.workload +
                     "' among them (steps ran on one). Give one.");
  inputs.network_model = std::move(model);
}

FitResult fit_model(FitInputs const& inputs, FitOptions const& options) {
  bool const sweep_alone = is_allreduce_only(inputs.components);
  bool const composed = !inputs.components.samples.empty() && !sweep_alone;
  auto const& sweep = inputs.network.samples.empty() && sweep_alone ? inputs.components : inputs.network;
  std::optional<FitResult> network;
  if (inputs.network_model) network = FitResult{.model = *inputs.network_model};
  if (!sweep.samples.empty()) network = fit_allreduce(sweep);
  if (composed) {
    auto result =
        fit_components(inputs.components, inputs.steps, options, network ? &network->model.parameters : nullptr);
    mark_imported(result.model, inputs.imported);
    if (network) add_knowledge(result, *network);
    return result;
  }
  if (!network) return fit_steps(inputs.steps, options);
  if (!inputs.steps.samples.empty()) return fit_steps_on_network(inputs.steps, *network, options);
  network->messages.insert(network->messages.begin(),
                           "all-reduces alone: this Model times collectives (simulate --op allreduce), not steps");
  return std::move(*network);
}

}  // namespace kurve::calibrate
