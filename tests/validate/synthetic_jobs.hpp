// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "data/study.hpp"
#include "validate/diagnose.hpp"

namespace kurve::test {

/// Standard variates from a counter-free 64-bit generator: same bits on every library.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  double uniform() { return (static_cast<double>(engine_() >> 11) + 0.5) * 0x1p-53; }
  double between(double low, double high) { return low + (high - low) * uniform(); }
  double log_between(double low, double high) { return low * std::pow(high / low, uniform()); }
  double normal() { return std::sqrt(-2.0 * std::log(uniform())) * std::cos(6.283185307179586 * uniform()); }
  double exponential() { return -std::log(uniform()); }
  double gumbel() { return -std::log(exponential()); }
  int pick(int n) { return static_cast<int>(uniform() * n); }

 private:
  std::mt19937_64 engine_;
};

/// One synthetic job of known cause: worker by worker, step by step.
struct Job {
  validate::Cause cause = validate::Cause::none;
  bool weak = false;
  double noise = 0.01;        ///< sd of each step, relative
  bool worker_noise = false;  ///< drawn by each worker rather than by the step
  double effect = 0.3;        ///< share of the step at the largest K
  int variant = 0;            ///< which law of the cause
  int steps = 1;              ///< averaged into one value
  int repeats = 5;
  double hit = 0.01;  ///< p of one worker and step
};

/// Times of one step: compute of each worker, what all pay after the slowest, what nobody computes.
struct StepDraw {
  std::vector<double> compute_s;
  double comm_s = 0.0, serial_s = 0.0;
};

/// Work of one worker relative to K = 1, amplitude in units of the mean extra, which `calibrate_effect` sets.
inline StepDraw draw_step(Job const& job, int ranks, double amplitude, Dice& dice) {
  using validate::Cause;
  double const work = job.weak ? 1.0 : 1.0 / ranks;
  StepDraw step;
  for (int k = 0; k < ranks; ++k) {
    double factor = 1.0;
    if (job.worker_noise) factor += job.noise * dice.normal();
    if (job.cause == Cause::imbalance) {
      double const shape = job.variant == 0   ? (dice.gumbel() - 0.5772) / 1.2825
                           : job.variant == 1 ? dice.normal()
                           : job.variant == 2 ? std::pow(dice.exponential(), 0.5) / 0.463 - 1.913
                                              : dice.exponential() - 1.0;
      factor += amplitude * shape;
    }
    double pause = 0.0;
    if (job.cause == Cause::straggler && dice.uniform() < job.hit) {
      double const size = job.variant % 2 == 0 ? 1.0 : 0.3 + 0.7 * dice.exponential();
      if (job.variant < 2)
        factor *= 1.0 + amplitude * size;
      else
        pause = amplitude * size;
    }
    step.compute_s.push_back(work * std::max(factor, 0.05) + pause);
  }
  double const k = ranks;
  if (job.cause == Cause::communication)
    step.comm_s = amplitude * (ranks == 1         ? 0.0
                               : job.variant == 0 ? std::log2(k)
                               : job.variant == 1 ? k - 1.0
                               : job.variant == 2 ? (k - 1.0) / 63.0 + 1.5 * (1.0 - 1.0 / k)
                                                  : std::ceil(std::log2(k + 1.0)));
  if (job.cause == Cause::serial) step.serial_s = amplitude * (job.weak && job.variant == 3 ? k / 64.0 : 1.0);
  return step;
}

inline double step_time(StepDraw const& step) {
  return *std::max_element(step.compute_s.begin(), step.compute_s.end()) + step.comm_s + step.serial_s;
}

/// Amplitude at which the cause takes `effect` of the mean step at the largest K, by bisection on common random
/// numbers.
inline double amplitude_of(Job const& job, int largest, std::uint64_t seed) {
  Job quiet = job;
  quiet.noise = 0.0;
  double const work = job.weak ? 1.0 : 1.0 / largest;
  double low = 1e-6, high = 200.0;
  for (int i = 0; i < 30; ++i) {
    double const middle = std::sqrt(low * high);
    Dice dice(seed);
    double sum = 0.0;
    int const trials = 60;
    for (int t = 0; t < trials; ++t) sum += step_time(draw_step(quiet, largest, middle, dice));
    (1.0 - work * trials / sum < job.effect ? low : high) = middle;
  }
  return low;
}

inline std::vector<int> doubling_to(int largest) {
  std::vector<int> ks;
  for (int k = 1; k <= largest; k *= 2) ks.push_back(k);
  return ks;
}

inline data::Sample row_at(int ranks, double time_s) {
  data::Sample row;
  row.ranks = ranks;
  row.time_s = time_s;
  return row;
}

/// Step times of the job at K = 1, 2, 4 .. largest.
inline data::Study step_study(Job const& job, std::uint64_t seed, bool steps_as_rows = false, int largest = 64) {
  double const amplitude = amplitude_of(job, largest, seed + 7);
  Dice dice(seed);
  data::Study study;
  study.set("warmup", "excluded");
  for (int const ranks : doubling_to(largest))
    for (int run = 0; run < job.repeats; ++run) {
      double sum = 0.0;
      for (int s = 0; s < job.steps; ++s) {
        double t = step_time(draw_step(job, ranks, amplitude, dice));
        if (steps_as_rows) {
          if (!job.worker_noise) t *= 1.0 + job.noise * dice.normal();
          auto row = row_at(ranks, t);
          row.global_batch = job.weak ? 256.0 * ranks : 4096.0;
          row.run = run;
          row.step = s;
          study.samples.push_back(row);
        }
        sum += t;
      }
      if (steps_as_rows) continue;
      double const mean = sum / job.steps * (job.worker_noise ? 1.0 : 1.0 + job.noise * dice.normal());
      auto row = row_at(ranks, mean);
      row.global_batch = job.weak ? 256.0 * ranks : 4096.0;
      row.run = run;
      study.samples.push_back(row);
    }
  return study;
}

/// Whether the communication time of a rank in a log has its wait for the slowest rank in it.
enum class RankLog { bare_transfer, comm_waits };

/// Per-rank times at K = 1, 2, 4 .. largest, 20 steps each.
inline data::Study rank_study(Job const& job, std::uint64_t seed, RankLog log, int smallest = 1, int largest = 64) {
  double const amplitude = amplitude_of(job, largest, seed + 7);
  Dice dice(seed);
  data::Study study;
  for (int const ranks : doubling_to(largest)) {
    if (ranks < smallest) continue;
    for (int s = 0; s < 20; ++s) {
      auto const step = draw_step(job, ranks, amplitude, dice);
      double const common = job.worker_noise ? 1.0 : 1.0 + job.noise * dice.normal();
      double const slowest = *std::max_element(step.compute_s.begin(), step.compute_s.end());
      for (int k = 0; k < ranks; ++k) {
        double const wait_s = log == RankLog::comm_waits ? slowest - step.compute_s[k] : 0.0;
        // The time of the row is the rank's own: compute, communication, and the serial part that all pay.
        auto row = row_at(ranks, (step.compute_s[k] + step.comm_s + wait_s + step.serial_s) * common + 1e-6);
        row.compute_s = step.compute_s[k] * common;
        row.comm_s = (step.comm_s + wait_s) * common + 1e-6;
        row.global_batch = job.weak ? 256.0 * ranks : 4096.0;
        row.step = s;
        row.rank = k;
        study.samples.push_back(row);
      }
    }
  }
  return study;
}

/// A job of the judged kind: every law, strong and weak, effect 15 to 60 %, noise 0.5 to 2 %.
inline Job draw_job(validate::Cause cause, bool weak, Dice& dice) {
  Job job{.cause = cause, .weak = weak};
  job.noise = dice.between(0.005, 0.02);
  job.worker_noise = dice.uniform() < 0.4;
  job.effect = dice.between(0.15, 0.60);
  job.variant = dice.pick(4);
  static constexpr int averages[] = {1, 1, 5, 20, 50, 100};
  job.steps = averages[dice.pick(6)];
  job.hit = dice.log_between(0.003, 0.06);
  return job;
}

}  // namespace kurve::test
