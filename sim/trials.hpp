// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace kurve::sim {

/// Runs trial(0) .. trial(count - 1), each a pure function of its number, on `threads` threads (0: the hardware's).
///
/// Each thread takes one contiguous part; values are returned in trial order, so what is made of them does not depend
/// on the threads. `go_on(done fraction)` is called from the calling thread now and then; once it returns false, the
/// trials done so far are returned. An exception of a trial is thrown again here.
[[nodiscard]] std::vector<double> run_trials(long count, int threads, std::function<double(std::uint32_t)> const& trial,
                                             std::function<bool(double)> const& go_on);

}  // namespace kurve::sim
