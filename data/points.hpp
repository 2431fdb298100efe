// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "data/stats.hpp"
#include "data/study.hpp"

namespace kurve::data {

/// What counts as one independent repeat of a point.
enum class Replication {
  single,  ///< one value a point: nothing is known of its spread
  run,     ///< means of runs; steps inside a run share its level and are no repeats of it
  step     ///< steps, where no point has more than one run: the spread between runs is not in them
};

/// All that a Study says of one (K, B).
struct MeasuredPoint {
  double ranks = 1.0;             ///< K
  double global_batch = 1.0;      ///< B; 1 (strong) or K (weak) where the Study has no such column
  std::vector<double> repeats_s;  ///< [n >= 1], one a repeat
  Summary time;                   ///< of repeats_s; where they are steps of one run, of the series they are
  /// [Study::configuration_columns], of its rows; "a or b" where they differ
  std::vector<std::string> configuration;
};

struct MeasuredPoints {
  std::vector<MeasuredPoint> points;  ///< by K, then B
  Replication replication = Replication::single;
  bool has_batch = false;          ///< whether B was measured or follows from the regime
  long warmup_steps = 0;           ///< steps left out as warm-up
  std::vector<std::string> notes;  ///< how the points were made, for people
};

/// Step samples by (K, B). Where the header says `warmup: included`, the warm-up of each run is left out
/// (warmup_length).
/// @throws DataError where no row times a whole step, or a Study declared mixed has no global_batch
[[nodiscard]] MeasuredPoints measured_points(Study const& study);

/// Index of the baseline: the smallest K, and of its batches the one of highest throughput, because a slow baseline
/// flatters every other point. @param points not empty, by K
[[nodiscard]] std::size_t baseline_index(std::vector<MeasuredPoint> const& points);

}  // namespace kurve::data
