// SPDX-License-Identifier: Apache-2.0
// The kernels as host loops over the same element functions.
#include <cstring>
#include <thread>

#include "calibrate/cuda_kernels.hpp"
#include "tests/gpu/fake/element.hpp"
#include "tests/gpu/fake/fake_cuda.hpp"

namespace kurve::calibrate::cuda {

using fake::enqueue;
using fake::get;
using fake::put;

namespace {
bool too_large(std::int64_t elements, NumberFormat format) {
  return static_cast<std::size_t>(elements * bytes_per_element(format)) > fake::skipped_above_bytes;
}
}  // namespace

void fill(void* to, std::int64_t elements, NumberFormat format, std::uint64_t seed, cudaStream_t stream) {
  if (too_large(elements, format)) return;
  enqueue(stream, [=] {
    for (std::int64_t i = 0; i < elements; ++i) put(to, i, format, filling_value(seed, static_cast<std::uint64_t>(i)));
  });
}

void pass(void* out, std::array<void const*, 3> const& in, int inputs, std::int64_t elements, NumberFormat format,
          cudaStream_t stream) {
  enqueue(stream, [=] {
    for (std::int64_t i = 0; i < elements; ++i) {
      float sum = 0.0f;
      for (int input = 0; input < inputs; ++input) sum += get(in[static_cast<std::size_t>(input)], i, format);
      put(out, i, format, passed_value(sum, inputs));
    }
  });
}

void adam(AdamStep const& step, void const* gradient, float* master, float* first, float* second, void* working,
          std::int64_t elements, NumberFormat format, cudaStream_t stream) {
  enqueue(stream, [=] {
    for (std::int64_t i = 0; i < elements; ++i) {
      adam_update(step, get(gradient, i, format), master[i], first[i], second[i]);
      put(working, i, format, master[i]);
    }
  });
}

void fill_verification(float* to, std::int64_t elements, int rank, cudaStream_t stream) {
  enqueue(stream, [=] {
    for (std::int64_t i = 0; i < elements; ++i) to[i] = verification_value(static_cast<std::size_t>(i), rank);
  });
}

void count_wrong(float const* sums, std::int64_t elements, int ranks, unsigned long long* wrong, cudaStream_t stream) {
  enqueue(stream, [=] {
    for (std::int64_t i = 0; i < elements; ++i)
      if (sums[i] != verification_sum(static_cast<std::size_t>(i), ranks)) ++*wrong;
  });
}

void delay(std::int64_t nanoseconds, cudaStream_t stream) {
  enqueue(stream, [=] { std::this_thread::sleep_for(std::chrono::nanoseconds(nanoseconds)); });
}

}  // namespace kurve::calibrate::cuda
