// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "data/study.hpp"

namespace kurve::data {

/// Whole steps of a Study of single ranks: one row a step, which lasts as long as its slowest rank.
/// @param per_rank  rows with rank and compute_s; steps without a number are one row each
[[nodiscard]] Study whole_steps(Study const& per_rank);

/// Components of it, one row a rank and step: `compute` by local batch, and `serial` what neither compute nor exposed
/// communication fills (at least a nanosecond, for a time is positive). Header `overlap_fraction` and `overlap_buckets`
/// where communication ran under compute and `collectives_per_step` says in how many parts:
///
///   overlap_fraction = hidden / (compute (1 - 1/n)), n collectives: what BucketPipeline (model/bucket_pipeline.hpp)
///   turns back into the exposed communication of these steps.
///
/// @throws DataError where the batch is not known, naming the option that supplies it
[[nodiscard]] Study components(Study const& per_rank);

}  // namespace kurve::data
