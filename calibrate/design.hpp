// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "calibrate/backend.hpp"
#include "data/study.hpp"
#include "model/model.hpp"

namespace kurve::calibrate {

/// One thing to measure: an operation at its size. For whole steps local_batch is the batch of each worker.
struct Point {
  data::Operation op = data::Operation::serial;
  int ranks = 1;
  std::int64_t bytes = 0;  ///< allreduce
  int local_batch = 0;     ///< compute, step
  int algorithm = 0;       ///< allreduce: index into BackendInfo::algorithms
  int launch = 0;          ///< serial, compute: index into BackendInfo::launches
  auto operator<=>(Point const&) const = default;
};
/// "compute, local batch 16, 2 ranks"
[[nodiscard]] std::string describe(Point const& point, BackendInfo const& info);

/// Which points. Empty lists take what suits the backend.
struct DesignOptions {
  std::vector<int> ranks;          ///< K, each from 1 to the backend's; empty: 1, 2, 4 .. and the largest
  std::vector<int> local_batches;  ///< samples a worker, at least 1; empty: 4, 8 .. 64
  std::vector<std::int64_t>
      message_bytes;  ///< at least 4, rounded up to whole floats; empty: 64 B to 16 times the gradient's 1/4
  std::vector<std::string> algorithms;  ///< of the all-reduce, the backend's first among them; empty: all it has
  model::Regime regime =
      model::Regime::strong;  ///< of the whole steps: global batch fixed (strong) or per worker (weak)
  int global_batch = 64;      ///< at the smallest K, at least 1
};

struct Design {
  std::vector<Point> components;
  std::vector<Point> steps;
};

/// Serial and compute alone (one rank) at every local batch, and on every K at the batch its steps use: together ranks
/// contend for memory, and that shows only together. All-reduce over K, sizes (the gradient's among them) and
/// algorithms. Where K does not divide the global batch, workers take it rounded to whole samples.
/// @throws InputError on a value outside its range
[[nodiscard]] Design make_design(BackendInfo const& info, DesignOptions const& options);

/// The points in an order of their own for each round, so that no size is always measured first: drift cannot pose as
/// size.
[[nodiscard]] std::vector<std::size_t> shuffled_order(std::size_t count, std::uint64_t seed, int round);

}  // namespace kurve::calibrate
