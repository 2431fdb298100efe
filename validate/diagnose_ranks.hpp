// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "validate/diagnose.hpp"

namespace kurve::validate::detail {

/// Whether the Study has rows of one rank's compute time, of two ranks or more.
[[nodiscard]] bool has_rank_times(data::Study const& study);

/// Cause from per-rank times: what a step loses to transfer (the least communication of any rank), to waiting (the
/// largest compute less the mean), to unequal pipeline stages, and to time that no rank computes or communicates.
///
/// Stages are separated first. Waiting is a straggler where few rank-steps cause it, imbalance where all ranks spread.
/// Source: transfer and wait without synchronised clocks as in Lin et al., OSDI'25; docs/audit.md, "Diagnosis".
[[nodiscard]] Diagnosis diagnose_rank_times(data::Study const& study, DiagnoseOptions const& options);

}  // namespace kurve::validate::detail
