// SPDX-License-Identifier: Apache-2.0
#include "validate/diagnose.hpp"

#include <algorithm>
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

/// Values by K: single steps where the Study numbers them, because averages hide how the steps lean.
StepTimes step_times(data::Study const& study) {
  auto const measured = data::measured_points(study);
  auto const& base = measured.points[baseline_index(measured.points)];
  std::map<std::pair<double, double>, std::vector<double>> steps;
  auto const rows = study.steps();
  bool const single = std::all_of(rows.begin(), rows.end(), [](auto const& row) { return row.step.has_value(); }) &&
                      study.warmup() != data::Inclusion::included;
  if (single)
    for (auto const& row : rows) steps[{row.ranks, row.global_batch.value_or(0.0)}].push_back(row.time_s);

  StepTimes result{.points = {}, .single_steps = single};
  for (auto const& point : measured.points) {
    auto const own = steps.find({point.ranks, measured.has_batch ? point.global_batch : 0.0});
    auto values = own == steps.end() ? point.repeats_s : own->second;
    thin(values, most_values);
    for (double& v : values) v = std::log(v);
    double const batch = point.global_batch / base.global_batch;
    result.points.push_back({point.ranks, batch * base.ranks / point.ranks, batch, std::move(values)});
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
/// curves that is kept for it. Just over 0.2, so that a flat weak curve alone is not called free of causes.
constexpr double serial_hidden_by_weak_scaling = 0.25;

/// Without repeats nothing shows how they spread, and communication grows in more ways than any list of laws has
/// (protocols, topologies): this share of what stragglers and imbalance win by the shape alone may be its.
constexpr double shape_alone_share = 0.5;

/// Points that stand further than this off the best law are no curve: the best of bad laws is no answer. Nodes,
/// algorithms and kernels that change with K move honest points by a few per cent.
constexpr double most_departure = 0.06;

/// 1 - E at the largest K.
double measured_loss(data::MeasuredPoints const& measured) {
  auto const& base = measured.points[baseline_index(measured.points)];
  auto const& last = measured.points.back();
  return 1.0 - model::efficiency({base.ranks, base.global_batch, base.time.mean},
                                 {last.ranks, last.global_batch, last.time.mean});
}

double normal_cdf(double z) { return 0.5 * std::erfc(-z / std::sqrt(2.0)); }

double& probability_of(CauseProbabilities& p, Cause cause) {
  switch (cause) {
    case Cause::communication:
      return p.communication;
    case Cause::straggler:
      return p.straggler;
    case Cause::imbalance:
      return p.imbalance;
    case Cause::serial:
      return p.serial;
    default:
      return p.none;
  }
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

Diagnosis diagnose_step_times(data::Study const& study, DiagnoseOptions const& options) {
  auto const measured = data::measured_points(study);
  auto const times = step_times(study);
  Diagnosis result;
  if (times.points.size() < 2 || times.points.front().ranks == times.points.back().ranks) {
    result.probabilities = {0.2, 0.2, 0.2, 0.2, 0.2};
    result.evidence = {"one K only: a cause shows in what changes with K, or in per-rank times"};
    return result;
  }

  auto const laws =
      detail::candidate_laws(times.points, times.single_steps, study.find_number("workers_per_node").value_or(8.0));
  std::vector<detail::LawFit> fits;
  for (auto const& law : laws) fits.push_back(detail::fit_law(law, times.points));
  auto const best = std::max_element(fits.begin(), fits.end(),
                                     [](auto const& a, auto const& b) { return a.log_evidence < b.log_evidence; });
  double total = 0.0;
  for (auto const& fit : fits) total += std::exp(fit.log_evidence - best->log_evidence);
  auto& p = result.probabilities;
  double const hidden_serial = study.regime() == model::Regime::weak ? serial_hidden_by_weak_scaling : 0.0;
  for (auto const& fit : fits) {
    // A law that costs next to nothing is no cause, however well it fits.
    double const probability = std::exp(fit.log_evidence - best->log_evidence) / total;
    double const negligible =
        fit.law->hits_of_steps > 0
            ? normal_cdf(std::log(options.negligible_loss / std::max(fit.loss, 1e-6)) / hit_loss_log_sd)
            : normal_cdf((options.negligible_loss - fit.loss) / loss_resolution);
    probability_of(p, fit.law->cause) += probability * (1.0 - negligible);
    p.serial += probability * negligible * hidden_serial;
    p.none += probability * negligible * (1.0 - hidden_serial);
  }

  bool const repeated = 2 * std::count_if(times.points.begin(), times.points.end(),
                                          [](auto const& point) { return point.log_s.size() > 1; }) >=
                        static_cast<std::ptrdiff_t>(times.points.size());
  if (!repeated)
    for (double* waiting : {&p.straggler, &p.imbalance}) {
      p.communication += shape_alone_share * *waiting;
      *waiting *= 1.0 - shape_alone_share;
    }

  for (auto const cause : {Cause::communication, Cause::straggler, Cause::imbalance, Cause::serial, Cause::none})
    if (probability_of(p, cause) >= options.answer_at) result.cause = cause;
  if (!repeated && p.straggler + p.imbalance > 0.1)
    result.evidence.push_back(
        "one value at most points: stragglers and imbalance are told by how repeats spread, and there are none");
  if (best->departure_rel > most_departure && result.cause != Cause::none) {
    result.cause = Cause::undetermined;
    result.evidence.push_back("no law of growth comes closer to the points than " + percent(best->departure_rel) +
                              ": one of them may be another job, which audit looks for");
  }
  std::set<double> ranks;
  for (auto const& point : times.points) ranks.insert(point.ranks);
  if (ranks.size() < 3 && result.cause != Cause::none) {
    result.cause = Cause::undetermined;
    result.evidence.push_back("two K only: every way of growing passes through two points");
  }
  result.evidence.push_back("at K = " + number_text(measured.points.back().ranks, 9) + " the efficiency loss is " +
                            percent(measured_loss(measured)));
  if (p.none < options.answer_at) {
    auto const& law = *best->law;
    std::string sentence = "best explained by " + law.name + " (" + std::string(to_text(law.cause)) +
                           "): " + percent(best->loss) + " of the step at the largest K";
    if (law.hits_of_steps > 0) sentence += ", each worker hit in " + percent(best->hit_probability) + " of its steps";
    result.evidence.push_back(std::move(sentence));
  }
  result.evidence.push_back(spread_sentence(times.points));
  if (hidden_serial * p.none > 0.1)
    result.evidence.push_back(
        "little is lost with K; a constant serial part, which weak scaling hides, cannot be excluded: measure strong "
        "scaling to see it");
  return result;
}

}  // namespace

std::string_view to_text(Cause cause) {
  switch (cause) {
    case Cause::communication:
      return "communication";
    case Cause::straggler:
      return "straggler";
    case Cause::imbalance:
      return "imbalance";
    case Cause::serial:
      return "serial";
    case Cause::none:
      return "none";
    case Cause::undetermined:
      break;
  }
  return "undetermined";
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
