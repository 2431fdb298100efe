// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "calibrate/step_prior.hpp"
#include "data/study.hpp"

namespace kurve::calibrate {

/// Where learning starts: the constants of StepPrior that are learned, as set by hand; docs/validation.md says which
/// were settled in sight of studies. Costs are a few per cent of a step with a factor of 4 or so either way, three
/// parts in a thousand of misfit, six of drift.
[[nodiscard]] StepPrior vague_prior();

/// Learns constants of a StepPrior from whole studies by empirical Bayes: those under which each study's smaller K
/// and the largest, foretold from them, are together the most probable.
///
/// Each study is fitted once under vague_prior, on K <= Kmax/4 (K < Kmax where that leaves fewer than two K). Its
/// posterior draws, weighted by the density that their drift gives the measured Kmax, stand for it under any other
/// constants by importance weights, so that expectation maximisation has closed-form steps and fits nothing anew.
/// Learned: medians and spreads of costs, medians of misfit and drift, the drifts' scale and skew beyond the points,
/// and the probability that a point is another job. What was believed before counts as much as twelve studies. Not
/// learned, for sixty studies hardly tell them: the laws' weights, that a cost is a share of compute or that points
/// speak against the prior, the spreads of misfit and drift, launch-bound floor, overlap and superlinear speedup. A
/// pure function of the studies and the seed. Source: Dempster, Laird & Rubin, J. R. Stat. Soc. B 39 (1977) 1-38.
class PriorLearner {
 public:
  /// Studies with fewer than three different K teach nothing and are passed over.
  PriorLearner(std::span<data::Study const> studies, std::uint64_t seed);
  ~PriorLearner();

  [[nodiscard]] StepPrior from_all() const;
  /// From the studies of other sources.
  [[nodiscard]] StepPrior without(std::string_view source) const;
  /// The same for every source of the studies.
  [[nodiscard]] std::map<std::string, StepPrior> without_each() const;

 private:
  struct Draw;
  struct Lesson;
  struct Sums;
  [[nodiscard]] StepPrior learn(std::vector<bool> const& teaches) const;

  std::vector<std::string> sources_;  ///< [studies]
  std::vector<Lesson> lessons_;
};

/// The one paper, report or submitter's round that a study is from: its header's `source` up to the first semicolon;
/// "" where it has none: those count as one.
[[nodiscard]] std::string study_source(data::Study const& study);

/// The learned constants by name.
[[nodiscard]] std::vector<std::pair<std::string_view, double>> learned_constants(StepPrior const& prior);

}  // namespace kurve::calibrate
