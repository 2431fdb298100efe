// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "calibrate/calibrate.hpp"
#include "calibrate/sampler.hpp"

namespace kurve::calibrate {

/// One whole step as its ranks saw it.
struct StepRow {
  Point point;
  int run = 0, step = 0;
  std::vector<RankStep> ranks;
};
/// The step lasts until its last rank ends.
[[nodiscard]] double last_end_s(StepRow const& row);

/// The component Study: one row a timing; work that ranks do side by side has one row a rank.
[[nodiscard]] data::Study component_study(std::vector<Series> const& series, BackendInfo const& info,
                                          CalibrateOptions const& options);
/// The step Study: one row a step.
[[nodiscard]] data::Study step_study(std::vector<StepRow> const& rows, BackendInfo const& info,
                                     CalibrateOptions const& options);
/// The per-rank Study of the largest K.
[[nodiscard]] data::Study per_rank_study(std::vector<StepRow> const& rows, BackendInfo const& info,
                                         CalibrateOptions const& options);

}  // namespace kurve::calibrate
