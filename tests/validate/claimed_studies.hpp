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

inline constexpr std::array<char const*, 8> honest_kinds{"strong",      "weak", "rounded batch", "cache",
                                                         "no K of one", "node", "slow run",      "few values"};

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
  if (kind == "node") job.node_s = job.work_s / 64.0 * dice.between(0.2, 1.5);
  if (kind == "few values") job.ranks = {1, 2, 3, 5, 6, 8, 12, 24}, job.repeats = 2;
  auto text = header_of(false) + claimed_rows(job, dice, measured, batch);
  if (kind == "slow run") text += "16,2048,9," + std::to_string(job.step_s(16) * dice.between(1.2, 2.0)) + "\n";
  return text;
}

inline constexpr std::array<char const*, 7> fraud_kinds{
    "slow baseline",  "half the batch at the end", "another precision", "cold baseline",
    "weak as strong", "half the batch inside",     "a claim of more"};

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
  std::ostringstream text;  // cold baseline: three slow steps at K = 1 only
  text.precision(9);
  text << header_of(false) << "K,global_batch,run,step,step_time_s\n";
  for (int const k : job.ranks)
    for (int run = 0; run < 3; ++run)
      for (int step = 0; step < 15; ++step)
        text << k << "," << job.batch << "," << run << "," << step << ","
             << job.step_s(k) * (k == 1 && step < 3 ? 2.5 : 1.0) * (1.0 + job.noise * dice.normal()) << "\n";
  return text.str();
}

}  // namespace kurve::test
