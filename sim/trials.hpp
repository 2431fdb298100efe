// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace kurve::sim {

/// Fills values with those of trials first, first + 1, ...
using Trials = std::function<void(std::uint32_t first, std::span<double> values)>;

/// Runs trials 0 .. count - 1, each a pure function of its number, on `threads` threads (0: the hardware's), a batch of
/// neighbours at a time.
///
/// Values are returned in trial order, so what is made of them does not depend on the threads. `go_on(done fraction)`
/// is called from the calling thread between batches, at every hundredth and every 50 ms; once it returns false, no
/// batch is begun any more, and the trials done by then are returned. An exception of a trial is thrown again here.
[[nodiscard]] std::vector<double> run_trials(long count, int threads, long batch, Trials const& trials,
                                             std::function<bool(double)> const& go_on);

}  // namespace kurve::sim
