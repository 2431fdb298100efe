// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>

#include "data/stats.hpp"
#include "model/scaling.hpp"
#include "validate/audit_rules.hpp"
#include "validate/number_text.hpp"
#include "validate/rivals.hpp"

namespace kurve::validate::detail {
namespace {

/// A reference this much faster is another program, not another day: days differ by 1 to 2 % (FACTS B, Llama 3).
constexpr double reference_margin = 0.05;
/// The extrapolation to one worker errs by a few per cent on honest curves (tests/validate/audit_test.cpp).
constexpr double extrapolation_margin = 0.06, extrapolation_error = 0.15;
/// ... and by far more where it is no extrapolation of compute: the law must meet the points to this, and compute must
/// be this much of the step at the smallest of them. Communication that backward hides makes compute look small.
constexpr double extrapolation_misfit = 0.03, extrapolation_compute_share = 0.7;
/// With less efficiency than this at the next K, an honest job that hides less than its model would look the same: the
/// claim is doubted, not refuted.
constexpr double extrapolation_surely = 0.95;
/// Gains up to this are rounding and rest of the spread; without repeats only a gain no noise makes is an error.
constexpr double superlinear_margin = 0.02, superlinear_margin_single = 0.05, superlinear_error_single = 0.25;

bool near_batch(double a, double b) { return std::abs(a / b - 1.0) <= 0.1; }  // as rounded (Study::derived_regime)

std::string seconds(double time_s) {
  auto const unit = time_unit_for(time_s, time_s);
  return unit.text(time_s) + " " + unit.name;
}
std::string bend_text(std::optional<double> ranks) {
  return ranks ? "K = " + number_text(*ranks, 9) : std::string("beyond the largest K");
}

std::string rebased_sentence(RebasedCurve const& curve) {
  auto const& last = curve.points.back();
  return "with the reference, E(" + number_text(last.ranks, 9) + ") is " + fixed_text(last.honest, 2) + ", not " +
         fixed_text(last.claimed, 2) + ", and the bend is at " + bend_text(curve.honest_bend_ranks) + ", not " +
         bend_text(curve.claimed_bend_ranks);
}

/// T(1) by the other points: the law a + b B/K + c log2 K fitted to K > 1, at K = 1, where nothing is communicated.
/// None where the law does not meet the points or compute is not most of them.
std::optional<double> extrapolated_baseline_s(Case const& c) {
  std::vector<data::MeasuredPoint> others;
  for (auto const& point : c.points())
    if (point.ranks > 1.0 && point.global_batch == c.baseline().global_batch) others.push_back(point);
  if (c.table.regime != model::Regime::strong || c.baseline().ranks != 1.0 || others.size() < 3) return std::nullopt;
  auto const amdahl_log =
      std::find_if(rivals().begin(), rivals().end(), [](auto const& r) { return r.name == "amdahl_log"; });
  auto const law = amdahl_log->fit(others);
  if (!law) return std::nullopt;
  double const batch = c.baseline().global_batch, first = others.front().ranks;
  double const without_compute_s = (*law)(first, 1e-9 * batch);
  if (without_compute_s > (1.0 - extrapolation_compute_share) * (*law)(first, batch)) return std::nullopt;
  for (auto const& point : others)
    if (std::abs((*law)(point.ranks, batch) / point.time.mean - 1.0) > extrapolation_misfit) return std::nullopt;
  return (*law)(1.0, batch);
}

std::optional<Hit> weak_baseline(Case const& c) {
  auto const& base = c.baseline();
  if (c.options.reference_s) {
    double const batch = c.table.regime == model::Regime::weak
                             ? base.global_batch * c.options.reference_ranks / base.ranks
                             : base.global_batch;
    double const efficiency = model::efficiency({c.options.reference_ranks, batch, *c.options.reference_s},
                                                {base.ranks, base.global_batch, base.time.mean});
    if (efficiency > 1.0 - reference_margin) return std::nullopt;
    // Between one worker and K0 some efficiency is honestly lost; at the same K nothing is.
    return Hit{c.options.reference_ranks == base.ranks ? Severity::error : Severity::warning,
               "T(" + number_text(base.ranks, 9) + ") = " + seconds(base.time.mean) + " is " +
                   fixed_text(1.0 / efficiency, 2) + " times the per-worker time of the reference (" +
                   seconds(*c.options.reference_s) + " at K = " + number_text(c.options.reference_ranks, 9) + "); " +
                   rebased_sentence(*c.rebased)};
  }
  auto const extrapolated_s = extrapolated_baseline_s(c);
  // A baseline that one straggler hit scatters: then its interval reaches down to the honest time.
  double const surely_s = base.time.n > 1 ? data::student_t_interval(base.time, 0.95).low : base.time.mean;
  if (!extrapolated_s || surely_s <= *extrapolated_s * (1.0 + extrapolation_margin)) return std::nullopt;
  auto const& last = c.table.points.back();
  auto const next =
      std::find_if(c.table.points.begin(), c.table.points.end(), [](auto const& p) { return p.ranks > 1.0; });
  bool const certain =
      next->efficiency >= extrapolation_surely && surely_s > *extrapolated_s * (1.0 + extrapolation_error);
  return Hit{certain ? Severity::error : Severity::warning,
             "T(1) = " + seconds(base.time.mean) + ", and the other points extrapolate to " + seconds(*extrapolated_s) +
                 " on one worker without communication: " + fixed_text(base.time.mean / *extrapolated_s, 2) +
                 " times; against that, E(" + number_text(last.ranks, 9) + ") would be " +
                 fixed_text(last.efficiency * *extrapolated_s / base.time.mean, 2) + ", not " +
                 fixed_text(last.efficiency, 2)};
}

/// Least E(point)/E(base) by Welch's t of both times; itself where neither has repeats.
double least_gain(Case const& c, std::size_t i) {
  auto const& base = c.baseline();
  auto const& point = c.points()[i];
  double const efficiency = c.table.points[i].efficiency;
  if (point.time.n < 2 || base.time.n < 2) return efficiency;
  auto const error = data::log_error_of_ratio(data::log_error(point.time), data::log_error(base.time));
  return data::log_t_interval(efficiency, error, 0.95).low;
}

/// The baseline is at fault where the very next K is above 1. Where it is not, and efficiency grows later, something
/// else changed there, of which a cache may be one (audit_rules_curve.cpp looks at the jump itself).
std::optional<Hit> superlinear(Case const& c) {
  auto const& base = c.baseline();
  std::optional<std::size_t> next, worst;
  double worst_gain = 0.0;
  for (std::size_t i = 0; i < c.points().size(); ++i) {
    auto const& point = c.points()[i];
    bool const same_work = near_batch(point.global_batch, base.global_batch) || c.table.regime == model::Regime::weak;
    if (point.ranks <= base.ranks || !same_work) continue;  // another batch per worker may honestly run better
    if (!next) next = i;
    bool const repeated = point.time.n > 1 && base.time.n > 1;
    double const gain = least_gain(c, i) - 1.0;
    if (gain <= (repeated ? superlinear_margin : superlinear_margin_single) || gain <= worst_gain) continue;
    worst_gain = gain;
    worst = i;
  }
  if (!worst) return std::nullopt;
  auto const& point = c.points()[*worst];
  bool const repeated = point.time.n > 1 && base.time.n > 1;
  bool const baseline_at_fault = least_gain(c, *next) - 1.0 > superlinear_margin;
  std::string const surely =
      repeated ? ", and at least " + fixed_text(1.0 + worst_gain, 3) + " by the 95 % intervals of both times"
               : ", from one value a point";
  bool const surely_wrong = worst_gain > superlinear_error_single;
  return Hit{surely_wrong || (repeated && baseline_at_fault) ? Severity::error : Severity::warning,
             "E(" + number_text(point.ranks, 9) + ") = " + fixed_text(c.table.points[*worst].efficiency, 3) + surely +
                 (baseline_at_fault ? "" : "; the next K after the baseline is not above 1: a cache, or another job"),
             line_of(c.study, point)};
}

std::optional<Hit> baseline_unstated(Case const& c) {
  if (!header(c.study, "baseline").empty()) return std::nullopt;
  return Hit{Severity::warning, "nothing says what the point at K = " + number_text(c.baseline().ranks, 9) +
                                    " is: which build, which precision, with or without the distributed wrapper"};
}

std::optional<Hit> no_single_worker(Case const& c) {
  if (c.baseline().ranks == 1.0) return std::nullopt;
  std::string const k0 = number_text(c.baseline().ranks, 9);
  return Hit{Severity::note, "the smallest K is " + k0 +
                                 ": speedup and efficiency are relative to it, and what is lost up to K = " + k0 +
                                 " is not in them"};
}

std::optional<Hit> baseline_changed(Case const& c) {
  auto const& base = c.baseline();
  for (auto const* other : c.options.other_claims) {
    auto const measured = data::measured_points(*other);
    auto const& theirs = measured.points[data::baseline_index(measured.points)];
    if (theirs.ranks != base.ranks)
      return Hit{Severity::warning, "this study's baseline is K = " + number_text(base.ranks, 9) + ", that of '" +
                                        other->path + "' K = " + number_text(theirs.ranks, 9)};
    double const ratio = (base.time.mean / base.global_batch) / (theirs.time.mean / theirs.global_batch);
    double const error =
        std::hypot(base.time.standard_error() / base.time.mean, theirs.time.standard_error() / theirs.time.mean);
    if (std::abs(std::log(ratio)) > reference_margin + 3.0 * error)
      return Hit{Severity::error, "the baseline of '" + other->path + "' takes " + seconds(theirs.time.mean) +
                                      " at the same K, this one " + seconds(base.time.mean) + ": " +
                                      fixed_text(ratio, 2) + " times as much per sample"};
  }
  return std::nullopt;
}

constexpr std::array<Rule, 5> rules{{
    {{"KV001-weak-baseline", "the baseline is not the fastest correct run",
      "measure the fastest correct single-worker run: no distributed wrapper, best batch and precision, no "
      "checkpointing that it does not need; and recompute all ratios"},
     weak_baseline},
    {{"KV002-superlinear", "efficiency above 1: the baseline is slower than its share of the work",
      "find why one worker is slow (memory pressure, checkpointing, small batch, another build) or show the cache "
      "effect that makes more workers faster; re-measure T at the smallest K"},
     superlinear},
    {{"KV003-baseline-unstated", "the baseline is not described",
      "add `# baseline: ...` to the header: build, precision, wrapper, and that it is the fastest correct run"},
     baseline_unstated},
    {{"KV004-no-single-worker", "no point at K = 1",
      "give T(1) where the job fits one worker, or say that it does not fit"},
     no_single_worker},
    {{"KV018-baseline-changed", "claims of one job have different baselines",
      "use one baseline for every curve of the same job"},
     baseline_changed},
}};

}  // namespace

std::span<Rule const> baseline_rules() { return rules; }

}  // namespace kurve::validate::detail
