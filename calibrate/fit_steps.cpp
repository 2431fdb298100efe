// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <iomanip>
#include <map>
#include <optional>
#include <set>
#include <sstream>

#include "calibrate/fit_steps.hpp"
#include "calibrate/step_particles.hpp"
#include "data/parallelism.hpp"
#include "data/stats.hpp"

namespace kurve::calibrate {
namespace {

using model::Source;
using model::StepParameters;

std::string number(double value) {
  std::ostringstream text;
  text << std::setprecision(6) << value;
  return text.str();
}

std::string percent(double share) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(share < 0.01 ? 1 : 0) << 100.0 * share << " %";
  return text.str();
}

/// Values of one member over the draws.
std::vector<double> values_of(std::vector<StepParameters> const& draws, double StepParameters::*member) {
  std::vector<double> values;
  values.reserve(draws.size());
  for (auto const& draw : draws) values.push_back(draw.*member);
  return values;
}

double fitted_time_s(StepParameters const& p, StepPoint const& point) {
  return model::step_time(p, point.ranks, point.global_batch).total_s();
}

/// "The same job?": far off the line of its neighbours, interior in K, and the neighbours themselves in order. An end
/// point is not flagged: a cliff at the largest K is as likely as another job there.
bool is_other_job(std::vector<double> const& probability, std::size_t i) {
  return probability.size() >= 4 && i > 0 && i + 1 < probability.size() && probability[i] > 0.9 &&
         probability[i - 1] < 0.5 && probability[i + 1] < 0.5;
}

/// How much more a sample costs at a point than at the largest K, because larger batches spill. [draws]
std::vector<double> spills(std::vector<StepParameters> const& draws, StepPoint const& point, StepPoint const& largest) {
  std::vector<double> more;
  for (auto const& draw : draws) {
    auto plain = draw;
    plain.compute_spill_per_sample_s = 0.0;
    auto const ratio = [&](StepPoint const& at) {
      return model::compute_time_s(draw, at.local_batch()) / model::compute_time_s(plain, at.local_batch());
    };
    more.push_back(ratio(point) / ratio(largest) - 1.0);
  }
  return more;
}

/// Half of the 90 % interval, in log T, that a fit has for the mean of a point's runs: its parameters, the misfit of
/// one configuration, and noise.
double half_width_log(StepPosterior const& posterior, StepPoint const& point, std::vector<double> const& times_s) {
  auto const& draws = posterior.draws();
  double const parameters = 0.5 * std::log(data::quantile(times_s, 0.95) / data::quantile(times_s, 0.05));
  double const misfit = data::summarize(values_of(draws, &StepParameters::discrepancy_configuration_log)).sd;
  double const run_cv = data::median(values_of(draws, &StepParameters::noise_run_cv));
  constexpr double z = 1.6449;  // 95 % of a standard normal are below it
  return std::hypot(parameters, z * misfit, z * std::sqrt(run_cv * run_cv / point.runs + point.step_variance));
}

/// Why a point is set apart, "" if it is not. @param times_s  fitted [draws]
std::string flag_of(StepPosterior const& posterior, StepEvidence const& evidence, std::size_t i,
                    data::Summary const& time, std::vector<double> const& times_s) {
  auto const& point = evidence.points[i];
  double const fitted_s = data::median(times_s), off = point.time_s / fitted_s - 1.0;
  std::string const side = percent(std::abs(off)) + (off > 0.0 ? " above" : " below");
  std::string const repeats = time.n > 1 ? ", yet it repeats to " + percent(time.sd / time.mean) : "";
  if (is_other_job(posterior.other_job_probability(), i))
    return "not the same job? " + side + " its neighbours' line" + repeats;
  double const spill = data::median(spills(posterior.draws(), point, evidence.largest()));
  if (spill > 0.01)
    return "superlinear speedup from here: a sample costs " + percent(spill) +
           " more than at K = " + number(evidence.largest().ranks) + ", so that S and E relative to this point flatter";
  if (std::abs(std::log1p(off)) > half_width_log(posterior, point, times_s))
    return "misses the fit: " + side + " what it gives" + repeats;
  return "";
}

std::vector<model::FittedPoint> fitted_points(StepPosterior const& posterior, StepEvidence const& evidence,
                                              data::MeasuredPoints const& measured) {
  std::vector<model::FittedPoint> points;
  for (std::size_t i = 0; i < evidence.points.size(); ++i) {
    auto const& point = evidence.points[i];
    std::vector<double> times_s;
    for (auto const& draw : posterior.draws()) times_s.push_back(fitted_time_s(draw, point));
    points.push_back({.ranks = point.ranks,
                      .global_batch = point.global_batch,
                      .runs = static_cast<int>(point.runs),
                      .measured_s = point.time_s,
                      .fitted_s = data::median(times_s),
                      .weight = 1.0 - posterior.other_job_probability()[i],
                      .flag = flag_of(posterior, evidence, i, measured.points[i].time, times_s)});
  }
  return points;
}

/// A bend at which communication starts to show.
struct Bend {
  double ranks = 1.0, probability = 0.0;  ///< largest fitted K up to which compute hides it; share of the draws
};

/// The likeliest bend that has at least a quarter of the draws; none: no bend is seen.
std::optional<Bend> bend_of(std::vector<StepParameters> const& draws, StepEvidence const& evidence) {
  std::map<double, double> shares;  // by K
  for (auto const& draw : draws) {
    if (draw.extra_hidden_per_sample_s <= 0.0) continue;
    auto without = draw;
    without.extra_multi_s = without.extra_per_log2_nodes_s = without.extra_per_log2_s = without.extra_per_rank_s = 0.0;
    double ranks = 0.0;
    for (auto const& point : evidence.points)
      if (model::extra_time_s(draw, point.ranks, point.local_batch()) <=
          model::extra_time_s(without, point.ranks, point.local_batch()))
        ranks = point.ranks;
    if (ranks > 1.0 && ranks < evidence.largest().ranks) shares[ranks] += 1.0 / static_cast<double>(draws.size());
  }
  std::optional<Bend> bend;
  for (auto const& [ranks, share] : shares)
    if (share >= 0.25 && (!bend || share > bend->probability)) bend = Bend{ranks, share};
  return bend;
}

/// What the design of the study allows to be told apart, before any number is looked at.
struct Reach {
  double batch_ratio = 1.0;  ///< largest over smallest local batch
  bool part_and_whole_node = false, one_and_many_nodes = false;
  int ranks_beyond_one = 0, ranks_beyond_node = 0;  ///< different K > 1; different K on more than one node
};
Reach reach_of(StepEvidence const& evidence, std::vector<model::FittedPoint> const& points) {
  Reach reach;
  double low = 1e300, high = 0.0;
  std::set<double> in_use, nodes, many, beyond;
  for (std::size_t i = 0; i < points.size(); ++i) {
    auto const& point = evidence.points[i];
    if (points[i].weight < 0.5) continue;
    low = std::min(low, point.local_batch());
    high = std::max(high, point.local_batch());
    in_use.insert(std::min(point.ranks, evidence.workers_per_node));
    nodes.insert(std::ceil(point.ranks / evidence.workers_per_node));
    if (point.ranks > 1) many.insert(point.ranks);
    if (point.ranks > evidence.workers_per_node) beyond.insert(point.ranks);
  }
  reach.batch_ratio = high / low;
  reach.part_and_whole_node = in_use.size() > 1;
  reach.one_and_many_nodes = nodes.contains(1.0) && nodes.size() > 1;
  reach.ranks_beyond_one = static_cast<int>(many.size());
  reach.ranks_beyond_node = static_cast<int>(beyond.size());
  return reach;
}

/// Why a term cannot be identified by these points, "" if they could tell it.
std::string why_not(std::size_t term, Reach const& reach, std::array<double, growth_laws> const& law) {
  if (term <= 1)
    return reach.batch_ratio >= 2.0
               ? ""
               : "the local batches differ less than twofold, so serial work and compute cannot be told apart";
  if (term == spill_term) return reach.batch_ratio >= 2.0 ? "" : "the local batches differ less than twofold";
  if (term <= 3) return reach.part_and_whole_node ? "" : "every point uses a node alike";
  if (term <= 5) return reach.one_and_many_nodes ? "" : "no points on both one node and several";
  auto l = GrowthLaw::constant;
  while (growth_term(l) != static_cast<int>(term)) l = static_cast<GrowthLaw>(static_cast<int>(l) + 1);
  int const distinct = l == GrowthLaw::log2_nodes ? reach.ranks_beyond_node : reach.ranks_beyond_one;
  if (distinct < 3) return "fewer than three different K where it would show";
  return law[static_cast<std::size_t>(l)] >= 0.9 ? "" : "other growth laws fit as well";
}

void describe(model::Model& fitted, StepPosterior const& posterior, StepEvidence const& evidence, Reach const& reach) {
  auto const& draws = posterior.draws();
  auto know = [&](std::string_view name, Source source, bool identified, std::string note) {
    auto const values = values_of(draws, model::find_parameter(name)->member);
    fitted.knowledge[std::string(name)] = {
        .source = source, .sd = data::summarize(values).sd, .identified = identified, .note = std::move(note)};
    fitted.parameters.*(model::find_parameter(name)->member) = data::summarize(values).mean;
  };
  for (std::size_t t = 0; t < step_terms.size(); ++t) {
    auto const values = values_of(draws, step_terms[t].member);
    if (*std::max_element(values.begin(), values.end()) <= 0.0) continue;  // no law that has it fits at all
    double const half_width = 0.5 * (data::quantile(values, 0.95) - data::quantile(values, 0.05));
    std::string note = why_not(t, reach, posterior.law_probability());
    double const middle = data::median(values);
    if (note.empty() && !(middle > 0.0 && half_width <= 0.3 * middle))
      note = "its 90 % interval is wider than 30 % of its value";
    know(step_terms[t].name, Source::fitted, note.empty(), note);
  }
  for (auto const name : {"compute.spill.batch", "compute.spill.sharpness", "extra.hidden_per_sample"}) {
    auto const values = values_of(draws, model::find_parameter(name)->member);
    if (data::summarize(values).sd > 0.0) know(name, Source::fitted, false, "one hypothesis of several");
  }
  know("compute.floor", Source::fitted, false, "a launch-bound floor shows only at small local batches");
  know("variability.noise.run_cv", evidence.run_cv_assumed ? Source::assumed : Source::fitted, !evidence.run_cv_assumed,
       evidence.run_cv_assumed ? "no point was run more than once; typical of its kind" : "");
  know("discrepancy.log_growth", Source::assumed, false,
       "learned on published studies: how far a fit drifts beyond its points");
  know("discrepancy.exposed_log_growth", Source::assumed, false,
       "learned on published studies: how far exposed communication drifts");
  know("discrepancy.configuration_log", Source::assumed, false,
       "learned on published studies: misfit of one configuration");
  // Signed with centre 0: their mean over draws is sampling error.
  fitted.parameters.discrepancy_log_growth = fitted.parameters.discrepancy_exposed_log_growth =
      fitted.parameters.discrepancy_configuration_log = 0.0;
  for (auto const name :
       {"discrepancy.power", "discrepancy.from_ranks", "discrepancy.from_batch", "discrepancy.batch_weight"})
    know(name, Source::assumed, true, "");
}

std::vector<std::string> messages_of(model::Model const& fitted, std::vector<model::FittedPoint> const& points,
                                     StepPosterior const& posterior, StepEvidence const& evidence) {
  std::vector<std::string> messages;
  for (auto const& point : points)
    if (!point.flag.empty())
      messages.push_back("K = " + number(point.ranks) + ": " + point.flag +
                         (point.weight < 0.5 ? "; it counts for " + percent(point.weight) : ""));
  for (auto const* name : {"serial", "compute.per_sample"}) {
    auto const found = fitted.knowledge.find(name);
    if (found != fitted.knowledge.end() && !found->second.identified)
      messages.push_back(std::string(name) + " is not identified: " + found->second.note);
  }
  constexpr const char* names[] = {"no growth",   "log2 of nodes", "log2 of K",  "linear in K",
                                   "normal skew", "ln K skew",     "Pareto skew"};
  std::string laws = "growth law, by weight:";
  auto const& weight = posterior.law_probability();
  std::vector<std::size_t> order{0, 1, 2, 3, 4, 5, 6};
  std::sort(order.begin(), order.end(), [&](auto a, auto b) { return weight[a] > weight[b]; });
  for (auto const l : order)
    if (weight[l] >= 0.05) laws += std::string(laws.back() == ':' ? " " : ", ") + names[l] + " " + percent(weight[l]);
  messages.push_back(laws);
  if (auto const bend = bend_of(posterior.draws(), evidence))
    messages.push_back("a bend after K = " + number(bend->ranks) + ", by " + percent(bend->probability) +
                       ": compute hides the communication up to there, and no longer beyond");
  if (posterior.effective_particles() < 30.0)
    messages.push_back(
        "the points contradict what healthy jobs look like: few particles explain them, so the interval is rough");
  return messages;
}

}  // namespace

FitResult fit_steps(data::Study const& study, FitOptions const& options) { return fit_steps(study, options, {}); }

FitResult fit_steps(data::Study const& study, FitOptions const& options, StepPrior const& prior) {
  auto const measured = data::measured_points(study);
  auto const evidence = step_evidence(study, measured, prior);
  StepPosterior const posterior(evidence, prior, options.seed, options.draws);

  FitResult result;
  result.log_evidence = posterior.log_evidence();
  auto& fitted = result.model;
  auto const& points = fitted.origin.fitted = fitted_points(posterior, evidence, measured);
  fitted.origin.known = true;
  auto const& baseline = measured.points[data::baseline_index(measured.points)];
  fitted.workload = study.find("workload").value_or("");
  fitted.regime = study.regime();
  fitted.global_batch = baseline.global_batch;
  fitted.baseline_ranks = baseline.ranks;
  fitted.baseline_s = baseline.time.mean;
  fitted.replica_workers = data::replica_workers(study);
  fitted.parameters.workers_per_node = evidence.workers_per_node;
  fitted.knowledge["network.workers_per_node"] = {
      .source = study.find("workers_per_node") ? Source::imported : Source::assumed,
      .sd = 0.0,
      .identified = true,
      .note = {}};
  describe(fitted, posterior, evidence, reach_of(evidence, points));
  fitted.draws = posterior.draws();
  result.messages = messages_of(fitted, points, posterior, evidence);
  auto const& largest = evidence.largest();
  std::map<std::string, std::string> others;  // K by another configuration than the largest's
  for (auto const& point : evidence.points)
    if (point.configuration != largest.configuration) {
      auto& ranks = others[point.configuration];
      ranks += (ranks.empty() ? "K = " : ", ") + number(point.ranks);
    }
  for (auto const& [configuration, ranks] : others)
    result.messages.push_back(ranks + " ran with " + configuration + ", K = " + number(largest.ranks) + " with " +
                              largest.configuration + ": the level of the former may be " +
                              percent(prior.configuration_sd) + " off");
  if (largest.idle_batch > 0.0)
    result.messages.push_back("a pipeline fills and drains: serial work is expected to have " +
                              std::string(largest.chunks_known ? "about " : "up to ") +
                              percent(largest.idle_batch / largest.local_batch()) +
                              " of compute at K = " + number(largest.ranks) + " in it");
  if (evidence.network_s)
    result.messages.push_back("network between nodes: " + number(*evidence.node_Bps / 1e9) +
                              " GB/s a node, from the header's words");
  return result;
}

}  // namespace kurve::calibrate
