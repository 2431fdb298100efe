// SPDX-License-Identifier: Apache-2.0
#include "calibrate/fit_steps_on_network.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "calibrate/fit_steps.hpp"
#include "calibrate/random.hpp"
#include "data/points.hpp"
#include "data/quantity_text.hpp"
#include "data/stats.hpp"
#include "model/error.hpp"

namespace kurve::calibrate {
namespace {

using model::StepParameters;

/// How much of compute hides the all-reduce, none to all of backward (two thirds of compute), and how likely that is
/// before the steps are seen. Choices.
struct Overlap {
  double fraction, probability;
};
constexpr std::array overlaps{Overlap{0.0, 0.3}, Overlap{0.15, 0.1}, Overlap{0.3, 0.2}, Overlap{0.45, 0.2},
                              Overlap{0.66, 0.2}};
/// Buckets of a gradient that backward fills while it hides them, each a collective of its own; the last is always
/// exposed. A choice.
constexpr double buckets = 4.0;
/// Errors of the network's curve at which the steps are fitted: three points that have a normal's mean and variance
/// (Gauss-Hermite quadrature), where it says little of the steps' ranks; else its centre alone.
struct NetworkError {
  double z, probability;
};
constexpr std::array errors{NetworkError{0.0, 2.0 / 3.0}, NetworkError{-1.7320508, 1.0 / 6.0},
                            NetworkError{1.7320508, 1.0 / 6.0}};
constexpr double certain_log_sd = 0.05;
/// Place of a draw's all-reduce error among its random numbers: beyond those of any fit.
constexpr std::uint64_t allreduce_error_number = 1'000'000, hypothesis_number = 1'000'001;

/// Of steps less their all-reduce: the laws and costs of communication that a prior of steps alone expects are in what
/// was taken off. What is left of them is how waiting and contention differ from a benchmark's. Choices.
StepPrior prior_of_rest() {
  StepPrior prior;
  for (auto const law : {GrowthLaw::log2_nodes, GrowthLaw::log2_workers, GrowthLaw::ring})
    prior.law[static_cast<std::size_t>(law)] *= 0.1;
  prior.latency_probability = 0.0;
  prior.in_node_median *= 0.3;
  prior.cross_node_median *= 0.1;
  prior.growth_median *= 0.3;
  return prior;
}

double gradient_bytes_of(data::Study const& steps) {
  if (auto const bytes = steps.find_number("gradient_bytes"); bytes && *bytes > 0.0) return *bytes;
  std::string const path = steps.path.empty() ? "steps" : steps.path;
  if (auto const parameters = steps.find_number("parameters"))
    throw DataError(path, 0,
                    "has parameters=" + data::number_text(*parameters) +
                        ", not how many bytes of each a step sums over the network (the network explains steps by "
                        "what it sums). Add --assume gradient_bytes=" +
                        data::number_text(2.0 * *parameters) +
                        " for 2 bytes each or gradient_bytes=" + data::number_text(4.0 * *parameters) + " for 4.");
  throw DataError(path, 0,
                  "does not say what a step sums over the network (the network explains steps by that). Add --assume "
                  "gradient_bytes=BYTES or a line '# gradient_bytes: BYTES'.");
}

/// What the network's parameters are to a step.
void lend(StepParameters const& network, double gradient_bytes, double overlap, double error, StepParameters& to) {
  to.allreduce = network.allreduce;
  to.intra_latency_s = network.intra_latency_s;
  to.inter_latency_s = network.inter_latency_s;
  to.intra_bandwidth_Bps = network.intra_bandwidth_Bps;
  to.inter_bandwidth_Bps = network.inter_bandwidth_Bps;
  to.nccl_latency_scale = network.nccl_latency_scale;
  to.measured_allreduce = network.measured_allreduce;
  to.gradient_bytes = gradient_bytes;
  to.allreduce_error = error;
  to.overlap_fraction = overlap;
  to.overlap_buckets = overlap > 0.0 ? buckets : 1.0;
}

/// The steps less what they wait for the network; none where that leaves no time. @param p  compute and network
std::optional<data::Study> without_communication(data::Study steps, StepParameters const& p, bool has_batch) {
  for (auto& sample : steps.samples) {
    if (sample.op != data::Operation::step) continue;
    double const batch = has_batch ? sample.global_batch.value_or(1.0) : 1.0;
    sample.time_s -= model::step_time(p, sample.ranks, batch).exposed_comm_s;
    if (!(sample.time_s > 0.0)) return std::nullopt;
  }
  return steps;
}

/// Compute alone, of the draws of a fit: what may hide communication.
StepParameters compute_of(model::Model const& fitted) {
  auto const median_of = [&](double StepParameters::*member) {
    std::vector<double> values;
    for (auto const& draw : fitted.draws) values.push_back(draw.*member);
    return data::median(values);
  };
  StepParameters p;
  p.workers_per_node = fitted.parameters.workers_per_node;
  p.compute_per_sample_s = median_of(&StepParameters::compute_per_sample_s);
  return p;
}

struct Hypothesis {
  Overlap overlap;
  NetworkError error;
  FitResult fit;
  double weight = 0.0;
};

std::vector<Hypothesis> fit_hypotheses(data::Study const& steps, model::Model const& network, double gradient_bytes,
                                       FitOptions const& options) {
  auto const measured = data::measured_points(steps);
  auto p = compute_of(fit_steps(steps, options).model);
  double largest_log_sd = 0.0;
  if (auto const& curve = network.parameters.measured_allreduce)
    for (auto const& point : measured.points)
      if (point.ranks > 1.0)
        largest_log_sd = std::max(largest_log_sd, curve->at(point.ranks, gradient_bytes).high_log_sd);
  std::vector<Hypothesis> hypotheses;
  for (auto const& overlap : overlaps)
    for (auto const& error : errors) {
      if (error.z != 0.0 && largest_log_sd < certain_log_sd) continue;
      lend(network.parameters, gradient_bytes, overlap.fraction, error.z, p);
      auto rest = without_communication(steps, p, measured.has_batch);
      if (!rest) continue;
      std::erase_if(rest->header, [](auto const& entry) { return entry.first == "interconnect"; });  // measured instead
      hypotheses.push_back({overlap, error, fit_steps(*rest, options, prior_of_rest()), 0.0});
    }
  if (hypotheses.empty())
    throw DataError(steps.path.empty() ? "steps" : steps.path, 0,
                    "a step is shorter than the network's all-reduce of " + data::number_text(gradient_bytes) +
                        " bytes, even if all of backward hides it (gradient_bytes, or the network, is of another job). "
                        "Check what a worker sums in one step.");
  double best = -1e300, total = 0.0;
  for (auto const& h : hypotheses) best = std::max(best, h.fit.log_evidence);
  for (auto& h : hypotheses)
    total += h.weight = h.overlap.probability * h.error.probability * std::exp(h.fit.log_evidence - best);
  for (auto& h : hypotheses) h.weight /= total;
  return hypotheses;
}

}  // namespace

FitResult fit_steps_on_network(data::Study steps, FitResult const& network, FitOptions const& options) {
  double const bytes = gradient_bytes_of(steps);
  auto const& of = network.model.parameters;
  if (!steps.find("workers_per_node")) steps.set("workers_per_node", data::number_text(of.workers_per_node));
  auto hypotheses = fit_hypotheses(steps, network.model, bytes, options);
  auto const& likeliest = *std::max_element(hypotheses.begin(), hypotheses.end(),
                                            [](auto const& a, auto const& b) { return a.weight < b.weight; });
  FitResult result = likeliest.fit;
  auto& m = result.model;
  bool const certain =
      std::all_of(hypotheses.begin(), hypotheses.end(), [](auto const& h) { return h.error.z == 0.0; });
  std::vector<double> fractions;
  for (std::size_t d = 0; d < m.draws.size(); ++d) {
    double level = random_uniform(options.seed, d, hypothesis_number);
    auto h = hypotheses.begin();
    while (h + 1 != hypotheses.end() && level > h->weight) level -= (h++)->weight;
    m.draws[d] = h->fit.model.draws[d];
    double const error = certain ? random_normal(options.seed, d, allreduce_error_number) : h->error.z;
    lend(of, bytes, h->overlap.fraction, error, m.draws[d]);
    fractions.push_back(h->overlap.fraction);
  }
  // Every parameter at the draws' mean, the network at its own centre.
  for (auto const& info : model::parameter_table()) {
    std::vector<double> values;
    for (auto const& draw : m.draws) values.push_back(draw.*(info.member));
    auto const summary = data::summarize(values);
    auto const known = m.knowledge.find(std::string(info.name));
    if (known == m.knowledge.end() || !(known->second.sd > 0.0)) continue;
    bool const signed_drift = info.min < 0.0;
    if (!signed_drift) m.parameters.*(info.member) = summary.mean;
    known->second.sd = summary.sd;
  }
  lend(of, bytes, data::summarize(fractions).mean, 0.0, m.parameters);
  for (auto const& [name, known] : network.model.knowledge)
    if (name.starts_with("network.") && name != "network.workers_per_node") m.knowledge[name] = known;
  m.knowledge["network.allreduce_error"].sd = 1.0;
  m.knowledge["gradient_bytes"] = {.source = model::Source::imported, .sd = 0.0, .identified = true, .note = "given"};
  m.knowledge["overlap.fraction"] = {.source = model::Source::fitted,
                                     .sd = data::summarize(fractions).sd,
                                     .identified = likeliest.weight > 0.9,
                                     .note = "what hides the network's all-reduce, by the steps"};
  m.knowledge["overlap.buckets"] = {.source = model::Source::assumed, .sd = 0.0, .identified = true, .note = ""};
  auto taken_off = compute_of(likeliest.fit.model);
  lend(of, bytes, likeliest.overlap.fraction, likeliest.error.z, taken_off);
  auto const waited_s = [&taken_off](double ranks, double batch) {
    return model::step_time(taken_off, ranks, batch).exposed_comm_s;
  };
  if (m.baseline_s) *m.baseline_s += waited_s(m.baseline_ranks, m.global_batch);
  for (auto& point : m.origin.fitted) {
    point.measured_s += waited_s(point.ranks, point.global_batch);
    std::vector<double> times_s;
    for (auto const& draw : m.draws)
      times_s.push_back(model::step_time(draw, point.ranks, point.global_batch).total_s());
    point.fitted_s = data::median(times_s);
  }
  result.messages.push_back("the network given explains its part: an all-reduce of " + data::number_text(bytes) +
                            " bytes, hidden as far as the steps show; the growth fitted is of the rest");
  result.messages.insert(result.messages.end(), network.messages.begin(), network.messages.end());
  return result;
}

}  // namespace kurve::calibrate
