// SPDX-License-Identifier: Apache-2.0
#include "calibrate/step_evidence.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iomanip>
#include <sstream>

#include "data/network_words.hpp"
#include "data/parallelism.hpp"

namespace kurve::calibrate {
namespace {

/// Micro-batches a step at a point: as a column counts them, else by the samples of one.
std::optional<double> micro_batches(data::Study const& study, data::MeasuredPoint const& point, bool has_batch,
                                    data::Parallelism const& cut) {
  for (std::size_t c = 0; c < point.configuration.size(); ++c) {
    if (!data::counts_micro_batches(study.configuration_columns[c])) continue;
    char* end = nullptr;
    double const count = std::strtod(point.configuration[c].c_str(), &end);
    if (*end == '\0' && count >= 1.0) return count;
  }
  if (!cut.micro_batch || !has_batch) return std::nullopt;
  return point.global_batch * cut.workers_per_replica / (point.ranks * *cut.micro_batch);
}

/// The configuration of a point as a reader would write it, without what follows from K and B.
std::string configuration_of(data::Study const& study, data::MeasuredPoint const& point, bool has_batch) {
  std::ostringstream text;
  text << std::setprecision(3);
  auto const separator = [&] { return text.str().empty() ? "" : ", "; };
  for (std::size_t c = 0; c < point.configuration.size(); ++c) {
    auto const& column = study.configuration_columns[c];
    if (data::counts_micro_batches(column)) continue;
    auto const value = data::without_data_parallelism(column, point.configuration[c]);
    if (!value.empty()) text << separator() << column << ' ' << value;
  }
  if (auto const count = micro_batches(study, point, has_batch, data::parallelism_of(study, point.configuration)))
    text << separator() << "micro-batches of " << point.global_batch / *count / point.ranks << " samples a worker";
  return text.str().empty() ? "nothing said" : text.str();
}

/// Repeats further than this from their point's median are pulled in to it, so that one slow run does not move a mean,
/// and a spread that all points have stays what it is: four robust standard deviations of all points, of the typical
/// spread at least. A point of n repeats shows n - 1 deviations: that of the nearest to its median is left out.
double repeat_limit(data::MeasuredPoints const& measured, StepPrior const& prior) {
  std::vector<double> deviations;
  for (auto const& point : measured.points) {
    if (point.repeats_s.size() < 2) continue;
    double const middle = data::median(point.repeats_s), n = static_cast<double>(point.repeats_s.size());
    std::vector<double> own;
    for (double const t : point.repeats_s) own.push_back(std::abs(t / middle - 1.0) * std::sqrt(n / (n - 1.0)));
    std::sort(own.begin(), own.end());
    deviations.insert(deviations.end(), own.begin() + 1, own.end());
  }
  constexpr double sd_of_median_deviation = 1.4826;  // of a normal distribution
  double const sd = deviations.empty() ? 0.0 : sd_of_median_deviation * data::median(deviations);
  return 4.0 * std::max(sd, prior.run_cv);
}

std::vector<double> pulled_in(std::vector<double> repeats_s, double limit) {
  if (repeats_s.size() < 3) return repeats_s;
  double const middle = data::median(repeats_s);
  for (double& t : repeats_s) t = std::clamp(t, (1.0 - std::min(limit, 1.0)) * middle, (1.0 + limit) * middle);
  return repeats_s;
}

}  // namespace

StepEvidence step_evidence(data::Study const& study, data::MeasuredPoints const& measured, StepPrior const& prior) {
  auto const workers_per_node = study.find_number("workers_per_node");
  StepEvidence evidence{.points = {},
                        .workers_per_node = workers_per_node.value_or(8.0),
                        .workers_per_node_assumed = !workers_per_node,
                        .node_Bps = {},
                        .network_s = {},
                        .run_cv = prior.run_cv,
                        .run_freedom = prior.run_cv_weight,
                        .run_cv_assumed = true};
  evidence.node_Bps = data::node_bandwidth_Bps(study.find("interconnect").value_or(""), evidence.workers_per_node);
  auto const gradients = data::gradient_bytes(study);
  if (evidence.node_Bps && gradients) evidence.network_s = 2.0 * *gradients / *evidence.node_Bps;
  bool const runs = measured.replication == data::Replication::run;
  double const limit = repeat_limit(measured, prior);
  double squares = 0.0, freedom = 0.0;
  for (auto const& point : measured.points) {
    auto const time = data::summarize(pulled_in(point.repeats_s, limit));
    StepPoint fitted{.ranks = point.ranks, .global_batch = point.global_batch, .time_s = time.mean};
    if (runs) {
      fitted.runs = static_cast<double>(time.n);
      if (time.n > 1) {
        squares += (fitted.runs - 1.0) * std::pow(time.sd / time.mean, 2);
        freedom += fitted.runs - 1.0;
        evidence.run_cv_assumed = false;
      }
    } else {
      fitted.step_variance = std::pow(point.time.standard_error() / fitted.time_s, 2);
    }
    fitted.configuration = configuration_of(study, point, measured.has_batch);
    auto const cut = data::parallelism_of(study, point.configuration);
    if (auto const count = micro_batches(study, point, measured.has_batch, cut); count && *count >= 1.0) {
      fitted.idle_batch = (cut.stages - 1.0) * fitted.local_batch() / *count / cut.chunks.value_or(1.0);
      fitted.chunks_known = cut.chunks.has_value();
      fitted.turns = (*count + cut.stages - 1.0) / cut.stages;
    }
    evidence.points.push_back(fitted);
  }
  // What is typical counts the less, the further the runs are from it: a spread of 10 % is not drawn to one of 0.5 %.
  double const surprise = freedom > 0.0 ? std::sqrt(squares / freedom) / prior.run_cv : 1.0;
  double const typical = prior.run_cv_weight / std::max(1.0, surprise);
  evidence.run_freedom = typical + freedom;
  evidence.run_cv = std::sqrt((typical * prior.run_cv * prior.run_cv + squares) / evidence.run_freedom);
  return evidence;
}

StepPoint const& StepEvidence::largest() const {
  return *std::max_element(points.begin(), points.end(),
                           [](auto const& a, auto const& b) { return a.ranks < b.ranks; });
}

}  // namespace kurve::calibrate
