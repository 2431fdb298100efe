// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "calibrate/calibrate.hpp"
#include "calibrate/record.hpp"

namespace kurve::calibrate {

/// The component Study: a row a rank and timing. A collective lasts until its last row (data::last_ranks); the least of
/// its rows is transfer, what the others take beyond it they waited.
[[nodiscard]] data::Study component_study(std::vector<Series> const& series, BackendInfo const& info,
                                          CalibrateOptions const& options);
/// The step Study: one row a step.
[[nodiscard]] data::Study step_study(std::vector<StepRow> const& rows, BackendInfo const& info,
                                     CalibrateOptions const& options);
/// The per-rank Study of the largest K.
[[nodiscard]] data::Study per_rank_study(std::vector<StepRow> const& rows, BackendInfo const& info,
                                         CalibrateOptions const& options);

}  // namespace kurve::calibrate
