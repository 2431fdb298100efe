// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/rating.hpp"
#include "model/step.hpp"

namespace kurve::model {

/// Where a parameter's value came from.
enum class Source { measured, fitted, imported, published, assumed };
[[nodiscard]] std::string_view to_text(Source source);
/// @throws InputError listing the five names
[[nodiscard]] Source source_from_text(std::string_view text);

/// Problem size as K grows.
enum class Regime { strong, weak, mixed };
[[nodiscard]] std::string_view to_text(Regime regime);
/// @throws InputError listing the three names
[[nodiscard]] Regime regime_from_text(std::string_view text);

/// What is known about one parameter besides its value.
struct Knowledge {
  Source source = Source::assumed;
  double sd = 0.0;         ///< standard deviation, in the parameter's unit
  bool identified = true;  ///< whether the data tell it apart from the others
  std::string note;        ///< what it rests on, or why it is not identified
};

/// Of the interval of a fitted point's prediction: what the verbs give unless told otherwise.
inline constexpr double fitted_confidence = 0.9;

/// A measured (K, B) that a Model was fitted to, and what the Model says of it.
struct FittedPoint {
  double ranks = 1.0, global_batch = 1.0;  ///< K, B
  int runs = 1;                            ///< whose mean was measured
  double measured_s = 0.0;
  double fitted_s = 0.0;             ///< T as the Model predicts it: the median of the draws
  double low_s = 0.0, high_s = 0.0;  ///< interval of the mean of as many runs; both 0 where it was not worked out
  double weight = 1.0;               ///< below 1 where the point was taken to be another job
  std::string flag;                  ///< "" or why it is set apart

  /// Whether the measurement lies outside the interval: the Model does not say what was measured.
  [[nodiscard]] bool misses() const { return high_s > 0.0 && (measured_s < low_s || measured_s > high_s); }
};

/// What a Model was made from, as far as its file says.
struct Origin {
  bool known = false;                ///< false: nothing says where the Model came from
  std::vector<std::string> digests;  ///< SHA-256 of the files that it was made from
  std::vector<FittedPoint> fitted;   ///< whole steps that it was fitted to, by K, then B
};

/// The Model: parameters with uncertainty, and where each came from.
struct Model {
  std::string workload;  ///< what one step is
  Regime regime = Regime::strong;
  double global_batch = 1.0;                   ///< samples a step at the baseline
  double baseline_ranks = 1.0;                 ///< K0
  StepParameters parameters;                   ///< central values
  std::map<std::string, Knowledge> knowledge;  ///< by parameter name; a missing name is assumed, sd 0
  std::vector<StepParameters> draws;           ///< posterior draws; empty where only sds are known
  /// Workers that hold one copy of the model together, tensor x pipeline x context parallel, as it was cut where it
  /// ran, ascending; empty: not told, and any K can run.
  std::vector<double> replica_workers;
  std::vector<Rating> ratings;  ///< what was measured beside what card and links can do
  Origin origin;
  /// T measured at the baseline, which efficiency is relative to; none: what the Model itself says there. A what-if
  /// moves it as the formula says.
  std::optional<double> baseline_s;

  /// B at K workers: constant when strong, proportional to K when weak. A mixed Model has no rule: the caller names B.
  [[nodiscard]] double batch_at(double ranks) const {
    return regime == Regime::weak ? global_batch * ranks / baseline_ranks : global_batch;
  }
  /// Copies of the model on K workers: K where nothing is told of its cut, none where no cut divides K; of several cuts
  /// the fewest copies, for these have the most samples each.
  [[nodiscard]] std::optional<double> replicas(double ranks) const;
};

}  // namespace kurve::model
