// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

namespace kurve::model {

/// One measured all-reduce.
struct SweepPoint {
  double ranks = 2.0, bytes = 0.0, time_s = 0.0;  ///< each positive
};

/// A measured all-reduce cost: a piecewise curve in bytes at each of a few rank counts.
struct AllreduceSweep {
  double workers_per_node = 8.0;   ///< g, at least 1
  std::vector<SweepPoint> points;  ///< ascending in (ranks, bytes), no pair twice; empty: nothing was swept
};

/// Median time of one all-reduce and the sd of its logarithm (lognormal).
struct SweepTime {
  double time_s = 0.0, log_sd = 0.0;
};

/// Between measured sizes log T is a line in log n; below the smallest it is constant, above the largest bandwidth
/// holds. Between measured rank counts log T is a line in log K; beyond them it grows by a latency part (as c + log2 N,
/// trees) and a bandwidth part, mixed by the local slope of log T in log n, and its sd with the doublings. Up to two
/// nodes (they flatter trees) and node counts that are no power of two widen it.
/// @param ranks  K >= 1, one rank costs nothing  @param bytes  n > 0
/// Source: NCCL src/graph/tuning.cc (log2 N latencies); 2 to 4 nodes of nccl-tests issue 309.
[[nodiscard]] SweepTime sweep_time(AllreduceSweep const& sweep, double ranks, double bytes);

}  // namespace kurve::model
