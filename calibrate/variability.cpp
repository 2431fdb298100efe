// SPDX-License-Identifier: Apache-2.0
#include "calibrate/variability.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "calibrate/robust.hpp"
#include "data/stats.hpp"
#include "model/ring_jitter.hpp"

namespace kurve::calibrate {
namespace {

using Rows = std::vector<data::Sample>;

/// One worker's share of a timing, over the median of its own timings of that run.
struct Ratio {
  int run = 0, step = 0, rank = 0;
  double value = 1.0;
};

std::vector<Ratio> ratios_of(Rows const& rows) {
  std::map<std::pair<int, int>, std::vector<double>> blocks;  // by run and rank
  for (auto const& row : rows) blocks[{row.run.value_or(0), row.rank.value_or(0)}].push_back(row.time_s);
  std::map<std::pair<int, int>, double> medians;
  for (auto const& [key, times] : blocks) medians[key] = data::median(times);
  std::vector<Ratio> ratios;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    int const run = rows[i].run.value_or(0), rank = rows[i].rank.value_or(0);
    ratios.push_back({run, rows[i].step.value_or(static_cast<int>(i)), rank, rows[i].time_s / medians[{run, rank}]});
  }
  return ratios;
}

/// Sum of squares about a mean and its degrees of freedom, added up over groups.
struct Pool {
  double squares = 0.0, degrees = 0.0;
  void add(std::vector<double> const& values) {
    auto const summary = data::summarize(values);
    if (summary.n < 2) return;
    squares += summary.sd * summary.sd * static_cast<double>(summary.n - 1);
    degrees += static_cast<double>(summary.n - 1);
  }
  [[nodiscard]] double variance() const { return degrees > 0.0 ? squares / degrees : 0.0; }
};

}  // namespace

Variability variability_of(std::span<Rows const> points) {
  Variability v;
  std::vector<std::vector<Ratio>> ratios;
  std::vector<double> all;
  for (auto const& rows : points) {
    ratios.push_back(ratios_of(rows));
    for (auto const& r : ratios.back()) all.push_back(r.value);
  }
  auto const split = split_stragglers(all);
  double const limit = *std::max_element(split.core.begin(), split.core.end());
  double const mean = data::summarize(split.core).mean;
  v.worker_steps = static_cast<int>(all.size());
  v.straggler_n = static_cast<int>(split.stragglers.size());
  if (v.straggler_n > 0) {
    auto const tail = data::summarize(split.stragglers);
    v.straggler_probability = static_cast<double>(v.straggler_n) / v.worker_steps;
    v.straggler_slowdown = tail.mean / mean;
    v.straggler_spread_cv = tail.sd / (tail.mean - mean);
  }

  Pool own, alone, between, workers;  // own: within a timing; alone: between timings of one worker
  double timings = 0.0, in_timings = 0.0, in_means = 0.0, means = 0.0;
  for (std::size_t p = 0; p < points.size(); ++p) {
    std::map<std::pair<int, int>, std::vector<double>> blocks;
    std::map<std::pair<int, int>, double> mean_time_s;
    for (std::size_t i = 0; i < ratios[p].size(); ++i)
      if (auto const& r = ratios[p][i]; r.value <= limit) blocks[{r.run, r.rank}].push_back(points[p][i].time_s);
    std::map<int, std::vector<double>> runs;
    for (auto const& [key, times] : blocks) {
      mean_time_s[key] = data::summarize(times).mean;
      runs[key.first].push_back(mean_time_s[key]);
      if (points[p].front().ranks > 1) in_means += 1.0 / static_cast<double>(times.size()), means += 1.0;
    }
    for (auto& [run, of_workers] : runs) {
      double const of_all = data::summarize(of_workers).mean;
      for (auto& x : of_workers) x /= of_all;
      workers.add(of_workers);
    }
    std::map<std::pair<int, int>, std::vector<double>> by_timing;
    for (std::size_t i = 0; i < ratios[p].size(); ++i)
      if (auto const& r = ratios[p][i]; r.value <= limit)
        by_timing[{r.run, r.step}].push_back(points[p][i].time_s / mean_time_s[{r.run, r.rank}]);
    std::map<int, std::vector<double>> timing_means;
    for (auto const& [key, values] : by_timing) {
      own.add(values);
      timing_means[key.first].push_back(data::summarize(values).mean);
      if (values.size() > 1) timings += 1.0, in_timings += 1.0 / static_cast<double>(values.size());
    }
    for (auto const& [run, values] : timing_means) (points[p].front().ranks > 1 ? between : alone).add(values);
    // Each worker's mean of a run was estimated from the same values; one of them the timings' own means account for.
    for (auto const& [run, of_workers] : runs) own.degrees -= static_cast<double>(of_workers.size()) - 1.0;
  }

  if (own.degrees <= 0.0) {  // one worker: its own noise and what others would share cannot be told apart
    v.noise_cv = std::sqrt(alone.variance());
    v.noise_n = static_cast<int>(alone.degrees);
    return v;
  }
  v.noise_cv = std::sqrt(own.variance());
  v.noise_n = static_cast<int>(own.degrees);
  v.shared_cv = std::sqrt(std::max(0.0, between.variance() - own.variance() * in_timings / timings));
  v.shared_n = static_cast<int>(between.degrees);
  if (workers.degrees > 0.0) {
    double const of_noise = own.variance() * in_means / means;
    // An F test at three standard errors: a variance less the noise's share is never quite 0, and would be taken for
    // imbalance where there is none.
    double const excess = workers.variance() - of_noise;
    if (excess > 3.0 * of_noise * std::sqrt(2.0 / workers.degrees)) {
      v.imbalance_cv = std::sqrt(excess);
      v.imbalance_n = static_cast<int>(workers.degrees);
    }
  }
  return v;
}

HopJitter hop_jitter_of(std::span<data::Sample const> rows) {
  struct Ends {
    double first_s = 0.0, last_s = 0.0;
    int count = 0;
  };
  std::map<int, std::map<std::pair<int, int>, Ends>> timings;  // by ranks
  for (auto const& row : rows) {
    if (!row.rank || row.ranks < 2) continue;
    auto& e = timings[row.ranks][{row.run.value_or(0), row.step.value_or(0)}];
    e.first_s = e.count == 0 ? row.time_s : std::min(e.first_s, row.time_s);
    e.last_s = std::max(e.last_s, row.time_s);
    ++e.count;
  }
  HopJitter jitter;
  double sum = 0.0;
  for (auto const& [ranks, ends] : timings) {
    std::vector<double> spreads, lasts;
    for (auto const& [key, e] : ends) {
      spreads.push_back(e.last_s - e.first_s);
      lasts.push_back(e.last_s);
    }
    double const hop_s = data::median(lasts) / (2.0 * (ranks - 1.0));
    // The mean over ordinary all-reduces: one that straggles says nothing of how hops usually vary.
    double const spread_s = data::summarize(split_stragglers(spreads).core).mean;
    int const n = static_cast<int>(ends.size());
    sum += n * spread_s / (model::ring_jitter_spread(ranks) * hop_s);
    jitter.n += n;
  }
  if (jitter.n > 0) jitter.cv = sum / jitter.n;
  return jitter;
}

}  // namespace kurve::calibrate
