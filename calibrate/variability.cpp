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

/// Shape of timings, each over the spread of its own point: small batches are noisier.
std::optional<model::MeasuredShape> shape_of(std::vector<std::vector<double>> const& left) {
  std::vector<double> standard;
  for (auto const& values : left) {
    auto const summary = data::summarize(values);
    if (summary.n < 2 || !(summary.sd > 0.0)) continue;
    for (double const x : values) standard.push_back((x - summary.mean) / summary.sd);
  }
  if (standard.size() < fewest_for_shape) return std::nullopt;
  return model::shape_of_sample(standard);
}

/// An F test at three standard errors: a variance less the noise's share is never quite 0, and would be taken for a
/// source of its own where there is none.
bool significant(Pool const& pool, double of_noise) {
  return pool.degrees > 0.0 && pool.variance() - of_noise > 3.0 * of_noise * std::sqrt(2.0 / pool.degrees);
}

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
  std::vector<std::vector<double>> left(points.size());  // timings of workers, over their own means
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
      left[p].insert(left[p].end(), values.begin(), values.end());
      if (values.size() > 1) timings += 1.0, in_timings += 1.0 / static_cast<double>(values.size());
    }
    for (auto const& [run, values] : timing_means) (points[p].front().ranks > 1 ? between : alone).add(values);
    // Each worker's mean of a run was estimated from the same values; one of them the timings' own means account for.
    for (auto const& [run, of_workers] : runs) own.degrees -= static_cast<double>(of_workers.size()) - 1.0;
  }

  if (own.degrees <= 0.0) {  // one worker: its own noise and what others would share cannot be told apart
    v.noise_cv = std::sqrt(alone.variance());
    v.noise_n = static_cast<int>(alone.degrees);
    v.noise_shape = shape_of(left);
    return v;
  }
  v.noise_cv = std::sqrt(own.variance());
  v.noise_n = static_cast<int>(own.degrees);
  double const of_own = own.variance() * in_timings / timings;
  if (significant(between, of_own)) {
    v.shared_cv = std::sqrt(between.variance() - of_own);
    v.shared_n = static_cast<int>(between.degrees);
  } else {  // else a timing holds both, and one value does not say how much of each
    v.noise_shape = shape_of(left);
  }
  if (workers.degrees > 0.0) {
    double const of_noise = own.variance() * in_means / means;
    if (significant(workers, of_noise)) {
      v.imbalance_cv = std::sqrt(workers.variance() - of_noise);
      v.imbalance_n = static_cast<int>(workers.degrees);
    }
  }
  return v;
}

HopJitter hop_jitter_of(std::span<data::Sample const> rows) {
  struct Ends {
    double first_s = 0.0, last_s = 0.0;
  };
  std::map<std::pair<int, std::int64_t>, std::map<std::pair<int, int>, Ends>> points;  // by ranks and bytes
  for (auto const& row : rows) {
    if (!row.rank || row.ranks < 2) continue;
    auto& timings = points[{row.ranks, row.bytes.value_or(0)}];
    auto const [at, fresh] =
        timings.try_emplace({row.run.value_or(0), row.step.value_or(0)}, Ends{row.time_s, row.time_s});
    at->second.first_s = std::min(at->second.first_s, row.time_s);
    at->second.last_s = std::max(at->second.last_s, row.time_s);
  }
  HopJitter jitter;
  std::vector<Equation> equations;
  double shortest_s = 1e300, longest_s = 0.0;
  for (auto const& [key, timings] : points) {
    std::vector<double> spreads, lasts;
    for (auto const& [timing, e] : timings) {
      spreads.push_back(e.last_s - e.first_s);
      lasts.push_back(e.last_s);
    }
    double const ranks = key.first, hop_s = data::median(lasts) / (2.0 * (ranks - 1.0));
    // The mean over ordinary all-reduces: one that straggles says nothing of how hops usually vary.
    auto const spread = data::summarize(split_stragglers(spreads).core);
    double const sd_s = spread.mean / model::ring_jitter_spread(ranks);
    double const relative_error = std::max(0.5, spread.sd / spread.mean) / std::sqrt(static_cast<double>(spread.n));
    shortest_s = std::min(shortest_s, hop_s);
    longest_s = std::max(longest_s, hop_s);
    jitter.n += static_cast<int>(timings.size());
    if (sd_s > 0.0)
      equations.push_back(
          {.x = Eigen::Vector2d(hop_s * hop_s, 1.0), .y = {sd_s * sd_s, 2.0 * relative_error * sd_s * sd_s}});
  }
  if (equations.empty()) return {};
  if (longest_s < 2.0 * shortest_s)
    for (auto& equation : equations) equation.x(1) = 0.0;
  jitter.variance = fit_nonnegative(equations);
  return jitter;
}

}  // namespace kurve::calibrate
