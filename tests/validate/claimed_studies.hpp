// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cmath>
#include <sstream>
#include <string>

#include "tests/validate/synthetic_jobs.hpp"

namespace kurve::test {

/// T(K) = w b/K + serial + c log2 K + what leaves the node costs; b is the batch relative to that of K = 1.
struct ClaimedJob {
  double work_s = 4.0, serial_s = 0.02, tree_s = 0.004, node_s = 0.0, noise = 0.01;
  bool weak = false;
  double batch = 2048.0;
  std::vector<int> ranks = doubling_to(64);
  int repeats = 3;
  [[nodiscard]] double step_s(double k, double share = 1.0) const {
    double const local = weak ? 1.0 : 1.0 / k;
    return work_s * share * local + serial_s + tree_s * std::log2(k) + (k > 8.0 ? node_s : 0.0);
  }
};

inline ClaimedJob draw_claimed_job(Dice& dice) {
  ClaimedJob job{.work_s = dice.log_between(0.3, 8.0), .noise = dice.log_between(0.003, 0.02)};
  double const at_64 = job.work_s / 64.0;
  job.serial_s = at_64 * dice.between(0.05, 0.8);
  job.tree_s = at_64 * dice.between(0.02, 0.15);
  return job;
}

inline std::string header_of(bool weak) {
  return std::string("# kurve: study/1\n# regime: ") + (weak ? "weak" : "strong") +
         "\n# baseline: single worker, no wrapper\n# warmup: excluded\n# setup: excluded\n# workers_per_node: 8\n";
}

/// Rows K,global_batch,run,step_time_s of step_s(k) under the job's noise.
template <typename StepTime, typename Batch>
std::string claimed_rows(ClaimedJob const& job, Dice& dice, StepTime const& step_s, Batch const& batch) {
  std::ostringstream text;
  text.precision(9);
  text << "K,global_batch,run,step_time_s\n";
  for (int const k : job.ranks)
    for (int run = 0; run < job.repeats; ++run)
      text << k << "," << batch(k) << "," << run << "," << step_s(k) * (1.0 + job.noise * dice.normal()) << "\n";
  return text.str();
}

/// The same with a configuration column; `setting(k)` is its value.
template <typename StepTime, typename Batch, typename Setting>
std::string configured_rows(std::string const& column, ClaimedJob const& job, Dice& dice, StepTime const& step_s,
                            Batch const& batch, Setting const& setting) {
  std::ostringstream text;
  text.precision(9);
  text << "# configuration: " << column << "\nK,global_batch,run,step_time_s," << column << "\n";
  for (int const k : job.ranks)
    for (int run = 0; run < job.repeats; ++run)
      text << k << "," << batch(k) << "," << run << "," << step_s(k) * (1.0 + job.noise * dice.normal()) << ","
           << setting(k) << "\n";
  return text.str();
}

/// Rows K,global_batch,run,step,step_time_s of 15 steps a run, the first three of which are cold where `cold(k)`.
template <typename Cold>
std::string stepped_rows(ClaimedJob const& job, Dice& dice, Cold const& cold) {
  std::ostringstream text;
  text.precision(9);
  text << "K,global_batch,run,step,step_time_s\n";
  for (int const k : job.ranks)
    for (int run = 0; run < 3; ++run)
      for (int step = 0; step < 15; ++step)
        text << k << "," << job.batch << "," << run << "," << step << ","
             << job.step_s(k) * (cold(k) && step < 3 ? 2.5 : 1.0) * (1.0 + job.noise * dice.normal()) << "\n";
  return text.str();
}

inline constexpr std::array<char const*, 10> honest_kinds{"strong",       "weak",     "rounded batch", "cache",
                                                          "no K of one",  "node",     "slow run",      "few values",
                                                          "accumulation", "missing K"};

/// A study in which nothing is claimed that was not measured.
inline std::string honest_study(std::string const& kind, Dice& dice) {
  auto job = draw_claimed_job(dice);
  auto const batch = [&](int) { return job.batch; };
  auto const measured = [&](int k) { return job.step_s(k); };
  if (kind == "weak" || kind == "rounded batch") {
    job.weak = true;
    job.tree_s = job.work_s * dice.between(0.005, 0.05);
    double const mine = kind == "weak" ? 32.0 : dice.between(30.0, 40.0);
    auto const rounded = [&](int k) {
      return kind == "weak" || k == 1 ? std::floor(mine) * k : 8.0 * std::round(mine * k / 8.0);
    };
    return header_of(true) + claimed_rows(
                                 job, dice, [&](int k) { return job.step_s(k, rounded(k) / (mine * k)); }, rounded);
  }
  if (kind == "cache") {
    double const gain = dice.between(0.05, 0.15), from = 4.0 * (1 << dice.pick(3));
    return header_of(false) + claimed_rows(
                                  job, dice, [&](int k) { return job.step_s(k, k >= from ? 1.0 - gain : 1.0); }, batch);
  }
  if (kind == "no K of one") job.ranks = {8, 16, 32, 64, 128};
  if (kind == "missing K") job.ranks = {1, 2, 16, 64}, job.repeats = 2 + dice.pick(4);
  if (kind == "accumulation")  // at a micro-batch of 16 it must follow B/K
    return header_of(false) +
           configured_rows("grad_accum", job, dice, measured, batch, [&](int k) { return job.batch / 16.0 / k; });
  if (kind == "node") job.node_s = job.work_s / 64.0 * dice.between(0.2, 1.5);
  if (kind == "few values") job.ranks = {1, 2, 3, 5, 6, 8, 12, 24}, job.repeats = 2;
  auto text = header_of(false) + claimed_rows(job, dice, measured, batch);
  if (kind == "slow run") text += "16,2048,9," + std::to_string(job.step_s(16) * dice.between(1.2, 2.0)) + "\n";
  return text;
}

/// What is planted, and the rules that name it.
struct FraudKind {
  char const* name;
  std::vector<std::string> rules;
};
inline std::vector<FraudKind> fraud_kinds() {
  return {{"slow baseline", {"KV001", "KV002"}},
          {"half the batch at the end", {"KV020", "KV021"}},
          {"half the batch at the end, declared", {"KV005", "KV006", "KV007"}},
          {"half the batch inside", {"KV010", "KV020", "KV002"}},
          {"another precision", {"KV020", "KV002"}},
          {"another precision, declared", {"KV008"}},
          {"accumulation without need", {"KV008"}},
          {"cold baseline", {"KV014"}},
          {"cold but for the largest K", {"KV014"}},
          {"weak as strong", {"KV022", "KV009"}},
          {"eight workers as one", {"KV023"}},
          {"best of five", {"KV013"}},
          {"a claim of more", {"KV024"}}};
}

/// A study whose curve, or claim, is better than what was run.
inline std::string fraud_study(std::string const& kind, Dice& dice) {
  auto job = draw_claimed_job(dice);
  job.noise = dice.log_between(0.003, 0.012);
  auto const batch = [&](int) { return job.batch; };
  auto rows = [&](auto const& step_s) { return header_of(false) + claimed_rows(job, dice, step_s, batch); };
  if (kind == "slow baseline") {
    double const factor = dice.between(1.1, 1.4);
    return rows([&](int k) { return job.step_s(k) * (k == 1 ? factor : 1.0); });
  }
  if (kind == "half the batch at the end") return rows([&](int k) { return job.step_s(k) * (k == 64 ? 0.5 : 1.0); });
  if (kind == "half the batch inside") return rows([&](int k) { return job.step_s(k) * (k == 8 ? 0.5 : 1.0); });
  if (kind == "another precision") {
    double const from = 4.0 * (1 << dice.pick(3)), faster = dice.between(0.55, 0.7);
    return rows([&](int k) { return job.step_s(k) * (k >= from ? faster : 1.0); });
  }
  if (kind == "weak as strong") {
    job.tree_s = job.work_s * dice.between(0.004, 0.015);
    job.weak = true;
    job.serial_s = 0.0;
    return rows([&](int k) { return job.step_s(k) / k; });
  }
  if (kind == "a claim of more") {
    auto const text = rows([&](int k) { return job.step_s(k); });
    return text.substr(0, text.find("K,")) + "# claim: a speedup of 63 at efficiency 0.98\n" +
           text.substr(text.find("K,"));
  }
  if (kind == "half the batch at the end, declared") {
    auto const halved = [&](int k) { return job.batch * (k == 64 ? 0.5 : 1.0); };
    return header_of(false) + claimed_rows(
                                  job, dice, [&](int k) { return job.step_s(k, halved(k) / job.batch); }, halved);
  }
  if (kind == "another precision, declared")
    return header_of(false) + configured_rows(
                                  "precision", job, dice, [&](int k) { return job.step_s(k, k >= 16 ? 0.6 : 1.0); },
                                  batch, [](int k) { return k >= 16 ? "fp8" : "bf16"; });
  if (kind == "accumulation without need")  // four micro-batches at the baseline, none elsewhere, whatever B/K
    return header_of(false) + configured_rows(
                                  "grad_accum", job, dice, [&](int k) { return job.step_s(k) * (k == 1 ? 1.08 : 1.0); },
                                  batch, [](int k) { return k == 1 ? 4 : 1; });
  if (kind == "eight workers as one") {
    job.tree_s = job.work_s / 64.0 * dice.between(0.1, 0.4);
    job.serial_s = job.work_s / 64.0 * dice.between(0.2, 0.8);
    return rows([&](int k) { return job.step_s(8.0 * k); });
  }
  if (kind == "best of five") {
    job.repeats = 1;
    return "# kurve: study/1\n# measured: best of 5 runs\n" + header_of(false).substr(17) +
           claimed_rows(
               job, dice, [&](int k) { return job.step_s(k); }, batch);
  }
  if (kind == "cold but for the largest K")
    return header_of(false) + stepped_rows(job, dice, [](int k) { return k < 64; });
  return header_of(false) + stepped_rows(job, dice, [](int k) { return k == 1; });
}

}  // namespace kurve::test
