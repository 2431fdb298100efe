// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/step.hpp"

namespace kurve::model {

/// What jitter of hops does to a ring all-reduce whose ranks all arrive at once: last-passage percolation,
/// t[k][s] = max(t[k][s-1], t[k-1][s-1]) + hop (sim/ring.hpp).

/// A ring whose ranks all start at once, its hops lognormal of mean 1: what it takes beyond its time without jitter,
/// over that time. Interpolated in log K and cv through simulated values (K from 2 to 4096, cv from 0.05 to 5; standard
/// error below 5e-3 cv up to a cv of 1, 3e-2 cv beyond); K = 2 is exact, 2 P(s / sqrt 2) - 1 with s^2 = log(1 + cv^2).
/// Beyond 4096 ranks, and beyond a cv of 5, it stays as it is there.
struct RingJitter {
  double excess = 0.0;                                           ///< mean, of 2(K-1) hops
  double half_excess = 0.0, half_sd = 0.0, half_skewness = 0.0;  ///< of K-1 hops
};
/// @param ranks  K >= 1, one rank has no hops
[[nodiscard]] RingJitter ring_jitter_of(double ranks, double cv);

/// step_time with every bucket as long as its jittered collectives (model/hop_schedule.hpp).
[[nodiscard]] StepTime jittered_step_time(StepParameters const& p, double ranks, double global_batch);

/// Mean time between the first and the last rank's end, over the sd of one hop: 2/sqrt(pi) for K = 2 (the difference of
/// two normals), simulated beyond (normal hops of cv 0.1; standard error below 0.3 % up to K = 64, 1 % at 1024) and
/// interpolated in log-log. @param ranks  K >= 2
[[nodiscard]] double ring_jitter_spread(double ranks);

}  // namespace kurve::model
