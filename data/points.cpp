// SPDX-License-Identifier: Apache-2.0
#include "data/points.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>
#include <string>

#include "model/contract.hpp"

namespace kurve::data {
namespace {

using Runs = std::map<int, std::vector<Sample>>;  // by run; rows without a run column are run 0
using Key = std::pair<double, double>;            // K, B

double batch_of(Sample const& sample, model::Regime regime) {
  if (sample.global_batch) return *sample.global_batch;
  return regime == model::Regime::weak ? static_cast<double>(sample.ranks) : 1.0;
}

/// Times of one run in step order, warm-up left out if it is inside.
std::vector<double> times_of(std::vector<Sample> run, Inclusion warmup, long& left_out) {
  std::stable_sort(run.begin(), run.end(), [](auto const& a, auto const& b) { return a.step < b.step; });
  std::vector<double> times_s;
  for (auto const& sample : run) times_s.push_back(sample.time_s);
  if (warmup == Inclusion::included) {
    auto const cut = static_cast<std::ptrdiff_t>(warmup_length(times_s));
    times_s.erase(times_s.begin(), times_s.begin() + cut);
    left_out += cut;
  }
  return times_s;
}

/// Steps of one run are a series in time where the rows number them, or are many and not sorted by their length.
bool are_in_time_order(Runs const& runs) {
  static constexpr std::size_t many = 20;  // few rows without a number are as often repeats in any order
  if (runs.size() != 1) return false;
  auto const& rows = runs.begin()->second;
  if (std::all_of(rows.begin(), rows.end(), [](auto const& row) { return row.step.has_value(); })) return true;
  auto const shorter = [](auto const& a, auto const& b) { return a.time_s < b.time_s; };
  return rows.size() >= many && !std::is_sorted(rows.begin(), rows.end(), shorter) &&
         !std::is_sorted(rows.rbegin(), rows.rend(), shorter);
}

/// Per-rank rows of one step are one step: the slowest rank ends it.
std::vector<Sample> whole_steps(std::vector<Sample> const& rows) {
  std::map<std::tuple<int, double, int, int>, std::size_t> seen;
  std::vector<Sample> steps;
  for (auto const& row : rows) {
    if (!row.rank) {
      steps.push_back(row);
      continue;
    }
    auto const [at, is_new] = seen.try_emplace(
        {row.ranks, row.global_batch.value_or(0.0), row.run.value_or(0), row.step.value_or(0)}, steps.size());
    if (is_new)
      steps.push_back(row);
    else
      steps[at->second].time_s = std::max(steps[at->second].time_s, row.time_s);
  }
  return steps;
}

/// Values of each configuration column over the runs of a point. [n_columns]
std::vector<std::string> configuration_of(Runs const& runs, std::size_t columns) {
  std::vector<std::string> values;
  for (std::size_t c = 0; c < columns; ++c) {
    std::set<std::string> different;
    for (auto const& [run, rows] : runs)
      for (auto const& row : rows) different.insert(c < row.configuration.size() ? row.configuration[c] : "");
    auto& text = values.emplace_back();
    for (auto const& value : different) text += (text.empty() ? "" : " or ") + value;
  }
  return values;
}

/// What correlated steps are worth; "" where they are not.
std::string correlation_text(std::vector<MeasuredPoint> const& points) {
  static constexpr double worth_saying = 0.7;  // of n: less, and sd / sqrt(n) is 20 % too small
  MeasuredPoint const* worst = nullptr;
  auto const share = [](MeasuredPoint const& p) {
    return p.time.effective_n ? *p.time.effective_n / static_cast<double>(p.time.n) : 1.0;
  };
  for (auto const& point : points)
    if (share(point) < (worst != nullptr ? share(*worst) : worth_saying)) worst = &point;
  if (worst == nullptr) return "";
  return "; steps are correlated: the " + std::to_string(worst->time.n) +
         " at K = " + std::to_string(static_cast<long>(worst->ranks)) + " are worth " +
         std::to_string(std::max(1L, std::lround(*worst->time.effective_n))) + " independent ones";
}

void explain(MeasuredPoints& result, Study const& study) {
  if (result.warmup_steps > 0)
    result.notes.push_back(std::to_string(result.warmup_steps) +
                           " warm-up steps left out (at the start of each run; the header says warm-up is included)");
  else if (study.warmup() == Inclusion::included)
    result.notes.push_back("warm-up is inside the samples, and runs are too short or too even to tell where it ends");
  switch (result.replication) {
    case Replication::run:
      result.notes.push_back("n counts runs, not steps");
      break;
    case Replication::step:
      result.notes.push_back("repeats are rows of one run: what differs from run to run is not in the intervals" +
                             correlation_text(result.points));
      break;
    case Replication::single:
      result.notes.push_back("one value a point: no spread, so no intervals");
      break;
  }
}

/// Says of a Study without whole steps what it is, and what to do with it.
std::string what_it_is(Study const& study) {
  if (study.kind() == StudyKind::per_rank)
    return "holds times of single ranks, not whole steps, so it has no scaling table";
  std::set<std::string> parts;
  std::set<int> ranks;
  for (auto const& row : study.samples) {
    parts.insert(row.op == Operation::allreduce ? "all-reduce"
                 : row.op == Operation::compute ? "compute"
                                                : "serial work");
    if (row.op == Operation::allreduce) ranks.insert(row.ranks);
  }
  std::string text = "is a component (";
  for (auto const& part : parts) text += (part == *parts.begin() ? "" : ", ") + part;
  if (!ranks.empty())
    text += " of " + std::to_string(*ranks.begin()) +
            (ranks.size() > 1 ? " to " + std::to_string(*ranks.rbegin()) : "") + " ranks";
  return text +
         "), not a scaling study: it times a part of the step, not the step at several K. "
         "Give it to `kurve fit` with serial and compute measurements, and predict with `kurve simulate`?";
}

}  // namespace

MeasuredPoints measured_points(Study const& study) {
  auto const rows = whole_steps(study.steps());
  if (rows.empty()) throw DataError(study.path, 0, what_it_is(study));
  auto const regime = study.regime();

  MeasuredPoints result;
  result.has_batch =
      std::all_of(rows.begin(), rows.end(), [](auto const& row) { return row.global_batch.has_value(); });
  if (!result.has_batch && regime == model::Regime::mixed)
    throw DataError(study.path, 0,
                    "a mixed study without 'global_batch' (the batch at each K is not known). Add the column?");

  std::map<Key, Runs> groups;
  bool const has_runs = std::any_of(rows.begin(), rows.end(), [](auto const& row) { return row.run.has_value(); });
  for (auto const& row : rows)
    groups[{static_cast<double>(row.ranks), batch_of(row, regime)}][row.run.value_or(0)].push_back(row);

  std::size_t most_runs = 0, most_rows = 0;
  for (auto const& [key, runs] : groups) {
    most_runs = std::max(most_runs, runs.size());
    for (auto const& [run, samples] : runs) most_rows = std::max(most_rows, samples.size());
  }
  result.replication = has_runs && most_runs > 1 ? Replication::run
                       : most_rows > 1           ? Replication::step
                                                 : Replication::single;
  for (auto const& [key, runs] : groups) {
    MeasuredPoint point{
        .ranks = key.first, .global_batch = key.second, .repeats_s = {}, .time = {}, .configuration = {}};
    for (auto const& [run, samples] : runs) {
      auto const times_s = times_of(samples, study.warmup(), result.warmup_steps);
      if (result.replication == Replication::run)
        point.repeats_s.push_back(summarize(times_s).mean);
      else
        point.repeats_s.insert(point.repeats_s.end(), times_s.begin(), times_s.end());
    }
    bool const series = result.replication == Replication::step && are_in_time_order(runs);
    point.time = series ? summarize_series(point.repeats_s) : summarize(point.repeats_s);
    point.configuration = configuration_of(runs, study.configuration_columns.size());
    result.points.push_back(std::move(point));
  }
  explain(result, study);
  return result;
}

std::size_t baseline_index(std::vector<MeasuredPoint> const& points) {
  KURVE_EXPECT(!points.empty());
  std::size_t best = 0;
  for (std::size_t i = 1; i < points.size() && points[i].ranks == points[0].ranks; ++i)
    if (points[i].global_batch / points[i].time.mean > points[best].global_batch / points[best].time.mean) best = i;
  return best;
}

}  // namespace kurve::data
