// SPDX-License-Identifier: Apache-2.0
#include "validate/diagnose.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include "data/points.hpp"
#include "data/stats.hpp"
#include "model/error.hpp"
#include "model/scaling.hpp"
#include "validate/diagnose_laws.hpp"
#include "validate/diagnose_ranks.hpp"
#include "validate/number_text.hpp"

namespace kurve::validate {
namespace {

constexpr std::size_t most_values =
    40;  // a point's values beyond these add cost and no information (diagnose_laws.cpp)
constexpr std::size_t most_points = 24;

/// Every `stride`-th element such that at most `limit` stay, the last one always among them.
template <typename T>
void thin(std::vector<T>& v, std::size_t limit) {
  if (v.size() <= limit) return;
  std::vector<T> kept;
  for (std::size_t i = 0; i < limit; ++i) kept.push_back(v[i * (v.size() - 1) / (limit - 1)]);
  v = std::move(kept);
}

struct StepTimes {
  std::vector<detail::PointValues> points;  ///< by K
  bool single_steps = false;                ///< each value is one step
};

/// Steps of one (K, B) that are no warm-up, whatever the header says of it: its first steps would pass for stragglers.
struct PointSteps {
  std::vector<double> times_s;
  double independent = 0.0;  ///< what they are worth, run by run
};

using PointKey = std::pair<double, double>;  // K, B

std::map<PointKey, PointSteps> steps_by_point(std::vector<data::Sample> const& rows, bool has_batch) {
  std::map<PointKey, std::map<int, std::map<int, double>>> runs;
  for (auto const& row : rows)
    runs[{row.ranks, has_batch ? row.global_batch.value_or(0.0) : 0.0}][row.run.value_or(0)].emplace(
        row.step.value_or(0), row.time_s);
  std::map<PointKey, PointSteps> result;
  for (auto const& [key, of_point] : runs)
    for (auto const& [run, steps] : of_point) {
      std::vector<double> series;
      for (auto const& [step, time_s] : steps) series.push_back(time_s);
      series.erase(series.begin(), series.begin() + static_cast<std::ptrdiff_t>(data::warmup_length(series)));
      auto& at = result[key];
      at.times_s.insert(at.times_s.end(), series.begin(), series.end());
      at.independent += data::effective_sample_size(series);
    }
  return result;
}

/// Values by K: single steps where the Study numbers them, because averages hide how the steps lean.
StepTimes step_times(data::Study const& study) {
  auto const measured = data::measured_points(study);
  auto const& base = measured.points[baseline_index(measured.points)];
  auto const rows = study.steps();
  bool const single = std::all_of(rows.begin(), rows.end(), [](auto const& row) { return row.step.has_value(); });
  std::map<PointKey, PointSteps> steps;
  if (single) steps = steps_by_point(rows, measured.has_batch);

  StepTimes result{.points = {}, .single_steps = single};
  for (auto const& point : measured.points) {
    auto values = point.repeats_s;
    double independent = point.time.effective_n.value_or(static_cast<double>(values.size()));
    if (auto const own = steps.find({point.ranks, measured.has_batch ? point.global_batch : 0.0}); own != steps.end()) {
      values = own->second.times_s;
      independent = own->second.independent;
    }
    thin(values, most_values);
    for (double& v : values) v = std::log(v);
    double const batch = point.global_batch / base.global_batch;
    result.points.push_back({.ranks = point.ranks,
                             .work = batch * base.ranks / point.ranks,
                             .batch = batch,
                             .log_s = std::move(values),
                             .independent = independent});
  }
  thin(result.points, most_points);
  return result;
}

std::string percent(double share) { return percent_text(share, 1); }

/// Efficiencies are not known better than this: clocks, temperatures and allocations differ from day to day by 0.5 to 2
/// % (Llama 3: 1 to 2 % within a day).
constexpr double loss_resolution = 0.01;
/// What rare hits cost is known to a factor of two: two hits seen have a relative error of 1/sqrt(2).
constexpr double hit_loss_log_sd = 0.7;

/// A constant serial part costs weak scaling no efficiency, so a flat weak curve cannot deny one: the share of such
/// curves that is kept for it. Over 1 - answer_at, so that a flat weak curve alone is not called free of causes.
constexpr double serial_hidden_by_weak_scaling = 0.3;

/// Where repeats do not spread the more at larger K, only the shape of the mean speaks for waiting, and communication
/// grows in more ways than any list of laws has (protocols, topologies): this share of what waiting wins may be its.
constexpr double shape_alone_share = 0.5;

/// Points that stand further than this off the best law are no curve: the best of bad laws is no answer. Nodes,
/// algorithms and kernels that change with K move honest points by a few per cent.
constexpr double most_departure = 0.06;

/// More slow values than this, and than one, are no accidents.
constexpr double most_outlier_share = 0.03;

/// 1 - E at the largest K.
double measured_loss(data::MeasuredPoints const& measured) {
  auto const& base = measured.points[baseline_index(measured.points)];
  auto const& last = measured.points.back();
  return 1.0 - model::efficiency({base.ranks, base.global_batch, base.time.mean},
                                 {last.ranks, last.global_batch, last.time.mean});
}

double normal_cdf(double z) { return 0.5 * std::erfc(-z / std::sqrt(2.0)); }

constexpr std::array<Cause, 5> answers{Cause::communication, Cause::straggler, Cause::imbalance, Cause::serial,
                                       Cause::none};

/// Of two causes, the smaller must be this share of the loss to be named beside the other; shares are not known better
/// than their resolution. And it must cost something.
constexpr double least_second_share = 0.2, share_resolution = 0.07, least_second_loss = 0.025;

/// What a law's causes are worth naming: P(both), else the one that costs the more.
void add_named(CauseProbabilities& p, detail::LawFit const& fit, double probability) {
  auto const& law = fit.law;
  if (law.second == nullptr) {
    p[law.first->cause] += probability;
    return;
  }
  double const smaller = std::min(fit.second_share, 1.0 - fit.second_share);
  double const both =
      smaller * fit.loss < least_second_loss ? 0.0 : normal_cdf((smaller - least_second_share) / share_resolution);
  p[law.first->cause | law.second->cause] += probability * both;
  p[fit.second_share < 0.5 ? law.first->cause : law.second->cause] += probability * (1.0 - both);
}

/// A law that costs next to nothing is no cause, however well it fits.
double negligible_probability(detail::LawFit const& fit, double negligible_loss) {
  return fit.law.first->hits_of_steps > 0 && fit.law.second == nullptr
             ? normal_cdf(std::log(negligible_loss / std::max(fit.loss, 1e-6)) / hit_loss_log_sd)
             : normal_cdf((negligible_loss - fit.loss) / loss_resolution);
}

CauseProbabilities probabilities_of(std::vector<detail::LawFit> const& fits, double best, bool weak,
                                    DiagnoseOptions const& options) {
  CauseProbabilities p;
  for (auto const cause : answers) p[cause] = 0.0;
  double total = 0.0;
  for (auto const& fit : fits) total += std::exp(fit.log_evidence - best);
  double const hidden_serial = weak ? serial_hidden_by_weak_scaling : 0.0;
  for (auto const& fit : fits) {
    double const probability = std::exp(fit.log_evidence - best) / total;
    double const negligible = negligible_probability(fit, options.negligible_loss);
    add_named(p, fit, probability * (1.0 - negligible));
    p[Cause::serial] += probability * negligible * hidden_serial;
    p[Cause::none] += probability * negligible * (1.0 - hidden_serial);
  }
  return p;
}

/// A share of what `waiting` wins may be communication's.
void doubt(CauseProbabilities& p, Cause waiting) {
  CauseProbabilities moved;
  for (auto& [cause, probability] : p) {
    if (!includes(cause, waiting)) continue;
    Cause rest = Cause::communication;
    if (includes(cause, Cause::serial)) rest = rest | Cause::serial;
    moved[rest] += shape_alone_share * probability;
    probability *= 1.0 - shape_alone_share;
  }
  for (auto const& [cause, probability] : moved) p[cause] += probability;
}

/// "a cost that ... (communication), 24 % of the step at the largest K, and ..."
std::string explanation_of(detail::LawFit const& fit) {
  auto const& law = fit.law;
  auto const part = [&](detail::Part const& one, double share) {
    return one.name + (one.cause == Cause::undetermined ? "" : " (" + to_text(one.cause) + ")") + ": " +
           percent(share * fit.loss) + " of the step at the largest K";
  };
  std::string text = "best explained by " + part(*law.first, 1.0 - fit.second_share);
  if (law.first->hits_of_steps > 0) text += ", each worker hit in " + percent(fit.hit_probability) + " of its steps";
  return law.second == nullptr ? text : text + "; and " + part(*law.second, fit.second_share);
}

std::string spread_sentence(std::vector<detail::PointValues> const& points) {
  std::vector<double> sds, skews;
  for (auto const& point : points) {
    if (point.log_s.size() < 3) continue;
    auto const s = data::summarize(point.log_s);
    sds.push_back(s.sd);
  }
  if (sds.size() < 2) return "too few repeats to tell how the spread grows with K";
  return "the repeats of a point spread by " + percent(sds.front()) + " at the smallest K, " + percent(sds.back()) +
         " at the largest, " + percent(*std::max_element(sds.begin(), sds.end())) + " at most";
}

std::vector<detail::LawFit> fit_laws(std::vector<detail::Part> const& parts,
                                     std::vector<detail::PointValues> const& points) {
  std::vector<detail::LawFit> fits;
  for (auto const& law : detail::single_laws(parts)) fits.push_back(detail::fit_law(law, points));
  auto const singles = fits;
  for (auto const& law : detail::paired_laws(parts, singles, points)) {
    auto const alone =
        std::find_if(singles.begin(), singles.end(), [&](auto const& fit) { return fit.law.first == law.first; });
    fits.push_back(detail::fit_law(law, points, &alone->at));
  }
  return fits;
}

/// A worker that becomes so much faster from one K to the next works on less: no cache does that (KV020 of the audit).
/// Nor does one that had become slower by `least_slowing` gain `regained`: caches help before a network hurts.
constexpr double most_gain = 0.25, regained = 0.05, least_slowing = 0.02, gain_in_errors = 4.0;

/// Standard error of the log of a point's middle; of one value, what is not known better.
double middle_error(detail::PointValues const& point) {
  static constexpr double of_one_value = 0.03;
  auto const n = static_cast<double>(point.log_s.size());
  return n > 1.0 ? data::summarize(point.log_s).sd / std::sqrt(n) : of_one_value;
}

/// Where workers become faster than any cache makes them; "" where nowhere.
std::string implausible_gain(std::vector<detail::PointValues> const& points) {
  double fastest = 0.0;  // log of the work of one worker per second, relative to the first point
  for (std::size_t i = 1; i < points.size(); ++i) {
    auto const log_speed = [&](std::size_t at) {
      return std::log(points[at].work / points[0].work) + data::median(points[0].log_s) -
             data::median(points[at].log_s);
    };
    double const before = log_speed(i - 1), gain = log_speed(i) - before;
    double const error = std::hypot(middle_error(points[i]), middle_error(points[i - 1]));
    fastest = std::max(fastest, before);
    bool const regains = gain > regained && before < fastest - least_slowing;
    if (points[i].ranks > points[i - 1].ranks && gain > gain_in_errors * error &&
        (gain > std::log1p(most_gain) || regains))
      return "from K = " + number_text(points[i - 1].ranks, 9) + " to " + number_text(points[i].ranks, 9) +
             " each worker becomes " + percent(std::expm1(gain)) +
             " faster: another job, perhaps, which audit looks for";
  }
  return "";
}

/// Values that take a quarter more than the middle of their point: accidents where they are few.
std::size_t slow_values(std::vector<detail::PointValues> const& points) {
  static double const slow = std::log(1.25);
  std::size_t n = 0;
  for (auto const& point : points)
    n += static_cast<std::size_t>(std::count_if(point.log_s.begin(), point.log_s.end(),
                                                [&](double v) { return v > data::median(point.log_s) + slow; }));
  return n;
}

/// Why there is no answer, where the points could not have one; "" where they could.
std::string objection(std::vector<detail::PointValues> const& points, detail::LawFit const& best, Cause cause) {
  std::set<double> ranks;
  for (auto const& point : points) ranks.insert(point.ranks);
  if (ranks.size() < 3 && cause != Cause::none) return "two K only: every way of growing passes through two points";
  if (auto const gain = implausible_gain(points); !gain.empty()) return gain;
  if (best.departure_rel > most_departure && cause != Cause::none)
    return "no law of growth comes closer to the points than " + percent(best.departure_rel) +
           ": one of them may be another job, which audit looks for";
  double n_values = 0.0;
  for (auto const& point : points) n_values += static_cast<double>(point.log_s.size());
  auto const slow = cause == Cause::none ? slow_values(points) : static_cast<std::size_t>(best.outliers);
  if (static_cast<double>(slow) > std::max(1.0, most_outlier_share * n_values))
    return std::to_string(slow) + " of " + number_text(n_values, 9) +
           " values are far slower than the others of their K: too many for accidents, too few to know what they cost";
  return "";
}

bool are_repeated(std::vector<detail::PointValues> const& points) {
  return 2 * std::count_if(points.begin(), points.end(), [](auto const& point) { return point.log_s.size() > 1; }) >=
         static_cast<std::ptrdiff_t>(points.size());
}

/// Steps of a network alone vary by less, a few noisy allocations aside.
constexpr double most_smooth_spread = 0.05;

/// Whether the spread of the repeats speaks for steps that wait: it grows with K, or is larger than a network's.
bool shows_waiting(std::vector<detail::PointValues> const& points) {
  return detail::spread_grows(points) || std::any_of(points.begin(), points.end(), [](auto const& point) {
           return point.log_s.size() > 1 && data::summarize(point.log_s).sd > most_smooth_spread;
         });
}

void describe(Diagnosis& result, data::MeasuredPoints const& measured, std::vector<detail::PointValues> const& points,
              detail::LawFit const& best, DiagnoseOptions const& options) {
  double const none = result.probabilities[Cause::none];
  result.evidence.push_back("at K = " + number_text(measured.points.back().ranks, 9) + " the efficiency loss is " +
                            percent(measured_loss(measured)));
  if (none < options.answer_at) result.evidence.push_back(explanation_of(best));
  if (best.outliers == 1)
    result.evidence.push_back("one value is far slower than the others of its K, and says nothing of growth");
  result.evidence.push_back(spread_sentence(points));
}

Diagnosis diagnose_step_times(data::Study const& study, DiagnoseOptions const& options) {
  auto const measured = data::measured_points(study);
  auto const times = step_times(study);
  Diagnosis result;
  auto& p = result.probabilities;
  if (times.points.size() < 2 || times.points.front().ranks == times.points.back().ranks) {
    for (auto const cause : answers) p[cause] = 1.0 / answers.size();
    result.evidence = {"one K only: a cause shows in what changes with K, or in per-rank times"};
    return result;
  }

  auto const parts =
      detail::candidate_parts(times.points, times.single_steps, study.find_number("workers_per_node").value_or(8.0));
  auto const fits = fit_laws(parts, times.points);
  auto const best = std::max_element(fits.begin(), fits.end(),
                                     [](auto const& a, auto const& b) { return a.log_evidence < b.log_evidence; });
  bool const weak = study.regime() == model::Regime::weak;
  p = probabilities_of(fits, best->log_evidence, weak, options);
  double waiting = 0.0;
  for (auto const& [cause, probability] : p)
    if (includes(cause, Cause::straggler | Cause::imbalance)) waiting += probability;
  if (!are_repeated(times.points)) {
    doubt(p, Cause::straggler | Cause::imbalance);
    if (waiting > 0.2)
      result.evidence.push_back(
          "one value at most points: stragglers and imbalance are told by how repeats spread, and there are none");
  } else if (best->law.first->hits_of_steps > 1 && !shows_waiting(times.points)) {
    doubt(p, Cause::straggler);  // means over unknown numbers of steps, as smooth as a network
  }
  result.cause = detail::answer_of(p, options.answer_at);
  if (auto const why = objection(times.points, *best, result.cause); !why.empty()) {
    result.cause = Cause::undetermined;
    result.evidence.push_back(why);
  }
  auto const together = Cause::communication | Cause::serial;
  if (result.cause == Cause::undetermined && p[Cause::communication] + p[together] >= options.answer_at)
    result.evidence.push_back(
        "a constant cost and the bytes of a ring have one and the same curve: communication alone, or beside serial "
        "work; only times of the all-reduce itself tell");
  describe(result, measured, times.points, *best, options);
  if (weak && serial_hidden_by_weak_scaling * p[Cause::none] > 0.1)
    result.evidence.push_back(
        "little is lost with K; a constant serial part, which weak scaling hides, cannot be excluded: measure strong "
        "scaling to see it");
  return result;
}

}  // namespace

std::string to_text(Cause cause) {
  if (cause == Cause::none) return "none";
  if (cause == Cause::undetermined) return "undetermined";
  static constexpr std::array<std::pair<Cause, std::string_view>, 4> names{{{Cause::communication, "communication"},
                                                                            {Cause::imbalance, "imbalance"},
                                                                            {Cause::serial, "serial"},
                                                                            {Cause::straggler, "straggler"}}};
  std::string text;
  for (auto const& [one, name] : names)
    if (includes(cause, one)) text += (text.empty() ? "" : "+") + std::string(name);
  return text;
}

Cause detail::answer_of(CauseProbabilities const& p, double answer_at) {
  auto const single = [](Cause cause) {
    return (static_cast<unsigned>(cause) & (static_cast<unsigned>(cause) - 1)) == 0;
  };
  for (auto const& [cause, probability] : p)
    if (probability >= (single(cause) ? answer_at : 0.5 * (1.0 + answer_at))) return cause;
  return Cause::undetermined;
}

void check(DiagnoseOptions const& options) {
  if (!(options.answer_at > 0.5 && options.answer_at < 1.0))
    throw InputError("answer_at=" + number_text(options.answer_at, 6) + " (must be in (0.5, 1))");
  if (!(options.negligible_loss > 0.0 && options.negligible_loss < 0.5))
    throw InputError("negligible_loss=" + number_text(options.negligible_loss, 6) + " (must be in (0, 0.5))");
}

Diagnosis diagnose(data::Study const& study, DiagnoseOptions const& options) {
  check(options);
  if (detail::has_rank_times(study)) return detail::diagnose_rank_times(study, options);
  return diagnose_step_times(study, options);
}

}  // namespace kurve::validate
