// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "calibrate/backend.hpp"
#include "calibrate/design.hpp"
#include "calibrate/sampler.hpp"

namespace kurve::calibrate {

/// One whole step as its ranks saw it; one entry for all of them where only the step as a whole was seen.
struct StepRow {
  Point point;
  int run = 0, step = 0;
  std::vector<RankStep> ranks;
};
/// The step lasts until its last rank ends.
[[nodiscard]] double last_end_s(StepRow const& row);

/// One run of whole steps from a fresh state: what a BlockRecord is to components.
struct RunRecord {
  Point point{};
  int run = 0;
  int warmup_dropped = 0;        ///< leading steps, not in `steps`
  std::vector<StepRow> steps{};  ///< in order, the rest of the run
  double elapsed_s = 0.0;        ///< of the run as a whole, its start and end included; 0: not known
  std::string note{};            ///< how the times were read, for people; empty where they were taken here
};
/// Mean of the run's steps. @param record  at least one step
[[nodiscard]] double mean_s(RunRecord const& record);

/// A run of its steps' rows, without what is warm-up: the first step (pages, connections, compilers are set up in it),
/// and as many more as the series says (`data::warmup_length`).
/// @param rows  every step of the run, in order; at least two
[[nodiscard]] RunRecord without_warmup(std::vector<StepRow> rows);

}  // namespace kurve::calibrate
