// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <string>

#include "data/facts.hpp"
#include "data/study.hpp"

namespace kurve::data {

/// Reads an MLPerf Training log: lines with `:::MLLOG {json}` anywhere in them, other lines are skipped.
///
/// K is nodes times accelerators of the system description: in the log's folder the JSON file with the longest stem
/// that begins the log's name, or `systems/<system>.json` of a submission's layout; without one the fact `ranks`. Step
/// times are the logged `train_step_timing` of the tracked statistics; without them, the time of each training block
/// over its steps. Leading warm-up steps (`warmup_length`) are left out, and a note says how many.
/// @return a Study of steps, run 0
/// @throws DataError where K, the global batch or every time is missing, saying what to add
/// Source of the format: mlcommons/logging, `mlperf_logging/mllog`.
[[nodiscard]] Study read_mllog(std::istream& in, std::string const& path, Facts& facts);

}  // namespace kurve::data
