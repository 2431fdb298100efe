// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/curve.hpp"
#include "model/model.hpp"
#include "sim/expected.hpp"
#include "sim/predict.hpp"

namespace kurve::sim {

/// What efficiency is relative to.
struct Baseline {
  Target target;
  std::optional<double> measured_s;  ///< none: what the Model says there, in each draw
};
[[nodiscard]] Baseline baseline_of(model::Model const& model);
/// T at the baseline, as its draws have it [s]: by its ratio a what-if moves what was measured.
[[nodiscard]] double predicted_baseline_s(model::Model const& model);

struct SummaryOptions {
  double confidence = 0.9;  ///< of intervals, in (0, 1)
  double threshold = 0.7;   ///< of efficiency, in (0, 1)
  int draws = default_draws;
  std::uint64_t seed = 1;
  double runs = 1.0;  ///< as PredictOptions
};

/// T and E at one target.
struct TargetSummary {
  model::Interval time_s;             ///< of the mean step of new runs
  model::Interval efficiency;         ///< against the baseline
  double p_pays = 1.0;                ///< P(E >= threshold)
  std::vector<std::uint32_t> middle;  ///< draws about the median of T, middle_draws()
};

/// What the draws say at targets: the one place where draws become the numbers that people read.
struct CurveSummary {
  std::vector<TargetSummary> targets;
  std::vector<std::vector<double>> mean_s;      ///< [targets][draws] by the closed form, without what new runs add
  std::vector<std::vector<double>> times_s;     ///< [targets][draws] of new runs
  std::vector<std::vector<double>> efficiency;  ///< the same, against the baseline
};

/// Centres are medians over the draws of the mean step; intervals and P(E >= threshold) are of new runs. A new run's
/// noise and a configuration's misfit have median 1: what the median of a finite sample of them errs by is divided out,
/// so that no centre depends on how many runs are meant or on their seed, and it lies between its interval's ends.
///
/// @param corrections  factor on T of each target by which a method differs from the closed form; empty: none does
[[nodiscard]] CurveSummary summarize(model::Model const& model, std::span<Target const> targets,
                                     Baseline const& baseline, SummaryOptions const& options, StepLaw const& law,
                                     std::span<double const> corrections = {});
[[nodiscard]] CurveSummary summarize(model::Model const& model, std::span<Target const> targets,
                                     Baseline const& baseline, SummaryOptions const& options);

/// The twentieth of the draws whose T is nearest to the median: an average over them is what belongs to the median of
/// T. One draw where all are alike.
[[nodiscard]] std::vector<std::uint32_t> middle_draws(std::span<double const> times_s);

/// Where T goes, on average over the middle draws; adds up to `time_s`. @param mean_s  [draws] of the target
/// What workers wait for one another goes to noise, stragglers and imbalance in the proportions of `central`, the
/// breakdown at the Model's central parameters. What exposed communication drifts by is its own.
[[nodiscard]] model::Contributions time_breakdown(model::Model const& model, Target target, std::uint64_t seed,
                                                  std::span<std::uint32_t const> middle, std::span<double const> mean_s,
                                                  double time_s, model::Contributions const& central);

/// Fills in what the Model says at the points it was fitted to: fitted_s, and its interval for as many runs as were
/// measured, with fitted_confidence.
void place_fitted_points(model::Model& model);

/// What every answer of this Model must be read with, a sentence each: points it was fitted to and yet misses, and how
/// little it was fitted to.
[[nodiscard]] std::vector<std::string> cautions(model::Model const& model);

}  // namespace kurve::sim
