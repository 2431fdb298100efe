// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace kurve::calibrate {

/// Consecutive gradient tensors that are all-reduced together once the last of them is whole.
struct Bucket {
  int last_tensor = 0;
  std::int64_t first = 0, elements = 0;  ///< place in the gradient
};

/// As PyTorch's DistributedDataParallel makes them: tensors join, in the order in which backward ends them, until a
/// bucket holds its limit or more: 1 MiB for the first, so that communication starts early, 25 MiB for the others.
///
/// @param tensor_elements    [n_tensors >= 1]
/// @param bytes_per_element  at least 1
/// Source: pytorch, torch/csrc/distributed/c10d/reducer.hpp (kDefaultFirstBucketBytes, kDefaultBucketBytesCap) and
/// compute_bucket_assignment_by_size in reducer.cpp.
[[nodiscard]] std::vector<Bucket> gradient_buckets(std::span<std::int64_t const> tensor_elements,
                                                   int bytes_per_element);

}  // namespace kurve::calibrate
