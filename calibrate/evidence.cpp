// SPDX-License-Identifier: Apache-2.0
#include "calibrate/evidence.hpp"

#include <algorithm>
#include <cmath>

#include "calibrate/robust.hpp"
#include "calibrate/stopping.hpp"
#include "data/stats.hpp"
#include "model/error.hpp"
#include "model/hop_schedule.hpp"

namespace kurve::calibrate {
namespace {

using data::Operation;
using data::Sample;
using Rows = std::vector<Sample>;

/// Samples are correlated within a round, so the standard error goes by the effective sample size.
Mean mean_of(std::vector<double> const& times) {
  auto const precision = precision_of(times, 0.95);
  // One value alone has no spread: 5 % is what a single timing is worth at best, not 0.
  return {precision.mean, times.size() > 1 ? precision.standard_error : 0.05 * precision.mean};
}

std::vector<double> times_of(Rows const& rows) {
  std::vector<double> times;
  for (auto const& row : rows) times.push_back(row.time_s);
  return times;
}

/// Without what straggles, which has parameters of its own.
Mean ordinary_mean_of(Rows const& rows) { return mean_of(split_stragglers(times_of(rows)).core); }

/// The links' own time of a ring all-reduce: the Model stretches it by jitter again.
Mean without_jitter(Mean const& measured, int ranks, HopJitter const& jitter) {
  if (jitter.n == 0) return measured;
  model::StepParameters p;
  p.hop_jitter_cv = std::sqrt(jitter.variance.value(0));
  p.hop_jitter_s = std::sqrt(jitter.variance.value(1));
  double links_s = measured.value;
  for (int i = 0; i < 20; ++i) links_s *= measured.value / model::jittered_s(model::ring_schedule(ranks), p, links_s);
  return {links_s, measured.standard_error};
}

/// Rows of one timing (ranks side by side) as one row with their mean: ranks are not independent samples.
Rows timings_of(Rows const& rows) {
  std::map<std::pair<int, int>, std::pair<double, int>> sums;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    auto& [sum, n] = sums[{rows[i].run.value_or(0), rows[i].step.value_or(static_cast<int>(i))}];
    sum += rows[i].time_s;
    ++n;
  }
  Rows result;
  for (auto const& [key, sum] : sums) {
    result.push_back(rows.front());
    result.back().time_s = sum.first / sum.second;
  }
  return result;
}

bool has_value(data::Study const& study, Sample const& row, char const* column_name, char const* value) {
  auto const& columns = study.configuration_columns;
  auto const column =
      static_cast<std::size_t>(std::find(columns.begin(), columns.end(), column_name) - columns.begin());
  return column < row.configuration.size() && row.configuration[column] == value;
}

/// The rows whose configuration says so, where any does; else all. The Model speaks of the ring's all-reduce, and of
/// work started as whole steps start theirs.
Rows preferred_rows(data::Study const& study, Rows const& rows, char const* column_name, char const* value) {
  Rows preferred;
  for (auto const& row : rows)
    if (has_value(study, row, column_name, value)) preferred.push_back(row);
  return preferred.empty() ? rows : preferred;
}

Mean difference(Mean const& a, Mean const& b) {
  return {a.value - b.value, std::hypot(a.standard_error, b.standard_error)};
}

[[noreturn]] void throw_missing(data::Study const& study, std::string const& missing) {
  throw DataError(study.path.empty() ? "components" : study.path, 0,
                  "no rows of op " + missing +
                      " (a Model needs serial and compute; an all-reduce alone says what communication costs, "
                      "not what a step does). Measure them with `kurve calibrate`, or add a Study that has them?");
}

void read_steps(data::Study const& steps, double global_batch, Evidence& evidence) {
  std::map<std::pair<double, double>, std::map<int, std::vector<double>>> by_point;
  for (auto const& row : steps.steps())
    by_point[{row.ranks, row.global_batch.value_or(global_batch)}][row.run.value_or(0)].push_back(row.time_s);
  double run_variance = 0.0, degrees = 0.0;
  for (auto const& [key, runs] : by_point) {
    std::vector<double> means;
    double within = 0.0;  // squared standard error of a run's mean, averaged over runs
    for (auto const& [run, times] : runs) {
      auto const precision = precision_of(times, 0.95);
      means.push_back(precision.mean);
      within += precision.standard_error * precision.standard_error / static_cast<double>(runs.size());
    }
    auto const summary = data::summarize(means);
    // A run is the unit of replication; few runs may agree by luck, so their steps' own error is a lower bound.
    double const error = std::max(summary.standard_error(), std::sqrt(within / static_cast<double>(summary.n)));
    evidence.steps.push_back({key.first,
                              key.second,
                              {summary.mean, error > 0.0 ? error : 0.01 * summary.mean},
                              static_cast<int>(summary.n)});
    if (summary.n > 1) {
      double const dof = static_cast<double>(summary.n - 1);
      run_variance += dof * (summary.sd * summary.sd - within) / (summary.mean * summary.mean);
      degrees += dof;
    }
  }
  if (degrees > 0.0) evidence.run_cv = std::sqrt(std::max(0.0, run_variance / degrees));
  evidence.run_n = static_cast<int>(degrees);
}

}  // namespace

Evidence read_evidence(data::Study const& components, data::Study const& steps, double global_batch,
                       model::StepParameters const* network) {
  std::map<int, Rows> serial;
  std::map<int, std::map<double, Rows>> compute;
  Rows allreduce;
  for (auto const& row : components.samples) {
    if (row.op == Operation::serial) serial[row.ranks].push_back(row);
    if (row.op == Operation::compute) compute[row.ranks][row.local_batch.value_or(1.0)].push_back(row);
    if (row.op == Operation::allreduce && row.ranks > 1) allreduce.push_back(row);
  }
  for (auto& [ranks, rows] : serial) rows = preferred_rows(components, rows, "launch", "direct");
  for (auto& [ranks, batches] : compute)
    for (auto& [batch, rows] : batches) rows = preferred_rows(components, rows, "launch", "direct");
  if (serial.empty() && compute.empty()) throw_missing(components, "serial and compute");
  Evidence e;
  e.serial_inside_compute = components.find("serial") == "inside compute";
  if (serial.empty() && !e.serial_inside_compute) throw_missing(components, "serial");
  if (compute.empty()) throw_missing(components, "compute");
  if (network != nullptr) e.base = *network;
  e.base.gradient_bytes = components.find_number("gradient_bytes").value_or(0.0);
  if (network == nullptr) e.base.workers_per_node = components.find_number("workers_per_node").value_or(1.0);
  e.base.overlap_fraction = components.find_number("overlap_fraction").value_or(0.0);
  e.base.overlap_buckets = components.find_number("overlap_buckets").value_or(1.0);
  auto serial_at = [&](int ranks) { return ordinary_mean_of(timings_of(serial.at(ranks))); };
  if (!serial.empty()) e.serial = serial_at(serial.begin()->first);
  std::map<double, Mean> compute_means;
  for (auto const& [batch, rows] : compute.begin()->second) compute_means[batch] = ordinary_mean_of(timings_of(rows));
  e.compute = fit_compute(compute_means, e.base.compute_floor_sharpness);

  std::vector<Rows> points;
  for (auto const& [ranks, batches] : compute)
    for (auto const& [batch, rows] : batches) points.push_back(rows);
  e.variability = variability_of(points);
  int const full = compute.rbegin()->first;
  e.several_nodes = full > e.base.workers_per_node;
  double const workers = std::min<double>(full, e.base.workers_per_node);
  if (workers > 1.0 && compute.begin()->first == 1) {
    auto const& [batch, rows] = *compute.rbegin()->second.begin();
    // Set against the same batch measured alone where there is one: the law's own misfit is not contention.
    auto const alone = compute_means.find(batch);
    auto const& value = e.compute.estimate.value;
    Mean const one = alone != compute_means.end() ? alone->second : Mean{value(0) + batch * value(1) + value(2), 0.0};
    e.contention = {.compute = difference(ordinary_mean_of(timings_of(rows)), one),
                    .serial = serial.count(full) != 0 ? difference(serial_at(full), e.serial) : Mean{},
                    .workers = workers,
                    .local_batch = batch};
  }

  auto const ring = preferred_rows(components, allreduce, "algorithm", "ring");
  if (!ring.empty() && network == nullptr) {
    e.hop_jitter = hop_jitter_of(ring);
    data::Study rings;
    rings.samples = ring;
    std::map<AllreduceKey, Rows> groups;
    for (auto const& row : data::last_ranks(rings)) groups[{row.ranks, row.bytes.value_or(0)}].push_back(row);
    std::map<AllreduceKey, Mean> means;
    // With what straggles: an all-reduce's stragglers have no parameter, and whole steps pay for them too.
    for (auto const& [key, group] : groups) {
      means[key] = without_jitter(mean_of(times_of(group)), key.ranks, e.hop_jitter);
      if (key.bytes > 0)
        e.sweep.push_back({static_cast<double>(key.ranks), static_cast<double>(key.bytes), means[key].value});
    }
    double const collectives = std::max(e.base.allreduces_per_step, e.base.overlap_buckets);
    int const per_node = static_cast<int>(e.base.workers_per_node);
    auto const step_bytes = std::llround(e.base.gradient_bytes / collectives);
    e.algorithm_known = has_value(components, ring.front(), "algorithm", "ring");
    auto fit = e.algorithm_known ? AllreduceFit{e.base.allreduce, fit_allreduce(means, per_node, step_bytes)}
                                 : fit_allreduce_algorithm(means, per_node, step_bytes);
    e.base.allreduce = fit.algorithm;
    e.allreduce = std::move(fit.links);
  }
  read_steps(steps, global_batch, e);
  return e;
}

}  // namespace kurve::calibrate
