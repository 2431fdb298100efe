// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <array>
#include <cstdint>

#include "calibrate/device_math.hpp"
#include "calibrate/training_step.hpp"

namespace kurve::calibrate::cuda {

/// Launches; each returns at once and puts one kernel on the stream. Device pointers of whole tensors, 16-byte aligned.
/// `precision` says how an element is stored. Errors show in cudaGetLastError, which the caller checks.

/// Random numbers (filling_value).
void fill(void* to, std::int64_t elements, NumberFormat precision, std::uint64_t seed, cudaStream_t stream);
/// out = passed_value of 1 to 3 inputs; out may be one of them.
void pass(void* out, std::array<void const*, 3> const& in, int inputs, std::int64_t elements, NumberFormat precision,
          cudaStream_t stream);
/// Adam over all parameters at once: float master and moments, working copy and gradient in `precision`.
void adam(AdamStep const& step, void const* gradient, float* master, float* first_moment, float* second_moment,
          void* working, std::int64_t elements, NumberFormat precision, cudaStream_t stream);
void fill_verification(float* to, std::int64_t elements, int rank, cudaStream_t stream);
/// Adds to *wrong how many elements differ from verification_sum.
void count_wrong(float const* sums, std::int64_t elements, int ranks, unsigned long long* wrong, cudaStream_t stream);
/// Holds the stream for so long, that the host may queue what follows: then a time between events has no launch in it.
void delay(std::int64_t nanoseconds, cudaStream_t stream);

}  // namespace kurve::calibrate::cuda
