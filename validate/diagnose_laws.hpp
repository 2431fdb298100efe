// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
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
  double independent = 1.0;   ///< values that they are worth
};

enum class Bend { smooth, hidden, floor };

/// One way in which a cause acts on the step time: what it adds, relative to the compute of the first point.
///
///   smooth  extra = A growth
///   hidden  extra = max(0, A growth - h work), h in (0, 1)
///   floor   extra = (work^q + A^q)^(1/q) - work, q in (1.8, 5.1)
///
/// It is either certain, with a spread of its own, or a hit of probability 1 - (1-p)^K in each of the m steps that a
/// value averages.
struct Part {
  Cause cause = Cause::none;
  std::string name;                                       ///< for the evidence: "grows with log2 K"
  double weight = 1.0;                                    ///< prior within its cause
  std::function<double(PointValues const&)> growth = {};  ///< shape of the mean; for hits, of the cost of one
  std::function<double(PointValues const&)> spread = {};  ///< sd, in the unit of growth; empty is none
  int hits_of_steps = 0;                                  ///< m; 0 where extra is certain
  Bend bend = Bend::smooth;
};

/// value = C [work + sum of the extras of its parts] (1 + noise); work is the less where workers gain from a cache
struct Law {
  Part const* first = nullptr;
  Part const* second = nullptr;  ///< nullptr for one part alone; never one with hits
  double weight = 1.0;           ///< prior
};

/// log C, logit loss, log noise, log departure, logit of the second part's share of the loss (of h and of q in its
/// range, for one that bends), logit p, logit of what a cache gains (of most_cache_gain)
using Parameters = std::array<double, 7>;

/// How well a law explains the points, at its best parameters.
struct LawFit {
  Law law = {};
  double log_evidence = 0.0;     ///< penalised log likelihood plus log weight
  double loss = 0.0;             ///< 1 - E at the largest K, by the law; negative where the law gains
  double departure_rel = 0.0;    ///< sd by which the points' means stand off the law
  double second_share = 0.0;     ///< of the loss, the second part's; 0 for one part alone
  double hit_probability = 0.0;  ///< p of one worker and step, for hits
  int outliers = 0;              ///< values better explained as slow for a reason of their own
  Parameters at{};               ///< the best parameters
};

/// Whether the repeats of the larger half of the K vary more than twice as much as those of the smaller half: then
/// something waits now and then.
[[nodiscard]] bool spread_grows(std::vector<PointValues> const& points);

/// Ways of the four causes, and of causes without a name, that these points could tell apart.
/// @param single_steps      whether each value is one step; else it may be a mean over up to 100
/// @param workers_per_node  where the node boundary is, 8 where unknown
[[nodiscard]] std::vector<Part> candidate_parts(std::vector<PointValues> const& points, bool single_steps,
                                                double workers_per_node);
/// Laws of one part each.
[[nodiscard]] std::vector<Law> single_laws(std::vector<Part> const& parts);
/// Laws of two parts: bytes and latency of communication, and two causes that share the loss.
/// Stragglers only where the spread of the repeats grows with K.
/// @param singles  fits of the single laws: of stragglers and of imbalance, the best one stands for all
[[nodiscard]] std::vector<Law> paired_laws(std::vector<Part> const& parts, std::vector<LawFit> const& singles,
                                           std::vector<PointValues> const& points);

/// The cause whose probability is at least `answer_at`; of two together, with half the doubt.
[[nodiscard]] Cause answer_of(CauseProbabilities const& p, double answer_at);

/// @param points  at least two, by K
/// @param near    where to look first; nullptr for where the points suggest
[[nodiscard]] LawFit fit_law(Law const& law, std::vector<PointValues> const& points, Parameters const* near = nullptr);

}  // namespace kurve::validate::detail
