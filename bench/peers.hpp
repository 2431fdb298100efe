// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace kurve::bench {

/// Seconds that NumPy takes for one trial of `ranks` lognormal workers with stragglers, in a python3 of its own;
/// negative where there is no python3 with NumPy.
[[nodiscard]] double numpy_trial_s(long ranks);

/// Seconds that SimGrid (S4U actors and mailboxes) takes for one ring all-reduce of `ranks`, in a process of its own;
/// negative where it was not built in.
[[nodiscard]] double simgrid_ring_s(long ranks);

}  // namespace kurve::bench
