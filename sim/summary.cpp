// SPDX-License-Identifier: Apache-2.0
#include "sim/summary.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <iomanip>
#include <map>
#include <set>
#include <sstream>

#include "data/quantity_text.hpp"
#include "data/stats.hpp"
#include "model/contract.hpp"
#include "model/ring_jitter.hpp"
#include "model/scaling.hpp"
#include "sim/draws.hpp"

namespace kurve::sim {
namespace {

/// Share of the draws that are taken as those about the median: enough to average, near enough to be of that T.
constexpr std::size_t middle_part = 20;

void scale(std::vector<double>& values, double factor) {
  for (double& value : values) value *= factor;
}

/// Puts the order statistics of these ranks, ascending, where sorting would. A curve takes several of every list, and
/// thousands of draws need no whole order for them.
/// @param first  rank of values.front()
void place(std::span<double> values, std::span<std::size_t const> ranks, std::size_t first = 0) {
  if (ranks.empty() || values.size() < 2) return;
  std::size_t const half = ranks.size() / 2, middle = ranks[half] - first;
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(middle), values.end());
  place(values.first(middle), ranks.first(half), first);
  place(values.subspan(middle + 1), ranks.subspan(half + 1), first + middle + 1);
}

/// data::quantile at several ascending levels.
template <std::size_t n>
std::array<double, n> quantiles(std::vector<double> values, std::array<double, n> const& levels) {
  std::vector<std::size_t> ranks;
  auto const last = values.size() - 1;
  auto const below = [&](double level) {
    return std::min(static_cast<std::size_t>(level * static_cast<double>(last)), last);
  };
  for (double const level : levels)
    for (std::size_t const rank : {below(level), std::min(below(level) + 1, last)})
      if (ranks.empty() || ranks.back() < rank) ranks.push_back(rank);
  place(values, ranks);
  std::array<double, n> result;
  for (std::size_t i = 0; i < n; ++i) {
    auto const low = below(levels[i]), high = std::min(low + 1, last);
    result[i] =
        values[low] + (levels[i] * static_cast<double>(last) - static_cast<double>(low)) * (values[high] - values[low]);
  }
  return result;
}

/// The median, and the draws about it.
struct Middle {
  double median = 0.0;
  std::vector<std::uint32_t> draws;
};
Middle about_median(std::span<double const> times_s) {
  auto const n = times_s.size(), half = n / (2 * middle_part), below = (n - 1) / 2;
  std::array const ranks{below - std::min(half, below), below, n / 2, std::min(n / 2 + half, n - 1)};
  auto distinct = ranks;
  std::vector<double> parted(times_s.begin(), times_s.end());
  place(parted, std::span(distinct.begin(), std::unique(distinct.begin(), distinct.end())));
  double const low = parted[ranks.front()], high = parted[ranks.back()];
  Middle middle{0.5 * (parted[below] + parted[n / 2]), {}};
  for (std::size_t d = 0; d < n; ++d)
    if (low <= times_s[d] && times_s[d] <= high) middle.draws.push_back(static_cast<std::uint32_t>(d));
  if (low == high) middle.draws.resize(1);
  return middle;
}

/// Interval of a sample about the centre that its median is to be; `values` is scaled so that it is.
model::Interval centred(std::vector<double>& values, double centre, double confidence) {
  auto const [low, middle, high] = quantiles<3>(values, {0.5 - 0.5 * confidence, 0.5, 0.5 + 0.5 * confidence});
  double const factor = centre / middle;
  scale(values, factor);
  return {centre, factor * low, factor * high};
}

/// Efficiency at a target in each draw.
std::vector<double> efficiencies(Target target, std::vector<double> const& times_s, Baseline const& baseline,
                                 std::vector<double> const& baseline_s) {
  std::vector<double> result;
  result.reserve(times_s.size());
  for (std::size_t d = 0; d < times_s.size(); ++d)
    result.push_back(model::efficiency({baseline.target.ranks, baseline.target.global_batch,
                                        baseline.measured_s ? *baseline.measured_s : baseline_s[d]},
                                       {target.ranks, target.global_batch, times_s[d]}));
  return result;
}

double largest_ranks(std::span<Target const> targets, Baseline const& baseline) {
  double largest = baseline.target.ranks;
  for (auto const& target : targets) largest = std::max(largest, target.ranks);
  return largest;
}

/// Four digits: what a sentence needs.
std::string short_seconds(double time_s) {
  std::ostringstream text;
  text << std::setprecision(4) << time_s << " s";
  return text.str();
}

std::string miss_sentence(model::FittedPoint const& point, bool name_batch) {
  double const share = model::fitted_confidence;
  std::string text = "K = " + data::number_text(point.ranks);
  if (name_batch) text += ", B = " + data::number_text(point.global_batch);
  text += " was measured at " + short_seconds(point.measured_s) + ", but the Model, though fitted to it, says " +
          short_seconds(point.fitted_s) + " (" + data::number_text(std::round(100.0 * share)) + " % interval " +
          short_seconds(point.low_s) + " to " + short_seconds(point.high_s) + ")";
  if (point.weight < 0.5) text += ": it was taken for another job";
  return text;
}

/// Whether anything but whole steps told what a step is made of.
bool has_measured_parts(model::Model const& model) {
  return std::any_of(model.knowledge.begin(), model.knowledge.end(), [](auto const& entry) {
    auto const& [name, known] = entry;
    return (name.starts_with("compute.") || name.starts_with("network.")) && name != "network.workers_per_node" &&
           known.source != model::Source::fitted && known.source != model::Source::assumed;
  });
}

}  // namespace

Baseline baseline_of(model::Model const& model) {
  return {{model.baseline_ranks, model.global_batch}, model.baseline_s};
}

CurveSummary summarize(model::Model const& model, std::span<Target const> targets, Baseline const& baseline,
                       SummaryOptions const& options) {
  return summarize(model, targets, baseline, options, StepLaw(model.parameters, largest_ranks(targets, baseline)));
}

CurveSummary summarize(model::Model const& model, std::span<Target const> targets, Baseline const& baseline,
                       SummaryOptions const& options, StepLaw const& law, std::span<double const> corrections) {
  KURVE_EXPECT(corrections.empty() || corrections.size() == targets.size());
  std::vector<Target> all(targets.begin(), targets.end());
  if (!baseline.measured_s) all.push_back(baseline.target);
  auto draws = predict_draws(model, all, {.draws = options.draws, .seed = options.seed, .runs = options.runs}, law);
  auto const correction = [&](std::size_t i) { return i < corrections.size() ? corrections[i] : 1.0; };
  CurveSummary summary;
  for (std::size_t i = 0; i < all.size(); ++i) {
    auto& target = summary.targets.emplace_back();
    auto middle = about_median(draws.mean_s[i]);
    target.time_s = centred(draws.run_s[i], correction(i) * middle.median, options.confidence);
    target.middle = std::move(middle.draws);
  }
  summary.targets.resize(targets.size());
  for (std::size_t i = 0; i < targets.size(); ++i) {
    auto& target = summary.targets[i];
    double const centre =
        baseline.measured_s  // E falls with T: the median of the one is that of the other
            ? efficiencies(all[i], {target.time_s.centre}, baseline, {})[0]
            : data::median(efficiencies(all[i], draws.mean_s[i], baseline, draws.mean_s.back())) / correction(i);
    auto e = efficiencies(all[i], draws.run_s[i], baseline, draws.run_s.back());
    target.efficiency = centred(e, centre, options.confidence);
    auto const paying = std::count_if(e.begin(), e.end(), [&](double value) { return value >= options.threshold; });
    target.p_pays = static_cast<double>(paying) / static_cast<double>(e.size());
    summary.efficiency.push_back(std::move(e));
  }
  draws.mean_s.resize(targets.size());
  draws.run_s.resize(targets.size());
  summary.mean_s = std::move(draws.mean_s);
  summary.times_s = std::move(draws.run_s);
  return summary;
}

std::vector<std::uint32_t> middle_draws(std::span<double const> times_s) { return about_median(times_s).draws; }

model::Contributions time_breakdown(model::Model const& model, Target target, std::uint64_t seed,
                                    std::span<std::uint32_t const> middle, std::span<double const> mean_s,
                                    double time_s, model::Contributions const& central) {
  model::Contributions sum;
  double all_s = 0.0, waiting_s = 0.0;
  for (auto const d : middle) {
    auto p = draw_parameters(model, d, seed);
    double const local_batch = target.global_batch / target.ranks;
    double const drift = std::exp(model::discrepancy_log(p, target.ranks, local_batch));
    p.discrepancy_exposed_log_growth = 0.0;
    double const of_all = std::exp(model::discrepancy_log(p, target.ranks, local_batch));
    auto const t = model::jittered_step_time(p, target.ranks, target.global_batch);
    double const undrifted_s = mean_s[d] / drift;
    sum.serial_s += of_all * t.serial_s;
    sum.compute_s += of_all * t.compute_s;
    sum.exposed_comm_s += of_all * t.exposed_comm_s + (drift - of_all) * undrifted_s;
    waiting_s += of_all * (undrifted_s - t.total_s());
    all_s += mean_s[d];
  }
  double const central_waiting_s = central.noise_s + central.straggler_s + central.imbalance_s;
  if (central_waiting_s > 0.0) {
    sum.noise_s = waiting_s * central.noise_s / central_waiting_s;
    sum.straggler_s = waiting_s * central.straggler_s / central_waiting_s;
    sum.imbalance_s = waiting_s * central.imbalance_s / central_waiting_s;
  } else {
    sum.noise_s = waiting_s;
  }
  double const to_median = time_s / all_s;
  for (double* part :
       {&sum.serial_s, &sum.compute_s, &sum.noise_s, &sum.straggler_s, &sum.imbalance_s, &sum.exposed_comm_s})
    *part *= to_median;
  return sum;
}

void place_fitted_points(model::Model& model) {
  std::map<int, std::vector<model::FittedPoint*>> by_runs;
  for (auto& point : model.origin.fitted) by_runs[point.runs].push_back(&point);
  for (auto const& [runs, points] : by_runs) {
    std::vector<Target> targets;
    for (auto const* point : points) targets.push_back({point->ranks, point->global_batch});
    auto const summary = summarize(model, targets, baseline_of(model),
                                   {.confidence = model::fitted_confidence, .runs = static_cast<double>(runs)});
    for (std::size_t i = 0; i < points.size(); ++i) {
      auto const& time_s = summary.targets[i].time_s;
      points[i]->fitted_s = time_s.centre;
      points[i]->low_s = time_s.low;
      points[i]->high_s = time_s.high;
    }
  }
}

std::vector<std::string> cautions(model::Model const& model) {
  std::vector<std::string> sentences;
  std::multiset<double> ranks;
  for (auto const& point : model.origin.fitted) ranks.insert(point.ranks);
  for (auto const& point : model.origin.fitted)
    if (point.misses()) sentences.push_back(miss_sentence(point, ranks.count(point.ranks) > 1));
  if (!ranks.empty() && *ranks.begin() == *ranks.rbegin() && !has_measured_parts(model))
    sentences.push_back("the Model was fitted to K = " + data::number_text(*ranks.begin()) +
                        " alone: everything beyond it is prior, what other jobs did, and nothing of this one");
  return sentences;
}

double predicted_baseline_s(model::Model const& model) {
  auto const baseline = baseline_of(model);
  return summarize(model, std::span(&baseline.target, 1), baseline, {}).targets.front().time_s.centre;
}

}  // namespace kurve::sim
