// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "validate/diagnose.hpp"

namespace kurve::validate::detail {

/// Step times of one (K, B).
struct PointValues {
  double ranks = 1.0;         ///< K
  double work = 1.0;          ///< B/K relative to the first point: what ideal compute scales with
  double batch = 1.0;         ///< B relative to the first point
  std::vector<double> log_s;  ///< log of each value in seconds, [n >= 1]
};

/// One way in which a cause acts on the step time, relative to the compute of the first point:
///
///   value = C [work + A * extra] (1 + noise)
///
/// where `extra` is either certain, with a spread of its own (`growth`, `spread`), or a hit of probability
/// 1 - (1-p)^K in each of the m steps that a value averages (`hits`).
struct Law {
  Cause cause = Cause::none;
  std::string name;                                  ///< for the evidence: "grows with log2 K"
  double weight = 1.0;                               ///< prior within its cause
  std::function<double(PointValues const&)> growth;  ///< mean of extra; for hits, the cost of one
  std::function<double(PointValues const&)> spread;  ///< sd of extra; empty is none
  int hits_of_steps = 0;                             ///< m; 0 where extra is certain
};

/// How well a law explains the points, at its best parameters.
struct LawFit {
  Law const* law = nullptr;
  double log_evidence = 0.0;     ///< penalised log likelihood plus log weight
  double loss = 0.0;             ///< 1 - E at the largest K, by the law; negative where the law gains
  double departure_rel = 0.0;    ///< sd by which the points' means stand off the law
  double hit_probability = 0.0;  ///< p of one worker and step, for hits
};

/// Laws of the four causes that these points could tell apart.
/// @param single_steps      whether each value is one step; else it may be a mean over up to 100
/// @param workers_per_node  where the node boundary is, 8 where unknown
[[nodiscard]] std::vector<Law> candidate_laws(std::vector<PointValues> const& points, bool single_steps,
                                              double workers_per_node);

/// @param points  at least two, by K
[[nodiscard]] LawFit fit_law(Law const& law, std::vector<PointValues> const& points);

}  // namespace kurve::validate::detail
