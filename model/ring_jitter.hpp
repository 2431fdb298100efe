// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/step.hpp"

namespace kurve::model {

/// What jitter of hops does to a ring all-reduce whose ranks all arrive at once: last-passage percolation,
/// t[k][s] = max(t[k][s-1], t[k-1][s-1]) + hop over 2(K-1) hops (sim/ring.hpp).

/// Mean ring time with jitter over the time without: 1 + c(K) cv, c interpolated in log K through the simulated values
/// for normal hops of cv 0.1 (K = 2 to 1024, PEERS 2.5). Lognormal hops follow it to a few per cent of the excess for
/// cv <= 0.3; for exponential hops (cv 1) it is 0.06 to 0.13 low. @param ranks  K >= 1, one rank has no hops
[[nodiscard]] double ring_jitter_factor(double ranks, double cv);

/// sd over mean of a hop of mean `hop_s` > 0 [s]: the jitter in proportion to it and that of fixed size are
/// independent.
[[nodiscard]] double hop_cv(StepParameters const& p, double hop_s);

/// Mean time of one all-reduce with hop jitter, all ranks there at once [s]; trees are taken as without.
/// @param allreduce_s  without jitter, as one_allreduce_s has it
[[nodiscard]] double jittered_allreduce_s(StepParameters const& p, double ranks, double allreduce_s);

/// step_time with every bucket as long as its jittered collectives.
[[nodiscard]] StepTime jittered_step_time(StepParameters const& p, double ranks, double global_batch);

/// Mean time between the first and the last rank's end, over the sd of one hop: 2/sqrt(pi) for K = 2 (the difference of
/// two normals), simulated beyond (normal hops of cv 0.1; standard error below 0.3 % up to K = 64, 1 % at 1024) and
/// interpolated in log-log. @param ranks  K >= 2
[[nodiscard]] double ring_jitter_spread(double ranks);

}  // namespace kurve::model
