// SPDX-License-Identifier: Apache-2.0
#include "validate/holdout.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "data/points.hpp"
#include "model/error.hpp"
#include "model/scaling.hpp"
#include "validate/number_text.hpp"
#include "validate/rivals.hpp"

namespace kurve::validate {
namespace {

using Draws = std::vector<std::vector<double>>;  // [n_points][draws], seconds

void check(HoldoutOptions const& options) {
  auto const inside = [](double value) { return value > 0.0 && value < 1.0; };
  if (!inside(options.confidence))
    throw InputError("confidence=" + number_text(options.confidence, 6) + " (must be between 0 and 1). 90 % is 0.9?");
  if (!inside(options.threshold))
    throw InputError("threshold=" + number_text(options.threshold, 6) + " (must be between 0 and 1). 70 % is 0.7?");
  if (options.draws < 100) throw InputError("draws=" + std::to_string(options.draws) + " (must be at least 100)");
}

sim::CurveSummary summarize_points(model::Model const& model, std::vector<data::MeasuredPoint> const& points,
                                   sim::Baseline const& baseline, HoldoutOptions const& options) {
  std::vector<sim::Target> targets;
  std::size_t fewest_repeats = points.front().time.n;
  for (auto const& point : points) {
    targets.push_back({.ranks = point.ranks, .global_batch = point.global_batch});
    fewest_repeats = std::min(fewest_repeats, point.time.n);
  }
  // One number of runs for all points, so that the draws share their parameters: the fewest, whose interval is the
  // widest.
  return sim::summarize(model, targets, baseline,
                        {.confidence = options.confidence,
                         .threshold = options.threshold,
                         .draws = options.draws,
                         .seed = options.seed,
                         .runs = static_cast<double>(fewest_repeats)});
}

/// Two means of the same samples, one of which may have gone through a file.
bool same_measurement(double a_s, double b_s) { return std::abs(a_s / b_s - 1.0) < 1e-6; }

Part part_of(model::Origin const& origin, data::MeasuredPoint const& point, std::vector<std::string> const& digests) {
  if (!origin.known) return Part::unknown;
  bool const same_file = std::any_of(digests.begin(), digests.end(), [&](auto const& digest) {
    return std::find(origin.digests.begin(), origin.digests.end(), digest) != origin.digests.end();
  });
  if (same_file && origin.fitted.empty()) return Part::fitted;  // some of it was, and which is not said
  for (auto const& fitted : origin.fitted)
    if (fitted.ranks == point.ranks && fitted.global_batch == point.global_batch &&
        (same_file || same_measurement(fitted.measured_s, point.time.mean)))
      return Part::fitted;
  return Part::held_out;
}

/// What efficiency is relative to on a card: the Study's own baseline, as measured where the Model knew it.
sim::Baseline baseline_of(model::Model const& model, data::MeasuredPoint const& point, Part part) {
  sim::Baseline baseline{{point.ranks, point.global_batch}, {}};
  if (part == Part::fitted)
    baseline.measured_s = point.time.mean;
  else if (point.ranks == model.baseline_ranks && point.global_batch == model.global_batch)
    baseline.measured_s = model.baseline_s;
  return baseline;
}

double measured_efficiency(data::MeasuredPoint const& baseline, data::MeasuredPoint const& point) {
  return model::efficiency({baseline.ranks, baseline.global_batch, baseline.time.mean},
                           {point.ranks, point.global_batch, point.time.mean});
}

ScorePoint score_point(data::MeasuredPoint const& point, sim::TargetSummary const& summary,
                       std::vector<double> const& draws_s, double confidence) {
  auto const& predicted = summary.time_s;
  double const measured_s = point.time.mean;
  ScorePoint score{.ranks = point.ranks,
                   .global_batch = point.global_batch,
                   .n = point.time.n,
                   .measured_s = measured_s,
                   .predicted_s = predicted.centre,
                   .low_s = predicted.low,
                   .high_s = predicted.high,
                   .efficiency = summary.efficiency,
                   .p_pays = summary.p_pays};
  score.relative_error = relative_error(predicted.centre, measured_s);
  score.covered = predicted.low <= measured_s && measured_s <= predicted.high;
  // Of log T: a drift of Student's t in log T has no mean, so the score of T itself would be that of one far draw.
  std::vector<double> logs;
  for (double const t : draws_s) logs.push_back(std::log(t));
  score.crps_rel = sample_crps(logs, std::log(measured_s));
  score.interval_score_rel =
      interval_score(std::log(predicted.low), std::log(predicted.high), std::log(measured_s), confidence);
  score.pit = pit(draws_s, measured_s);
  return score;
}

ScoreSummary summarize_scores(std::vector<ScorePoint> const& points) {
  std::vector<double> errors, crps, interval_scores, half_widths;
  std::array<std::size_t, 10> pit_histogram{};
  std::size_t hits = 0, unknown = 0;
  for (auto const& point : points) {
    if (point.part == Part::fitted) continue;
    unknown += point.part == Part::unknown ? 1 : 0;
    errors.push_back(point.relative_error);
    crps.push_back(point.crps_rel);
    interval_scores.push_back(point.interval_score_rel);
    half_widths.push_back(0.5 * (point.high_s - point.low_s) / point.predicted_s);
    hits += point.covered ? 1 : 0;
    ++pit_histogram[std::min(static_cast<std::size_t>(point.pit * 10.0), pit_histogram.size() - 1)];
  }
  double const none = std::numeric_limits<double>::quiet_NaN();
  auto const summary = summarize_errors(errors);
  double const half_width = errors.empty() ? none : data::median(half_widths);
  return {.unknown = unknown,
          .errors = summary,
          .coverage = coverage_of(hits, errors.size()),
          .crps_rel = errors.empty() ? none : data::summarize(crps).mean,
          .interval_score_rel = errors.empty() ? none : data::summarize(interval_scores).mean,
          .half_width_rel = half_width,
          .half_width_over_error = half_width / summary.median,
          .pit_histogram = pit_histogram};
}

/// The best efficiency at each K, as in the scaling table. @param efficiency_of  takes the index of a point
template <typename EfficiencyOf>
std::map<double, double> best_efficiency(std::vector<ScorePoint> const& points, EfficiencyOf const& efficiency_of) {
  std::map<double, double> best;
  for (std::size_t i = 0; i < points.size(); ++i) {
    auto const [at, is_new] = best.try_emplace(points[i].ranks, efficiency_of(i));
    if (!is_new) at->second = std::max(at->second, efficiency_of(i));
  }
  return best;
}

std::optional<double> bend_of(std::map<double, double> const& best, double threshold) {
  std::vector<double> ranks, efficiency;
  for (auto const& [k, e] : best) {
    ranks.push_back(k);
    efficiency.push_back(e);
  }
  auto const bend = model::find_bend(ranks, efficiency, threshold);
  return bend ? std::optional(bend->ranks) : std::nullopt;
}

/// @param efficiency  [n_points][draws]
BendForecast forecast_bend(std::vector<ScorePoint> const& points, Draws const& efficiency,
                           HoldoutOptions const& options) {
  std::vector<double> bends;
  std::map<double, double> paying;  // draws in which a K pays
  auto const n = static_cast<double>(efficiency.front().size());
  for (std::size_t d = 0; d < efficiency.front().size(); ++d) {
    auto const best = best_efficiency(points, [&](std::size_t i) { return efficiency[i][d]; });
    for (auto const& [ranks, e] : best) paying[ranks] += e >= options.threshold ? 1.0 : 0.0;
    // A draw that does not bend within these K bends beyond them.
    bends.push_back(bend_of(best, options.threshold).value_or(std::numeric_limits<double>::infinity()));
  }
  std::sort(bends.begin(), bends.end());  // picked by index: an infinite one must not be interpolated
  auto const at = [&](double level) -> std::optional<double> {
    double const bend = bends[static_cast<std::size_t>(std::lround(level * (n - 1.0)))];
    return std::isfinite(bend) ? std::optional(bend) : std::nullopt;
  };
  BendForecast forecast{.low_ranks = at(0.5 - 0.5 * options.confidence),
                        .high_ranks = at(0.5 + 0.5 * options.confidence),
                        .pays_ranks = {}};
  for (auto const& [ranks, count] : paying) {
    if (count < 0.9 * n) break;
    forecast.pays_ranks = ranks;
  }
  return forecast;
}

std::vector<RivalScore> score_rivals(data::Study const& fitted, std::vector<ScorePoint> const& points) {
  auto const fitted_points = data::measured_points(fitted).points;
  std::vector<RivalScore> scores;
  for (auto const& rival : rivals()) {
    auto const law = rival.fit(fitted_points);
    if (!law) continue;
    RivalScore score{
        .name = std::string(rival.name), .meaning = std::string(rival.meaning), .relative_errors = {}, .errors = {}};
    for (auto const& point : points)
      if (point.part != Part::fitted)
        score.relative_errors.push_back(relative_error((*law)(point.ranks, point.global_batch), point.measured_s));
    score.errors = summarize_errors(score.relative_errors);
    scores.push_back(std::move(score));
  }
  return scores;
}

}  // namespace

std::string_view to_text(Part part) {
  constexpr std::array<std::string_view, 3> words{"fitted", "held out", "unknown"};
  return words[static_cast<std::size_t>(part)];
}

Scorecard validate_model(model::Model const& model, data::Study const& study, HoldoutOptions const& options,
                         std::vector<std::string> const& digests) {
  check(options);
  auto const points = data::measured_points(study).points;
  auto const base = data::baseline_index(points);
  auto const part = [&](std::size_t i) { return part_of(model.origin, points[i], digests); };
  auto const summary = summarize_points(model, points, baseline_of(model, points[base], part(base)), options);

  Scorecard card{.study = study.path,
                 .workload = study.find("workload").value_or(""),
                 .split = "",
                 .regime = study.regime(),
                 .confidence = options.confidence,
                 .threshold = options.threshold,
                 .baseline_ranks = points[base].ranks,
                 .points = {},
                 .summary = {},
                 .predicted_bend = {},
                 .measured_bend = {},
                 .bend = {},
                 .rivals = {},
                 .identified = {},
                 .messages = sim::cautions(model)};
  for (std::size_t i = 0; i < points.size(); ++i) {
    auto score = score_point(points[i], summary.targets[i], summary.times_s[i], options.confidence);
    score.part = part(i);
    score.measured_efficiency = measured_efficiency(points[base], points[i]);
    card.points.push_back(score);
  }
  card.summary = summarize_scores(card.points);
  auto const bend = [&](auto const& efficiency_of) {
    return bend_of(best_efficiency(card.points, efficiency_of), options.threshold);
  };
  card.measured_bend = bend([&](std::size_t i) { return card.points[i].measured_efficiency; });
  card.predicted_bend = bend([&](std::size_t i) { return card.points[i].efficiency.centre; });
  card.bend = forecast_bend(card.points, summary.efficiency, options);
  for (auto const& [name, knowledge] : model.knowledge) card.identified[name] = knowledge.identified;
  return card;
}

Scorecard validate_study(data::Study const& study, Split const& split, FitFunction const& fit,
                         HoldoutOptions const& options) {
  check(options);
  auto const part = fitted_part(study, split);
  auto result = fit(part);
  sim::place_fitted_points(result.model);
  Scorecard card = validate_model(result.model, study, options);
  card.split = split.text;
  card.messages.insert(card.messages.begin(), result.messages.begin(), result.messages.end());
  std::set<std::pair<double, double>> fitted;
  for (auto const& point : data::measured_points(part).points) fitted.emplace(point.ranks, point.global_batch);
  for (auto& point : card.points)
    point.part = fitted.contains({point.ranks, point.global_batch}) ? Part::fitted : Part::held_out;
  card.summary = summarize_scores(card.points);
  card.rivals = score_rivals(part, card.points);
  return card;
}

ScorecardSet validate_studies(std::span<data::Study const> studies, Split const& split, FitFunction const& fit,
                              HoldoutOptions const& options) {
  ScorecardSet set;
  std::vector<ScorePoint> pooled;
  for (auto const& study : studies) {
    try {
      auto const points = data::measured_points(fitted_part(study, split)).points;
      std::set<double> fitted_ranks;
      for (auto const& point : points) fitted_ranks.insert(point.ranks);
      if (static_cast<int>(fitted_ranks.size()) < options.min_fitted_ranks) {
        set.left_out.emplace_back(study.path, std::to_string(fitted_ranks.size()) + " K to fit on");
        continue;
      }
    } catch (DataError const& error) {
      set.left_out.emplace_back(study.path, error.what());
      continue;
    }
    set.studies.push_back(validate_study(study, split, fit, options));
    auto const& card = set.studies.back();
    pooled.insert(pooled.end(), card.points.begin(), card.points.end());
    for (auto const& rival : card.rivals) {
      auto at = std::find_if(set.rivals.begin(), set.rivals.end(), [&](auto const& r) { return r.name == rival.name; });
      if (at == set.rivals.end())
        at = set.rivals.insert(at, {.name = rival.name, .meaning = rival.meaning, .relative_errors = {}, .errors = {}});
      at->relative_errors.insert(at->relative_errors.end(), rival.relative_errors.begin(), rival.relative_errors.end());
    }
  }
  set.summary = summarize_scores(pooled);
  for (auto& rival : set.rivals) rival.errors = summarize_errors(rival.relative_errors);
  return set;
}

}  // namespace kurve::validate
