// SPDX-License-Identifier: Apache-2.0
#include "validate/diagnose_ranks.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include "data/stats.hpp"
#include "model/error.hpp"
#include "validate/number_text.hpp"

namespace kurve::validate::detail {
namespace {

/// A rank this much slower than its peers is a culprit: monitors warn from 5 to 10 % (TraceML; FALCON confirms at 10
/// %), and healthy ranks differ by 0.2 to 2 % (ByteDance traces).
constexpr double slow_rank_log = 0.08;
/// ... and it stands out of the other ranks' own spread by this many robust standard deviations.
constexpr double stands_out = 5.0;
/// Healthy ranks spread by at least this: keeps the rule above from firing on rounding.
constexpr double healthy_spread_log = 0.004;
/// Losses are not known better than this share of a step.
constexpr double loss_resolution = 0.01;

struct Cell {
  int rank = 0;
  double compute_s = 0.0, comm_s = 0.0, other_s = 0.0;  ///< other: time of the step that is neither
  double stall_s = 0.0;                                 ///< of compute_s: the rank kept its device waiting
};
using StepKey = std::pair<int, int>;                      // run, step
using StageSteps = std::map<StepKey, std::vector<Cell>>;  // one pipeline stage
using Stages = std::map<int, StageSteps>;

/// Time of a rank that is neither compute nor communication is its own where its communication is the shorter for it:
/// then the others spend that time waiting inside their collectives, and a slow host or loader is as much a straggler
/// as a slow device. Where nobody's communication varies, ranks wait outside of it, and the time is such a wait.
void own_the_stalls(std::vector<Cell>& cells) {
  auto const range_of = [&](double Cell::*value) {
    data::Bounds range{cells.front().*value, cells.front().*value};
    for (auto const& cell : cells) range = {std::min(range.low, cell.*value), std::max(range.high, cell.*value)};
    return range;
  };
  auto const other = range_of(&Cell::other_s), comm = range_of(&Cell::comm_s);
  if (comm.high - comm.low < 0.5 * (other.high - other.low)) return;
  for (auto& cell : cells) {
    cell.stall_s = cell.other_s - other.low;
    cell.compute_s += cell.stall_s;
    cell.other_s = other.low;
  }
}

std::map<int, Stages> by_ranks(data::Study const& study) {
  std::map<int, Stages> result;
  for (auto const& s : study.samples) {
    if (!s.rank || !s.compute_s) continue;
    double const comm_s = s.comm_s.value_or(0.0);
    double const other_s = std::max(0.0, s.time_s - *s.compute_s - comm_s);
    result[s.ranks][s.stage.value_or(0)][{s.run.value_or(0), s.step.value_or(0)}].push_back(
        {*s.rank, *s.compute_s, comm_s, s.comm_s ? other_s : 0.0});
  }
  for (auto& [ranks, stages] : result)
    for (auto& [stage, steps] : stages)
      for (auto& [key, cells] : steps) own_the_stalls(cells);
  return result;
}

double slowest(std::vector<Cell> const& cells) {
  return std::max_element(cells.begin(), cells.end(),
                          [](auto const& a, auto const& b) { return a.compute_s < b.compute_s; })
      ->compute_s;
}
double mean_compute(std::vector<Cell> const& cells) {
  double sum = 0.0;
  for (auto const& cell : cells) sum += cell.compute_s;
  return sum / static_cast<double>(cells.size());
}

/// log compute = step + rank + residual, by medians, because the slow ones must not hide themselves.
struct Decomposition {
  std::map<StepKey, double> step;
  std::map<int, double> rank;
  double rank_spread = 0.0, residual_spread = 0.0;  ///< scaled MAD
  double rank_variance = 0.0, residual_variance = 0.0;
  std::vector<int> slow_ranks;  ///< worst first
};

Decomposition decompose(StageSteps const& steps) {
  Decomposition d;
  std::map<int, std::vector<double>> of_rank;
  for (auto const& [key, cells] : steps) {
    std::vector<double> logs;
    for (auto const& cell : cells) logs.push_back(std::log(cell.compute_s));
    d.step[key] = data::median(logs);
    for (auto const& cell : cells) of_rank[cell.rank].push_back(std::log(cell.compute_s) - d.step[key]);
  }
  std::vector<double> effects, residuals;
  for (auto const& [rank, values] : of_rank) {
    effects.push_back(d.rank[rank] = data::median(values));
    for (double const v : values) residuals.push_back(v - effects.back());
  }
  d.rank_spread = std::max(healthy_spread_log, data::scaled_mad(effects));
  d.residual_spread = std::max(healthy_spread_log, data::scaled_mad(residuals));
  d.rank_variance = std::pow(data::summarize(effects).sd, 2);
  d.residual_variance = std::pow(data::summarize(residuals).sd, 2);
  if (effects.size() < 3) return d;  // of two ranks nobody can say which one is not like the others
  double const typical = data::median(effects);
  for (auto const& [rank, effect] : d.rank)
    if (effect - typical > std::max(slow_rank_log, stands_out * d.rank_spread)) d.slow_ranks.push_back(rank);
  std::sort(d.slow_ranks.begin(), d.slow_ranks.end(), [&](int a, int b) { return d.rank.at(a) > d.rank.at(b); });
  return d;
}

/// What one step loses [s], in the stage where it loses most.
struct StepLoss {
  double total_s = 0.0, transfer_s = 0.0, serial_s = 0.0, straggler_s = 0.0, imbalance_s = 0.0;
};

/// The wait of one step, split: a step in which the slow ranks and the slow moments are brought back to the ordinary
/// still waits for the rest, which is imbalance; what that saves is the straggler's.
StepLoss loss_of_step(StepKey const& key, std::vector<Cell> const& cells, Decomposition const& d) {
  std::vector<Cell> ordinary = cells;
  double const limit = std::max(slow_rank_log, stands_out * d.residual_spread);
  for (auto& cell : ordinary) {
    bool const slow_rank = std::find(d.slow_ranks.begin(), d.slow_ranks.end(), cell.rank) != d.slow_ranks.end();
    double const expected = d.step.at(key) + (slow_rank ? 0.0 : d.rank.at(cell.rank));
    if (slow_rank || std::log(cell.compute_s) - expected > limit) cell.compute_s = std::exp(expected);
  }
  StepLoss loss;
  double const wait_s = slowest(cells) - mean_compute(cells);
  loss.imbalance_s = std::min(wait_s, slowest(ordinary) - mean_compute(ordinary));
  loss.straggler_s = wait_s - loss.imbalance_s;
  loss.transfer_s = cells.front().comm_s;
  loss.serial_s = cells.front().other_s;
  for (auto const& cell : cells) {
    loss.transfer_s = std::min(loss.transfer_s, cell.comm_s);
    loss.serial_s = std::min(loss.serial_s, cell.other_s);
  }
  loss.total_s = slowest(cells) + loss.transfer_s + loss.serial_s;
  return loss;
}

/// Mean share of the step, and its standard error.
struct Share {
  double mean = 0.0, standard_error = 0.0;
};

struct Reading {
  Share communication, straggler, imbalance, serial;
  double stage_share = 0.0;  ///< of the imbalance: stages that are unequal on every rank
  int slowest_stage = 0;
  double slowest_stage_ratio = 1.0;
  std::map<int, Decomposition> stages;
  int worst_stage = 0;  ///< where most is lost to waiting
};

Share share_of(std::vector<double> const& losses_s, double total_s) {
  auto const s = data::summarize_series(losses_s);
  return {s.mean / total_s, s.standard_error() / total_s};
}

Reading read(Stages const& stages) {
  Reading reading;
  std::map<int, double> stage_mean_s, stage_wait_s;
  std::map<StepKey, StepLoss> steps;  // the sum over stages of what each loses to waiting, the most of the rest
  for (auto const& [stage, of_stage] : stages) {
    auto const& d = reading.stages[stage] = decompose(of_stage);
    std::vector<double> medians;
    for (auto const& [key, cells] : of_stage) {
      auto const loss = loss_of_step(key, cells, d);
      auto& step = steps[key];
      step.total_s = std::max(step.total_s, loss.total_s);
      step.transfer_s = std::max(step.transfer_s, loss.transfer_s);
      step.serial_s = std::max(step.serial_s, loss.serial_s);
      step.straggler_s = std::max(step.straggler_s, loss.straggler_s);
      step.imbalance_s = std::max(step.imbalance_s, loss.imbalance_s);
      stage_wait_s[stage] += loss.straggler_s + loss.imbalance_s;
      medians.push_back(std::exp(d.step.at(key)));
    }
    stage_mean_s[stage] = data::summarize(medians).mean;
  }
  std::vector<double> total, transfer, serial, straggler, imbalance;
  for (auto const& [key, step] : steps) {
    total.push_back(step.total_s);
    transfer.push_back(step.transfer_s);
    serial.push_back(step.serial_s);
    straggler.push_back(step.straggler_s);
    imbalance.push_back(step.imbalance_s);
  }
  auto const less = [](auto const& a, auto const& b) { return a.second < b.second; };
  auto const slow_stage = std::max_element(stage_mean_s.begin(), stage_mean_s.end(), less);
  double sum_s = 0.0;
  for (auto const& [stage, mean_s] : stage_mean_s) sum_s += mean_s;
  double const mean_stage_s = sum_s / static_cast<double>(stage_mean_s.size());
  double const total_s = data::summarize(total).mean;
  reading.slowest_stage = slow_stage->first;
  reading.slowest_stage_ratio = slow_stage->second / mean_stage_s;
  reading.stage_share = (slow_stage->second - mean_stage_s) / total_s;
  reading.worst_stage = std::max_element(stage_wait_s.begin(), stage_wait_s.end(), less)->first;
  reading.communication = share_of(transfer, total_s);
  reading.straggler = share_of(straggler, total_s);
  reading.imbalance = share_of(imbalance, total_s);
  reading.imbalance.mean += reading.stage_share;
  reading.serial = share_of(serial, total_s);
  return reading;
}

/// Compute that ideal scaling does not explain: mean compute at the largest K, less its share of the smallest K's.
double unscaled_compute_share(std::map<int, Stages> const& ranks, data::Study const& study) {
  if (ranks.size() < 2) return 0.0;
  auto const regime = study.regime();
  std::map<int, double> batch;
  for (auto const& s : study.samples)
    batch[s.ranks] = s.global_batch.value_or(regime == model::Regime::weak ? s.ranks : 1.0);
  auto const typical_s = [](Stages const& stages) {
    std::vector<double> medians;
    for (auto const& [stage, steps] : stages)
      for (auto const& [key, cells] : steps) {
        std::vector<double> of_ranks;
        for (auto const& cell : cells) of_ranks.push_back(cell.compute_s);
        medians.push_back(data::median(of_ranks));
      }
    return data::summarize(medians).mean;
  };
  auto const& [k0, first] = *ranks.begin();
  auto const& [k, last] = *ranks.rbegin();
  double const ideal_s = typical_s(first) * (batch[k] / k) / (batch[k0] / k0);
  return std::max(0.0, 1.0 - ideal_s / typical_s(last));
}

PopFactors pop_of(int ranks, Stages const& stages) {
  std::map<std::pair<int, int>, std::vector<double>> of_worker;
  std::map<StepKey, double> largest, total;
  for (auto const& [stage, steps] : stages)
    for (auto const& [key, cells] : steps) {
      double comm_s = cells.front().comm_s, other_s = cells.front().other_s;
      for (auto const& cell : cells) {
        of_worker[{stage, cell.rank}].push_back(cell.compute_s);
        comm_s = std::min(comm_s, cell.comm_s);
        other_s = std::min(other_s, cell.other_s);
      }
      largest[key] = std::max(largest[key], slowest(cells));
      total[key] = std::max(total[key], slowest(cells) + comm_s + other_s);
    }
  double sum_s = 0.0, worst_s = 0.0, largest_s = 0.0, total_s = 0.0;
  for (auto const& [worker, times] : of_worker) {
    double const mean_s = data::summarize(times).mean;
    sum_s += mean_s;
    worst_s = std::max(worst_s, mean_s);
  }
  for (auto const& [key, value] : largest) largest_s += value / static_cast<double>(largest.size());
  for (auto const& [key, value] : total) total_s += value / static_cast<double>(total.size());
  return {static_cast<double>(ranks), sum_s / static_cast<double>(of_worker.size()) / worst_s,
          std::min(1.0, worst_s / largest_s), largest_s / total_s};
}

double normal_cdf(double z) { return 0.5 * std::erfc(-z / std::sqrt(2.0)); }

/// A loss is a cause beside another where it is this share of what is lost.
constexpr double least_share_of_loss = 0.3;

/// P(a loss is at least `least_share_of_loss` of all), normal in the log of its ratio to the rest: a loss that comes in
/// few large hits is certain to be there, whatever its error.
double probability_of_mattering(Share const& loss, std::vector<Share> const& rest) {
  double other = 0.0, other_variance = 0.0;
  for (auto const& share : rest) {
    other += share.mean;
    other_variance += share.standard_error * share.standard_error;
  }
  double const mine = loss.mean + loss_resolution;
  other += loss_resolution;
  double const error = std::hypot(std::hypot(loss_resolution, loss.standard_error) / mine,
                                  std::hypot(loss_resolution, std::sqrt(other_variance)) / other);
  return normal_cdf(std::log(mine / other * (1.0 - least_share_of_loss) / least_share_of_loss) / error);
}

/// P(each set of one or two causes is what matters), and that all of them together do not.
void set_probabilities(Diagnosis& result, Reading const& reading, DiagnoseOptions const& options) {
  static constexpr std::array<Cause, 4> causes{Cause::communication, Cause::straggler, Cause::imbalance, Cause::serial};
  std::array<Share, 4> const shares{reading.communication, reading.straggler, reading.imbalance, reading.serial};
  std::array<double, 4> matters{};
  double lost = 0.0, sum = 0.0;
  for (std::size_t i = 0; i < 4; ++i) {
    std::vector<Share> rest(shares.begin(), shares.end());
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(i));
    matters[i] = probability_of_mattering(shares[i], rest);
    lost += shares[i].mean;
  }
  auto& p = result.probabilities;
  for (std::size_t i = 0; i < 4; ++i)
    for (std::size_t j = i; j < 4; ++j) {
      double product = 1.0;
      for (std::size_t k = 0; k < 4; ++k) product *= k == i || k == j ? matters[k] : 1.0 - matters[k];
      sum += p[causes[i] | causes[j]] = product;
    }
  double const none = normal_cdf((options.negligible_loss - lost) / loss_resolution);
  for (auto& [cause, probability] : p) probability *= sum > 0.0 ? (1.0 - none) / sum : 0.0;
  p[Cause::none] = none;
  for (auto const& [cause, probability] : p)
    if (probability >= options.answer_at) result.cause = cause;
}

/// Which rank ends the step, and how often it is the most frequent one.
std::string last_sentence(StageSteps const& steps) {
  std::map<int, int> last;
  for (auto const& [key, cells] : steps)
    ++last[std::max_element(cells.begin(), cells.end(), [](auto const& a, auto const& b) {
             return a.compute_s < b.compute_s;
           })->rank];
  auto const most =
      std::max_element(last.begin(), last.end(), [](auto const& a, auto const& b) { return a.second < b.second; });
  return "rank " + std::to_string(most->first) + " is last in " +
         percent_text(static_cast<double>(most->second) / static_cast<double>(steps.size()), 0) + " of " +
         std::to_string(steps.size()) + " steps, the most of any rank";
}

/// How much of a slow rank's time its device waited for its host; "" where it is next to nothing.
std::string stall_words(StageSteps const& steps, int rank) {
  double own_s = 0.0, stall_s = 0.0;
  for (auto const& [key, cells] : steps)
    for (auto const& cell : cells)
      if (cell.rank == rank) {
        own_s += cell.compute_s;
        stall_s += cell.stall_s;
      }
  if (stall_s < loss_resolution * own_s) return "";
  return "; for " + percent_text(stall_s / own_s, 0) + " of its time its device waits: host, data or launches";
}

void describe(Diagnosis& result, Reading const& reading, Stages const& stages, DiagnoseOptions const& options) {
  auto const& worst = reading.stages.at(reading.worst_stage);
  result.evidence.push_back("of a step, " + percent_text(reading.communication.mean, 1) + " is transfer, " +
                            percent_text(reading.straggler.mean, 1) + " waits for slow ranks or moments, " +
                            percent_text(reading.imbalance.mean, 1) + " for unequal work, " +
                            percent_text(reading.serial.mean, 1) + " is serial");
  std::string const where = stages.size() > 1 ? " of stage " + std::to_string(reading.worst_stage) : "";
  for (int const rank : worst.slow_ranks)
    result.evidence.push_back("rank " + std::to_string(rank) + where + " takes " +
                              percent_text(std::expm1(worst.rank.at(rank)), 0) +
                              " longer than the median rank, and its peers spread by " +
                              percent_text(worst.rank_spread, 1) + stall_words(stages.at(reading.worst_stage), rank));
  result.evidence.push_back(last_sentence(stages.at(reading.worst_stage)) + where);
  double const varies = worst.rank_variance + worst.residual_variance;
  if (varies > 0.0)
    result.evidence.push_back("of the variance between ranks" + where + ", " +
                              percent_text(worst.rank_variance / varies, 0) + " stays with the rank and " +
                              percent_text(worst.residual_variance / varies, 0) + " is new in every step");
  if (reading.stage_share > options.negligible_loss ||
      (includes(result.cause, Cause::imbalance) && reading.stage_share > loss_resolution))
    result.evidence.push_back("stage " + std::to_string(reading.slowest_stage) + " takes " +
                              number_text(reading.slowest_stage_ratio, 3) +
                              " times the mean of the stages on every rank: unequal stages, not a slow worker");
}

}  // namespace

bool has_rank_times(data::Study const& study) {
  std::set<int> ranks;
  for (auto const& s : study.samples)
    if (s.rank && s.compute_s) ranks.insert(*s.rank);
  return ranks.size() > 1;
}

Diagnosis diagnose_rank_times(data::Study const& study, DiagnoseOptions const& options) {
  auto const ranks = by_ranks(study);
  auto const& stages = ranks.rbegin()->second;
  auto reading = read(stages);
  if (reading.serial.mean < loss_resolution) reading.serial.mean = unscaled_compute_share(ranks, study);

  Diagnosis result;
  for (auto const& [k, of_k] : ranks) result.pop.push_back(pop_of(k, of_k));
  set_probabilities(result, reading, options);
  describe(result, reading, stages, options);
  auto const& worst = reading.stages.at(reading.worst_stage);
  if (includes(result.cause, Cause::straggler)) {
    result.persistent = !worst.slow_ranks.empty();
    result.ranks = worst.slow_ranks;
    if (stages.size() > 1 && !result.ranks.empty()) result.stage = reading.worst_stage;
  } else if (includes(result.cause, Cause::imbalance)) {
    bool const unequal_stages = reading.stage_share > 0.5 * reading.imbalance.mean;
    result.persistent = unequal_stages || worst.rank_variance > worst.residual_variance;
  }
  return result;
}

}  // namespace kurve::validate::detail
