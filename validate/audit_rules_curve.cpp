// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <regex>

#include "data/stats.hpp"
#include "model/scaling.hpp"
#include "validate/audit_rules.hpp"
#include "validate/number_text.hpp"
#include "validate/rivals.hpp"

namespace kurve::validate::detail {
namespace {

/// Efficiency of `to` relative to `from`: per-worker throughput.
double gain_of(data::MeasuredPoint const& from, data::MeasuredPoint const& to) {
  return model::efficiency({from.ranks, from.global_batch, from.time.mean}, {to.ranks, to.global_batch, to.time.mean});
}

/// The least that the gain is by Welch's t; itself where repeats are missing.
double least_gain(data::MeasuredPoint const& from, data::MeasuredPoint const& to) {
  double const gain = gain_of(from, to);
  if (from.time.n < 2 || to.time.n < 2) return gain;
  return data::log_t_interval(gain, data::log_error_of_ratio(data::log_error(from.time), data::log_error(to.time)),
                              0.95)
      .low;
}

/// No cost of more workers makes a worker faster. A share that begins to fit a cache does, by 5 to 20 % on what we have
/// met; half a batch or half the bytes of a number by a third and more.
constexpr double jump_warning = 0.03, jump_warning_single = 0.05, jump_error = 0.25;

std::optional<Hit> jump(Case const& c) {
  auto const points = same_problem_points(c);
  std::size_t worst = 0;
  double most = 0.0;
  for (std::size_t i = 2; i < points.size(); ++i) {  // the step from the baseline is KV002's
    bool const repeated = points[i].time.n > 1 && points[i - 1].time.n > 1;
    double const gain = least_gain(points[i - 1], points[i]) - 1.0;
    if (gain_of(points[i - 2], points[i]) - 1.0 <= jump_warning) continue;  // the point between is slow: KV010's
    if (points[i].ranks == points[i - 1].ranks || gain <= std::max(most, repeated ? jump_warning : jump_warning_single))
      continue;
    most = gain;
    worst = i;
  }
  if (worst == 0) return std::nullopt;
  auto const& from = points[worst - 1];
  auto const& to = points[worst];
  return Hit{most > jump_error ? Severity::error : Severity::warning,
             "from K = " + number_text(from.ranks, 9) + " to " + number_text(to.ranks, 9) + " each worker becomes " +
                 fixed_text(gain_of(from, to), 2) +
                 " times as fast; only a cache does that honestly, and not by more than a fifth",
             line_of(c.study, to)};
}

/// The last point against the law a + b B/K + c log2 K of the points before it, which honest curves meet to a few per
/// cent one doubling on, and fall behind where communication stops hiding.
constexpr double end_warning = 0.12, end_error = 0.2, end_misfit = 0.03;
constexpr std::size_t fewest_before_end = 4;

std::optional<Hit> end_point(Case const& c) {
  auto before = same_problem_points(c);
  if (c.table.regime != model::Regime::strong || before.size() <= fewest_before_end) return std::nullopt;
  auto const last = before.back();
  before.pop_back();
  if (last.ranks > 2.5 * before.back().ranks) return std::nullopt;
  auto const rival =
      std::find_if(rivals().begin(), rivals().end(), [](auto const& r) { return r.name == "amdahl_log"; });
  auto const law = rival->fit(before);
  if (!law) return std::nullopt;
  for (auto const& point : before)
    if (std::abs((*law)(point.ranks, point.global_batch) / point.time.mean - 1.0) > end_misfit) return std::nullopt;
  double const expected_s = (*law)(last.ranks, last.global_batch), faster = expected_s / last.time.mean - 1.0;
  double const error = last.time.n > 1 ? data::log_error(last.time).sd : 0.0;
  if (faster - 3.0 * error < end_warning) return std::nullopt;
  return Hit{faster - 3.0 * error > end_error ? Severity::error : Severity::warning,
             "T(" + number_text(last.ranks, 9) + ") is " + percent_text(1.0 - last.time.mean / expected_s, 0) +
                 " shorter than the points before it foretell, which their own law meets to 3 %",
             line_of(c.study, last)};
}

/// Squares of residuals in standard errors of the best fit of K T / (K0 T0) = a + b x, b >= 0.
double misfit(std::vector<data::MeasuredPoint> const& points, double error, double (*x)(double)) {
  double n = 0.0, sx = 0.0, sy = 0.0, sxx = 0.0, sxy = 0.0;
  auto const y_of = [&](auto const& p) { return p.ranks * p.time.mean / (points[0].ranks * points[0].time.mean); };
  for (auto const& p : points) {
    double const y = y_of(p), weight = 1.0 / (y * y), g = x(p.ranks / points[0].ranks);
    n += weight, sx += weight * g, sy += weight * y, sxx += weight * g * g, sxy += weight * g * y;
  }
  double const slope = std::max(0.0, (n * sxy - sx * sy) / (n * sxx - sx * sx)), level = (sy - slope * sx) / n;
  double sum = 0.0;
  for (auto const& p : points) {
    double const y = y_of(p);
    sum += std::pow((y - level - slope * x(p.ranks / points[0].ranks)) / (y * error), 2);
  }
  return sum;
}

/// Serial work and communication cost seconds that more workers do not share: K T = w + s K. What costs each worker a
/// share of its own time, K T = w (1 + d log2 K), is weak scaling whose time was divided by K, or imbalance alone.
constexpr double least_growth = 8.0, least_efficiency = 0.5;
/// Below this efficiency unequal shares of the work are as likely: doubted, not refuted.
constexpr double imbalance_would_cost = 0.88;
constexpr double share_warning = 3.0, share_error = 4.0;  ///< difference of squares: 2 standard errors
constexpr double most_share_misfit = 3.0;                 ///< square a point, of the law that is to explain them
constexpr std::size_t fewest_for_share = 5;

std::optional<Hit> loses_a_share(Case const& c) {
  auto const points = same_problem_points(c);
  if (c.table.regime != model::Regime::strong || points.size() < fewest_for_share ||
      points.back().ranks < least_growth * points.front().ranks)
    return std::nullopt;
  double const efficiency = gain_of(points.front(), points.back());
  std::vector<data::Summary> times;
  for (auto const& point : points) times.push_back(point.time);
  auto const spread = data::pooled_log_error(times);
  if (!spread || efficiency < least_efficiency || efficiency > 1.0) return std::nullopt;
  double const n = static_cast<double>(points.back().time.n), error = std::max(0.001, spread->sd / std::sqrt(n));
  double const seconds = misfit(points, error, [](double k) { return k; });
  double const share = misfit(points, error, [](double k) { return std::log2(k); });
  if (share > most_share_misfit * static_cast<double>(points.size()) || seconds - share < share_warning)
    return std::nullopt;
  bool const refuted = seconds - share > share_error && efficiency >= imbalance_would_cost;
  return Hit{refuted ? Severity::error : Severity::warning,
             "E is still " + fixed_text(efficiency, 3) + " at K = " + number_text(points.back().ranks, 9) +
                 ", and what a step loses shrinks with the step as K grows: no serial work and no communication does "
                 "that; times of weak scaling divided by K do, and unequal shares of the work"};
}

/// On one worker nothing is communicated and nobody is waited for. An optimizer step and host work are 1 to 3 % of a
/// step that has the whole batch to itself.
constexpr double first_doubling_serial = 0.06;

std::optional<Hit> not_one_worker(Case const& c) {
  for (auto const& row : c.study.steps())
    if (row.nodes && *row.nodes > row.ranks)
      return Hit{Severity::error,
                 "K = " + std::to_string(row.ranks) + " on " + std::to_string(*row.nodes) +
                     " nodes: K counts groups of workers",
                 row.line};
  auto const points = same_problem_points(c);
  double const per_node = c.study.find_number("workers_per_node").value_or(8.0);
  if (c.table.regime != model::Regime::strong || points.front().ranks != 1.0 || points.size() < 3 ||
      points[1].ranks > per_node)
    return std::nullopt;
  double const next = points[1].ranks;
  double const lost = 1.0 / (next * points[1].time.mean / points[0].time.mean);
  double const low =
      points[1].time.n > 1 && points[0].time.n > 1
          ? data::log_t_interval(
                lost, data::log_error_of_ratio(data::log_error(points[0].time), data::log_error(points[1].time)), 0.95)
                .high
          : lost;
  double const serial = model::karp_flatt(std::min(low * next, 0.999 * next), next);
  if (serial < first_doubling_serial) return std::nullopt;
  return Hit{Severity::warning,
             "from one worker to " + number_text(next, 9) + " E falls to " + fixed_text(lost, 3) + ": " +
                 percent_text(model::karp_flatt(lost * next, next), 0) +
                 " of a step on one worker would be serial; it looks as if 'K = 1' were already several workers"};
}

/// A number of the claim, by what stands around it.
std::optional<double> number_in(std::string const& text, std::string const& pattern) {
  std::smatch found;
  if (!std::regex_search(text, found, std::regex(pattern, std::regex::icase))) return std::nullopt;
  return std::stod(found[1]);
}

/// Rounding of a claimed number.
constexpr double claim_tolerance = 0.05;

std::optional<Hit> claim_not_measured(Case const& c) {
  auto const claim = header(c.study, "claim");
  if (claim.empty() || claim.size() > 1000) return std::nullopt;
  auto const workers = number_in(claim, R"(([0-9]{1,9}) *-?(?:gpu|worker|accelerator|device|rank|chip|node)s?\b)");
  auto const& last = c.table.points.back();
  if (workers && *workers >= 2.0 * last.ranks)
    return Hit{Severity::error, "the claim '" + claim + "' speaks of " + number_text(*workers, 9) +
                                    " workers, and the largest K is " + number_text(last.ranks, 9)};
  auto speedup = number_in(claim, R"(speed-?up[^0-9]{0,20}([0-9]{1,9}(?:\.[0-9]{1,9})?))");
  if (!speedup) speedup = number_in(claim, R"(([0-9]{1,9}(?:\.[0-9]{1,9})?) *[x×]? *(?:times )?(?:speed-?up|faster))");
  if (!speedup || c.table.regime != model::Regime::strong) return std::nullopt;
  double most = 0.0;
  for (auto const& point : c.table.points) most = std::max(most, point.speedup.value_or(0.0));
  if (most <= 0.0 || *speedup <= most * (1.0 + claim_tolerance)) return std::nullopt;
  double const k0 = c.baseline().ranks;
  return Hit{Severity::error, "the claim '" + claim + "' is a speedup of " + number_text(*speedup, 4) +
                                  "; measured is at most " + number_text(most, 4) +
                                  (k0 > 1.0 ? ", relative to K = " + number_text(k0, 9) : "")};
}

constexpr std::array<Rule, 5> rules{{
    {{"KV020-efficiency-rises", "a worker becomes faster as the others join",
      "look up what differs from there on (batch, accumulation, precision, software); show the cache effect, or re-run "
      "the points with one configuration"},
     jump},
    {{"KV021-end-point", "the largest K is faster than the others foretell",
      "check its batch, accumulation and precision against the others', and re-run it"},
     end_point},
    {{"KV022-loses-a-share", "the loss shrinks with the step",
      "measure the step at the largest K with the global batch of the baseline; weak scaling is reported as E = "
      "T(1)/T(K)"},
     loses_a_share},
    {{"KV023-not-one-worker", "the point at K = 1 may not be one worker",
      "say what K counts; give T of one worker, or report ratios relative to the K0 that was run"},
     not_one_worker},
    {{"KV024-claim-not-measured", "the claim is not what was measured", "claim what the points show"},
     claim_not_measured},
}};

}  // namespace

std::span<Rule const> curve_rules() { return rules; }

}  // namespace kurve::validate::detail
