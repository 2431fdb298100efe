// SPDX-License-Identifier: Apache-2.0
#include "validate/holdout.hpp"

#include <algorithm>
#include <limits>
#include <set>

#include "model/error.hpp"
#include "model/scaling.hpp"
#include "validate/number_text.hpp"
#include "validate/points.hpp"
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

Draws draw_points(model::Model const& model, std::vector<MeasuredPoint> const& points, HoldoutOptions const& options) {
  std::vector<sim::Target> targets;
  std::size_t fewest_repeats = points.front().time.n;
  for (auto const& point : points) {
    targets.push_back({.ranks = point.ranks, .global_batch = point.global_batch});
    fewest_repeats = std::min(fewest_repeats, point.time.n);
  }
  // One number of runs for all points, so that the draws share their parameters: the fewest, whose interval is the
  // widest.
  return sim::predict(model, targets,
                      {.draws = options.draws, .seed = options.seed, .runs = static_cast<double>(fewest_repeats)});
}

model::Interval interval_of(std::vector<double> const& draws, double confidence) {
  double const tail = 0.5 * (1.0 - confidence);
  return {.centre = data::median(draws), .low = data::quantile(draws, tail), .high = data::quantile(draws, 1.0 - tail)};
}

double relative_throughput(MeasuredPoint const& baseline, double baseline_s, MeasuredPoint const& point,
                           double point_s) {
  return model::efficiency({baseline.ranks, baseline.global_batch, baseline_s},
                           {point.ranks, point.global_batch, point_s});
}

ScorePoint score_point(MeasuredPoint const& point, std::vector<double> const& draws_s, double confidence) {
  auto const predicted = interval_of(draws_s, confidence);
  double const measured_s = point.time.mean;
  ScorePoint score{.ranks = point.ranks,
                   .global_batch = point.global_batch,
                   .n = point.time.n,
                   .measured_s = measured_s,
                   .predicted_s = predicted.centre,
                   .low_s = predicted.low,
                   .high_s = predicted.high,
                   .efficiency = {}};
  score.relative_error = relative_error(predicted.centre, measured_s);
  score.covered = predicted.low <= measured_s && measured_s <= predicted.high;
  score.crps_rel = sample_crps(draws_s, measured_s) / measured_s;
  score.interval_score_rel = interval_score(predicted.low, predicted.high, measured_s, confidence) / measured_s;
  score.pit = pit(draws_s, measured_s);
  return score;
}

ScoreSummary summarize_scores(std::vector<ScorePoint> const& points) {
  std::vector<double> errors, crps, interval_scores, half_widths;
  std::size_t hits = 0;
  for (auto const& point : points) {
    if (!point.held_out) continue;
    errors.push_back(point.relative_error);
    crps.push_back(point.crps_rel);
    interval_scores.push_back(point.interval_score_rel);
    half_widths.push_back(0.5 * (point.high_s - point.low_s) / point.predicted_s);
    hits += point.covered ? 1 : 0;
  }
  double const none = std::numeric_limits<double>::quiet_NaN();
  return {.errors = summarize_errors(errors),
          .coverage = coverage_of(hits, errors.size()),
          .crps_rel = errors.empty() ? none : data::summarize(crps).mean,
          .interval_score_rel = errors.empty() ? none : data::summarize(interval_scores).mean,
          .half_width_rel = errors.empty() ? none : data::median(half_widths)};
}

/// Bend of the best efficiency at each K, as in the scaling table.
template <typename EfficiencyOf>
std::optional<double> bend_of(std::vector<ScorePoint> const& points, double threshold,
                              EfficiencyOf const& efficiency_of) {
  std::map<double, double> best;
  for (auto const& point : points) {
    auto const [at, is_new] = best.try_emplace(point.ranks, efficiency_of(point));
    if (!is_new) at->second = std::max(at->second, efficiency_of(point));
  }
  std::vector<double> ranks, efficiency;
  for (auto const& [k, e] : best) {
    ranks.push_back(k);
    efficiency.push_back(e);
  }
  auto const bend = model::find_bend(ranks, efficiency, threshold);
  return bend ? std::optional(bend->ranks) : std::nullopt;
}

std::vector<RivalScore> score_rivals(data::Study const& fitted, std::vector<ScorePoint> const& points) {
  auto const fitted_points = measured_points(fitted).points;
  std::vector<RivalScore> scores;
  for (auto const& rival : rivals()) {
    auto const law = rival.fit(fitted_points);
    if (!law) continue;
    RivalScore score{
        .name = std::string(rival.name), .meaning = std::string(rival.meaning), .relative_errors = {}, .errors = {}};
    for (auto const& point : points)
      if (point.held_out)
        score.relative_errors.push_back(relative_error((*law)(point.ranks, point.global_batch), point.measured_s));
    score.errors = summarize_errors(score.relative_errors);
    scores.push_back(std::move(score));
  }
  return scores;
}

}  // namespace

Scorecard validate_model(model::Model const& model, data::Study const& study, HoldoutOptions const& options) {
  check(options);
  auto const points = measured_points(study).points;
  auto const draws = draw_points(model, points, options);
  auto const base = baseline_index(points);

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
                 .rivals = {},
                 .identified = {},
                 .messages = {}};
  for (std::size_t i = 0; i < points.size(); ++i) {
    auto score = score_point(points[i], draws[i], options.confidence);
    score.measured_efficiency =
        relative_throughput(points[base], points[base].time.mean, points[i], points[i].time.mean);
    std::vector<double> efficiency;
    for (std::size_t d = 0; d < draws[i].size(); ++d)
      efficiency.push_back(relative_throughput(points[base], draws[base][d], points[i], draws[i][d]));
    score.efficiency = interval_of(efficiency, options.confidence);
    card.points.push_back(score);
  }
  card.summary = summarize_scores(card.points);
  card.measured_bend = bend_of(card.points, options.threshold, [](auto const& p) { return p.measured_efficiency; });
  card.predicted_bend = bend_of(card.points, options.threshold, [](auto const& p) { return p.efficiency.centre; });
  for (auto const& [name, knowledge] : model.knowledge) card.identified[name] = knowledge.identified;
  return card;
}

Scorecard validate_study(data::Study const& study, Split const& split, FitFunction const& fit,
                         HoldoutOptions const& options) {
  check(options);
  auto const part = fitted_part(study, split);
  auto const result = fit(part);

  Scorecard card = validate_model(result.model, study, options);
  card.split = split.text;
  card.messages = result.messages;
  std::set<std::pair<double, double>> fitted;
  for (auto const& point : measured_points(part).points) fitted.emplace(point.ranks, point.global_batch);
  for (auto& point : card.points) point.held_out = !fitted.contains({point.ranks, point.global_batch});
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
      auto const points = measured_points(fitted_part(study, split)).points;
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
