// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <map>

#include "data/stats.hpp"
#include "validate/audit_rules.hpp"
#include "validate/number_text.hpp"

namespace kurve::validate::detail {
namespace {

/// One repeat has no spread, and of two nobody knows which is odd; MLPerf asks for 3 to 10.
constexpr std::size_t fewest_repeats = 3;
/// First steps of real GPT-3 runs take 1.2 to 2.7 times the rest (data/mlperf p1, steps); healthy steps vary by 0.5 %.
constexpr double cold_step_ratio = 1.15, cold_alone_ratio = 1.5;
constexpr std::size_t fewest_steps = 5;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char ch) { return static_cast<char>(std::tolower(ch)); });
  return text;
}

template <typename Predicate>
std::vector<double> ranks_where(Case const& c, Predicate const& predicate) {
  std::vector<double> ranks;
  for (auto const& point : c.points())
    if (predicate(point) && (ranks.empty() || ranks.back() != point.ranks)) ranks.push_back(point.ranks);
  return ranks;
}

std::optional<Hit> few_repeats(Case const& c) {
  auto const ranks = ranks_where(c, [](auto const& point) { return point.time.n < fewest_repeats; });
  if (ranks.empty()) return std::nullopt;
  std::size_t fewest = fewest_repeats;
  for (auto const& point : c.points()) fewest = std::min(fewest, point.time.n);
  return Hit{Severity::warning,
             "fewer than 3 repeats at " + list_of_ranks(ranks) + (fewest < 2 ? ": no spread, so no interval" : "")};
}

std::optional<Hit> no_spread(Case const& c) {
  auto const ranks = ranks_where(c, [](auto const& point) { return point.time.n > 1 && point.time.sd == 0.0; });
  if (ranks.empty()) return std::nullopt;
  return Hit{Severity::warning, "all repeats are equal to the last digit at " + list_of_ranks(ranks) +
                                    ": one value copied, or rounded beyond its spread"};
}

std::optional<Hit> best_of(Case const& c) {
  static constexpr std::array<std::string_view, 9> phrases{"best of",    "best-of",        "best run",
                                                           "fastest of", "fastest run",    "minimum over",
                                                           "min over",   "the minimum of", "peak throughput"};
  for (auto const& [key, value] : c.study.header)
    for (auto const phrase : phrases)
      if (lower(value).find(phrase) != std::string::npos)
        return Hit{Severity::warning, "the header says '# " + key + ": " + value + "'"};
  return std::nullopt;
}

/// Runs of one K whose first logged step is far slower than the rest of that run.
struct ColdRuns {
  std::size_t cold = 0, looked = 0;
  double worst = 1.0;
  long line = 0;
  /// A slow first step in half of the runs is no accident: a straggling first step is as rare as any other. Of one run
  /// it must be slower than a straggler.
  [[nodiscard]] bool have_warmup() const {
    return looked > 1 ? cold > 0 && 2 * cold >= looked : worst > cold_alone_ratio;
  }
};

std::map<int, ColdRuns> cold_runs(data::Study const& study) {
  std::map<std::pair<int, int>, std::map<int, data::Sample>> runs;
  for (auto const& row : study.steps())
    if (row.step) runs[{row.ranks, row.run.value_or(0)}].emplace(*row.step, row);
  std::map<int, ColdRuns> by_ranks;
  for (auto const& [key, steps] : runs) {
    if (steps.size() < fewest_steps) continue;
    auto& at = by_ranks[key.first];
    ++at.looked;
    std::vector<double> rest_s;
    for (auto it = std::next(steps.begin()); it != steps.end(); ++it) rest_s.push_back(it->second.time_s);
    double const ratio = steps.begin()->second.time_s / data::median(rest_s);
    at.cold += ratio > cold_step_ratio;
    if (ratio > at.worst) at.line = steps.begin()->second.line;
    at.worst = std::max(at.worst, ratio);
  }
  return by_ranks;
}

/// Warm-up by K. At the baseline alone it flatters every other point.
std::optional<Hit> warmup_inside(Case const& c) {
  if (c.study.warmup() == data::Inclusion::included)
    return Hit{Severity::warning,
               c.measured.warmup_steps > 0
                   ? "the header says so; " + std::to_string(c.measured.warmup_steps) + " steps were left out here"
                   : "the header says so, and the steps do not show where it ends"};
  std::vector<double> ranks;
  ColdRuns all;
  std::size_t others = 0;
  for (auto const& [k, runs] : cold_runs(c.study)) {
    if (!runs.have_warmup()) {
      others += runs.looked > 0;
      continue;
    }
    ranks.push_back(k);
    if (runs.worst > all.worst) all.line = runs.line;
    all.worst = std::max(all.worst, runs.worst);
    all.cold += runs.cold;
    all.looked += runs.looked;
  }
  if (ranks.empty()) return std::nullopt;
  bool const baseline_alone = others > 0 && ranks.size() == 1 && ranks.front() == c.baseline().ranks;
  return Hit{baseline_alone ? Severity::error : Severity::warning,
             "at " + list_of_ranks(ranks) + " the first step of " + std::to_string(all.cold) + " of " +
                 std::to_string(all.looked) + " runs takes more than " + number_text(cold_step_ratio, 3) +
                 " times the median of the rest, up to " + fixed_text(all.worst, 2) + " times" +
                 (baseline_alone ? "; no other K has it, so that every ratio is too high" : ""),
             all.line};
}

bool unstated(std::string const& value) { return value.empty() || value == "unknown"; }

std::optional<Hit> warmup_unstated(Case const& c) {
  if (c.study.warmup() != data::Inclusion::unknown) return std::nullopt;
  return Hit{Severity::note, "nothing says whether warm-up steps are in the samples"};
}

std::optional<Hit> setup_inside(Case const& c) {
  auto const setup = header(c.study, "setup");
  if (setup == "included") return Hit{Severity::warning, "the header says that set-up is in the times"};
  if (unstated(setup))
    return Hit{Severity::note, "nothing says whether set-up (start, compilation, first data) is in the times"};
  return std::nullopt;
}

std::optional<Hit> speedup_alone(Case const& c) {
  auto const claim = header(c.study, "claim");
  auto const text = lower(claim);
  bool const has_speedup = text.find("speedup") != std::string::npos || text.find("speed-up") != std::string::npos ||
                           text.find("faster") != std::string::npos;
  if (!has_speedup || text.find("efficien") != std::string::npos) return std::nullopt;
  auto const& last = c.table.points.back();
  return Hit{Severity::warning, "the claim '" + claim + "' has no efficiency; it is " + fixed_text(last.efficiency, 3) +
                                    " at K = " + number_text(last.ranks, 9)};
}

constexpr std::array<Rule, 7> rules{{
    {{"KV011-few-repeats", "too few repeats to know the spread",
      "run each K at least 3 times, 5 to 10 where the verdict is close, in shuffled order"},
     few_repeats},
    {{"KV012-no-spread", "repeats without any spread", "report every repeat with all its digits"}, no_spread},
    {{"KV013-best-of", "the best run is reported instead of all",
      "report all repeats, or their mean and spread; the best of n grows better with n"},
     best_of},
    {{"KV014-warmup-inside", "warm-up steps are among the samples",
      "leave out the first steps of every run and say so: `# warmup: excluded`"},
     warmup_inside},
    {{"KV015-warmup-unstated", "warm-up is not stated", "add `# warmup: excluded` or `included` to the header"},
     warmup_unstated},
    {{"KV016-setup", "set-up is in the times or not stated",
      "time steps only, and add `# setup: excluded` to the header"},
     setup_inside},
    {{"KV017-speedup-alone", "speedup is claimed without efficiency",
      "state efficiency beside every speedup: it shows what the workers waste"},
     speedup_alone},
}};

}  // namespace

std::span<Rule const> method_rules() { return rules; }

long line_of(data::Study const& study, data::MeasuredPoint const& point) {
  for (auto const& row : study.samples)
    if (row.ranks == point.ranks && (!row.global_batch || *row.global_batch == point.global_batch)) return row.line;
  return 0;
}

std::string header(data::Study const& study, std::string const& key) { return study.find(key).value_or(""); }

}  // namespace kurve::validate::detail
