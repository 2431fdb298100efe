// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "calibrate/fit.hpp"

namespace kurve::calibrate {

/// Whether a Study holds all-reduces and nothing else: a network alone.
[[nodiscard]] bool is_allreduce_only(data::Study const& study);

/// Ordinary time of each (ranks, bytes) of a Study, ascending. What disturbs a measurement only adds to it: repeats
/// that take over 10 % longer than the fastest do not count, the median of the others does; and where such repeats were
/// found, a size takes no longer than the next larger one.
/// @return empty without an all-reduce of 2 or more ranks
[[nodiscard]] std::vector<model::SweepPoint> allreduce_sweep(data::Study const& study);

/// A network's law and the curve of its measured all-reduces.
struct Network {
  model::StepParameters parameters;               ///< algorithm, latency scale, bandwidths and curve; the rest as given
  double intra_log_sd = 0.0, inter_log_sd = 0.0;  ///< of bandwidths that no point shows: 0 where one does
};
/// NCCL's cost model scaled to a sweep: latencies to its small sizes, bandwidths to its largest; switches that reduce
/// where a bus bandwidth says so, rings alone where growth over the rank counts fits them better than NCCL's choice.
/// @param points  at least one, ascending
[[nodiscard]] Network fit_nccl_network(model::StepParameters const& base, std::vector<model::SweepPoint> points);

/// Model of the network alone from all-reduce rows at one or more rank counts. Workers per node: the header's, else 8
/// (assumed, and said so in messages).
/// @throws DataError without an all-reduce of 2 or more ranks
[[nodiscard]] FitResult fit_allreduce(data::Study const& study);

}  // namespace kurve::calibrate
