// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
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

/// The Model: parameters with uncertainty, and where each came from.
struct Model {
  std::string workload;  ///< what one step is
  Regime regime = Regime::strong;
  double global_batch = 1.0;                   ///< samples a step at the baseline
  double baseline_ranks = 1.0;                 ///< K0
  StepParameters parameters;                   ///< central values
  std::map<std::string, Knowledge> knowledge;  ///< by parameter name; a missing name is assumed, sd 0
  std::vector<StepParameters> draws;           ///< posterior draws; empty where only sds are known
  std::vector<Rating> ratings;                 ///< what was measured beside what card and links can do

  /// B at K workers: constant when strong, proportional to K when weak. A mixed Model has no rule: the caller names B.
  [[nodiscard]] double batch_at(double ranks) const {
    return regime == Regime::weak ? global_batch * ranks / baseline_ranks : global_batch;
  }
};

}  // namespace kurve::model
