// SPDX-License-Identifier: Apache-2.0
#include "calibrate/sampler.hpp"

#include <algorithm>
#include <cmath>

#include "calibrate/robust.hpp"
#include "data/stats.hpp"
#include "model/contract.hpp"

namespace kurve::calibrate {
namespace {

using data::Operation;

constexpr int block = 10;  // timings a visit: enough for three visits to reach the rule's minimum
constexpr int warmup =
    2;  // a visit's first executions: caches, branch predictors and clocks still serve the point before
constexpr double suspect_share = 0.2;  // beyond it, what is left would be a chosen few
constexpr double batch_below_s = 10e-6;
constexpr double batch_s = 100e-6;  // 1000 times the clock's cost of 50 to 100 ns

}  // namespace

std::vector<double> Series::values() const {
  std::vector<double> values;
  for (auto const& timing : timings) {
    if (point.op == Operation::allreduce)
      values.push_back(*std::max_element(timing.rank_s.begin(), timing.rank_s.end()));
    else
      values.insert(values.end(), timing.rank_s.begin(), timing.rank_s.end());
  }
  return values;
}

BlockRecord Sampler::visit(Series const& series, int round) {
  BlockRecord record{.point = series.point, .round = round, .repeats = series.repeats};
  if (record.repeats == 0) {
    time_once(series.point, 1);  // pages, connections
    auto const once = time_once(series.point, 1);
    double const slowest = *std::max_element(once.begin(), once.end());
    record.repeats = slowest < batch_below_s ? static_cast<int>(std::ceil(batch_s / std::max(slowest, 100e-9))) : 1;
    record.warmup_dropped += 2;
  }
  for (int i = 0; i < warmup; ++i, ++record.warmup_dropped) time_once(series.point, record.repeats);
  int const room = std::min(block, rule_.max_samples - static_cast<int>(series.timings.size()));
  for (int i = 0; i < room && !out_of_time_(); ++i) {
    auto rank_s = time_once(series.point, record.repeats);
    auto observation = backend_.observed();
    for (auto& t : observation.host_s) t /= record.repeats;
    record.timings.push_back({.round = round, .rank_s = std::move(rank_s), .observation = std::move(observation)});
  }
  return record;
}

void Sampler::take(Series& series, BlockRecord const& record) const {
  series.repeats = record.repeats;
  series.warmup_dropped += record.warmup_dropped;
  for (auto const& timing : record.timings) keep(series, timing);
  update_done(series);
}

void Sampler::keep(Series& series, Timing timing) {
  bool const discard = throttled(timing.observation) && !series.suspect;
  (discard ? series.throttled : series.timings).push_back(std::move(timing));
  auto const bad = series.throttled.size(), all = bad + series.timings.size();
  if (all < block || static_cast<double>(bad) <= suspect_share * static_cast<double>(all)) return;
  series.suspect = true;
  series.timings.insert(series.timings.end(), series.throttled.begin(), series.throttled.end());
  series.throttled.clear();
}

void Sampler::update_done(Series& series) const {
  // Ranks of one timing are not independent samples: precision is judged on their mean. A straggling rank makes its
  // whole timing a straggler.
  std::vector<double> means;
  for (auto const& timing : series.timings) {
    auto const summary = data::summarize(timing.rank_s);
    means.push_back(series.point.op == Operation::allreduce
                        ? *std::max_element(timing.rank_s.begin(), timing.rank_s.end())
                        : summary.mean);
  }
  bool const precise = precise_enough(split_stragglers(means).core, rule_);
  bool const full = static_cast<int>(series.timings.size()) >= rule_.max_samples;
  series.done = precise || full;
  if (series.done) series.termination = precise ? Termination::precise : Termination::max_samples;
}

std::vector<double> Sampler::time_once(Point const& point, int repeats) {
  std::vector<double> times;
  if (point.op != Operation::allreduce) backend_.use_launch(point.launch);
  switch (point.op) {
    case Operation::serial:
      times = backend_.time_serial(point.ranks, repeats);
      break;
    case Operation::compute:
      times = backend_.time_compute(point.ranks, point.local_batch, repeats);
      break;
    case Operation::allreduce:
      times = backend_.time_allreduce({.ranks = point.ranks, .message = {point.bytes}, .algorithm = point.algorithm},
                                      repeats);
      break;
    case Operation::step:
      KURVE_EXPECT(point.op != Operation::step);
  }
  for (auto& t : times) t /= repeats;
  return times;
}

double sleep_bias_s(Backend& backend, Seconds length) {
  std::vector<double> excess;
  for (int i = 0; i < 11; ++i) excess.push_back(backend.time_sleep(length) - length.count());
  return data::median(excess);
}

}  // namespace kurve::calibrate
