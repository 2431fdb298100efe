// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "calibrate/fit.hpp"
#include "data/study.hpp"
#include "model/curve.hpp"
#include "sim/summary.hpp"
#include "validate/metrics.hpp"
#include "validate/split.hpp"

namespace kurve::validate {

/// A fit from whole steps, such as calibrate::fit_steps. It is given a Study that lacks the held-out rows.
using FitFunction = std::function<calibrate::FitResult(data::Study const&)>;

struct HoldoutOptions {
  double confidence = 0.9;  ///< of the intervals, in (0, 1)
  double threshold = 0.7;   ///< efficiency that pays, for the bend, in (0, 1)
  int draws = sim::default_draws;
  std::uint64_t seed = 1;
  int min_fitted_ranks = 2;  ///< validate_studies leaves out a study with fewer different K to fit on
};

/// Whether a point was there when the Model was made.
enum class Part { fitted, held_out, unknown };
/// "fitted", "held out", "unknown"
[[nodiscard]] std::string_view to_text(Part part);

/// Prediction and measurement at one (K, B).
struct ScorePoint {
  double ranks = 1.0, global_batch = 1.0;
  Part part = Part::held_out;
  std::size_t n = 1;                 ///< measured repeats
  double measured_s = 0.0;           ///< their mean
  double predicted_s = 0.0;          ///< median of the draws
  double low_s = 0.0, high_s = 0.0;  ///< equal-tailed interval of the mean of a new measurement
  double relative_error = 0.0;       ///< predicted / measured - 1
  bool covered = false;
  double crps_rel = 0.0;            ///< CRPS of log T: near zero, of T over measured
  double interval_score_rel = 0.0;  ///< interval score of log T
  double pit = 0.5;
  double measured_efficiency = 1.0;
  model::Interval efficiency;  ///< predicted, each draw relative to its own baseline
  double p_pays = 1.0;         ///< P(E >= threshold)
};

struct ScoreSummary {
  std::size_t unknown = 0;  ///< points among these that the Model may have been fitted to
  ErrorSummary errors;
  Coverage coverage;
  double crps_rel = 0.0, interval_score_rel = 0.0;  ///< means over points; NaN without points
  double half_width_rel = 0.0;                      ///< median of (high - low) / (2 predicted)
  double half_width_over_error = 0.0;               ///< that over the median absolute error; infinite for no error
  std::array<std::size_t, 10> pit_histogram{};      ///< points by tenth of their PIT; flat where calibrated
};

/// The bend as a distribution over the draws, among the measured K (their best batch each).
struct BendForecast {
  std::optional<double> low_ranks, high_ranks;  ///< equal-tailed interval; none: beyond the largest of these K
  std::optional<double> pays_ranks;             ///< largest K up to which each pays with 90 % probability
};

struct RivalScore {
  std::string name, meaning;
  std::vector<double> relative_errors;  ///< at the scored points
  ErrorSummary errors;
};

/// Were we right: one Study.
struct Scorecard {
  std::string study, workload;  ///< path; header's workload
  std::string split;            ///< what was fitted, as text; "" where a Model was given
  model::Regime regime = model::Regime::strong;
  double confidence = 0.9, threshold = 0.7;
  double baseline_ranks = 1.0;
  std::vector<ScorePoint> points;                       ///< by K, then B
  ScoreSummary summary;                                 ///< of the points not known to be fitted
  std::optional<double> predicted_bend, measured_bend;  ///< K, among the measured K
  BendForecast bend;
  std::vector<RivalScore> rivals;          ///< same points; those that could be fitted
  std::map<std::string, bool> identified;  ///< by parameter
  std::vector<std::string> messages;       ///< of the fit
};

/// Were we right: many Studies.
struct ScorecardSet {
  std::vector<Scorecard> studies;
  ScoreSummary summary;                                       ///< all held-out points pooled
  std::vector<RivalScore> rivals;                             ///< pooled likewise
  std::vector<std::pair<std::string, std::string>> left_out;  ///< study, why
};

/// Fits the fitted part, predicts every point, scores the held-out ones, rivals fitted on the same points beside it.
/// @throws DataError as fitted_part; InputError on an option out of range
[[nodiscard]] Scorecard validate_study(data::Study const& study, Split const& split, FitFunction const& fit,
                                       HoldoutOptions const& options);

/// Scores a Model against a Study, no rivals. A point is fitted where the Model was fitted to this (K, B) of this very
/// file, or to this very measurement; unknown where nothing says what the Model was made from.
/// @param digests  SHA-256 of the Study's files
[[nodiscard]] Scorecard validate_model(model::Model const& model, data::Study const& study,
                                       HoldoutOptions const& options, std::vector<std::string> const& digests = {});

/// validate_study of each; a study that the split cannot divide is left out and listed.
[[nodiscard]] ScorecardSet validate_studies(std::span<data::Study const> studies, Split const& split,
                                            FitFunction const& fit, HoldoutOptions const& options);

}  // namespace kurve::validate
