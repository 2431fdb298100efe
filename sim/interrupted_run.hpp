// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "model/failures.hpp"

namespace kurve::sim {

/// Draw number `run` of the wall time of a run: work_s cut into `segments` equal pieces, each but the last followed by
/// a checkpoint; a failure throws the work back to the last checkpoint and costs a restart, which a failure starts
/// over.
///
/// Exact, failure by failure, where fewer than 64 are expected; beyond, one draw of the Pearson III law with the sum's
/// mean, variance and third cumulant (model::segment_moments), and more than 64 attempts at one restart by the
/// exponential that such a sum tends to. @param ranks  K, which keeps the runs of different K apart
/// @return  infinite where no segment would ever end
[[nodiscard]] double interrupted_run_s(model::Failures const& f, double work_s, double segments, std::uint64_t seed,
                                       std::uint32_t run, std::uint32_t ranks);

}  // namespace kurve::sim
