// SPDX-License-Identifier: Apache-2.0
// Every kernel is bound by memory: 16 bytes a thread and access, neighbours next to each other, and a grid that covers
// the tensor once, so that the hardware keeps as many loads in flight as it can.
#include <cuda_bf16.h>

#include "calibrate/cuda_kernels.hpp"

namespace kurve::calibrate::cuda {
namespace {

constexpr int block = 256;

/// 16 bytes of elements, as floats to work with.
template <typename Element>
struct Pack;
template <>
struct Pack<float> {
  static constexpr int width = 4;
  float4 raw;
  __device__ void unpack(float (&to)[width]) const { to[0] = raw.x, to[1] = raw.y, to[2] = raw.z, to[3] = raw.w; }
  __device__ void pack(float const (&from)[width]) { raw = make_float4(from[0], from[1], from[2], from[3]); }
};
template <>
struct Pack<__nv_bfloat16> {
  static constexpr int width = 8;
  uint4 raw;
  __device__ void unpack(float (&to)[width]) const {
    unsigned const words[4] = {raw.x, raw.y, raw.z, raw.w};
#pragma unroll
    for (int i = 0; i < 4; ++i) {  // bf16 is the upper half of a float
      to[2 * i] = __uint_as_float(words[i] << 16);
      to[2 * i + 1] = __uint_as_float(words[i] & 0xffff0000u);
    }
  }
  __device__ void pack(float const (&from)[width]) {
    unsigned words[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      __nv_bfloat162 const pair = __floats2bfloat162_rn(from[2 * i], from[2 * i + 1]);
      words[i] = *reinterpret_cast<unsigned const*>(&pair);
    }
    raw = make_uint4(words[0], words[1], words[2], words[3]);
  }
};

template <typename Element>
__device__ Element element_of(float value);
template <>
__device__ float element_of<float>(float value) {
  return value;
}
template <>
__device__ __nv_bfloat16 element_of<__nv_bfloat16>(float value) {
  return __float2bfloat16(value);
}
__device__ float float_of(float value) { return value; }
__device__ float float_of(__nv_bfloat16 value) { return __bfloat162float(value); }

/// First element of this thread's pack.
template <typename Element>
__device__ std::int64_t pack_start() {
  return (static_cast<std::int64_t>(blockIdx.x) * block + threadIdx.x) * Pack<Element>::width;
}

template <typename Element>
unsigned grid_for(std::int64_t elements) {
  constexpr std::int64_t per_block = std::int64_t{block} * Pack<Element>::width;
  return static_cast<unsigned>((elements + per_block - 1) / per_block);  // below 2^31 up to 8 TiB
}

template <typename Element>
__global__ void __launch_bounds__(block) fill_kernel(Element* to, std::int64_t elements, std::uint64_t seed) {
  std::int64_t const start = pack_start<Element>();
  for (std::int64_t i = start; i < start + Pack<Element>::width && i < elements; ++i)
    to[i] = element_of<Element>(filling_value(seed, static_cast<std::uint64_t>(i)));
}

template <typename Element, int Inputs>
__global__ void __launch_bounds__(block)
    pass_kernel(Element* out, Element const* a, Element const* b, Element const* c, std::int64_t elements) {
  constexpr int width = Pack<Element>::width;
  std::int64_t const start = pack_start<Element>();
  if (start + width <= elements) {
    Pack<Element> pack;
    float sum[width], other[width];
    pack.raw = *reinterpret_cast<decltype(pack.raw) const*>(a + start);
    pack.unpack(sum);
    if constexpr (Inputs > 1) {
      pack.raw = *reinterpret_cast<decltype(pack.raw) const*>(b + start);
      pack.unpack(other);
#pragma unroll
      for (int i = 0; i < width; ++i) sum[i] += other[i];
    }
    if constexpr (Inputs > 2) {
      pack.raw = *reinterpret_cast<decltype(pack.raw) const*>(c + start);
      pack.unpack(other);
#pragma unroll
      for (int i = 0; i < width; ++i) sum[i] += other[i];
    }
#pragma unroll
    for (int i = 0; i < width; ++i) sum[i] = passed_value(sum[i], Inputs);
    pack.pack(sum);
    *reinterpret_cast<decltype(pack.raw)*>(out + start) = pack.raw;
    return;
  }
  for (std::int64_t i = start; i < elements; ++i) {  // the tensor's end, at most one pack
    float sum = float_of(a[i]);
    if constexpr (Inputs > 1) sum += float_of(b[i]);
    if constexpr (Inputs > 2) sum += float_of(c[i]);
    out[i] = element_of<Element>(passed_value(sum, Inputs));
  }
}

/// Four parameters a thread: 16 bytes of each float array.
template <typename Element>
__global__ void __launch_bounds__(block)
    adam_kernel(AdamStep step, Element const* gradient, float4* master, float4* first, float4* second, Element* working,
                std::int64_t quads) {
  std::int64_t const i = static_cast<std::int64_t>(blockIdx.x) * block + threadIdx.x;
  if (i >= quads) return;
  struct alignas(4 * sizeof(Element)) Quad {
    Element value[4];
  };
  Quad const g = reinterpret_cast<Quad const*>(gradient)[i];
  float4 p = master[i], m = first[i], v = second[i];
  adam_update(step, float_of(g.value[0]), p.x, m.x, v.x);
  adam_update(step, float_of(g.value[1]), p.y, m.y, v.y);
  adam_update(step, float_of(g.value[2]), p.z, m.z, v.z);
  adam_update(step, float_of(g.value[3]), p.w, m.w, v.w);
  master[i] = p, first[i] = m, second[i] = v;
  Quad const w{
      {element_of<Element>(p.x), element_of<Element>(p.y), element_of<Element>(p.z), element_of<Element>(p.w)}};
  reinterpret_cast<Quad*>(working)[i] = w;
}

__global__ void __launch_bounds__(block) fill_verification_kernel(float* to, std::int64_t elements, int rank) {
  std::int64_t const i = static_cast<std::int64_t>(blockIdx.x) * block + threadIdx.x;
  if (i < elements) to[i] = verification_value(static_cast<std::size_t>(i), rank);
}

__global__ void __launch_bounds__(block)
    count_wrong_kernel(float const* sums, std::int64_t elements, int ranks, unsigned long long* wrong) {
  std::int64_t const i = static_cast<std::int64_t>(blockIdx.x) * block + threadIdx.x;
  bool const bad = i < elements && sums[i] != verification_sum(static_cast<std::size_t>(i), ranks);
  int const in_block = __syncthreads_count(bad);
  if (threadIdx.x == 0 && in_block > 0) atomicAdd(wrong, static_cast<unsigned long long>(in_block));
}

__global__ void delay_kernel(std::int64_t nanoseconds) {
  std::uint64_t start, now;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(start));
  do {
    __nanosleep(1000);
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
  } while (static_cast<std::int64_t>(now - start) < nanoseconds);
}

unsigned blocks_for(std::int64_t threads) { return static_cast<unsigned>((threads + block - 1) / block); }

template <typename Element>
void pass_as(void* out, std::array<void const*, 3> const& in, int inputs, std::int64_t elements, cudaStream_t stream) {
  auto* to = static_cast<Element*>(out);
  auto const *a = static_cast<Element const*>(in[0]), *b = static_cast<Element const*>(in[1]),
             *c = static_cast<Element const*>(in[2]);
  unsigned const grid = grid_for<Element>(elements);
  if (inputs == 1)
    pass_kernel<Element, 1><<<grid, block, 0, stream>>>(to, a, b, c, elements);
  else if (inputs == 2)
    pass_kernel<Element, 2><<<grid, block, 0, stream>>>(to, a, b, c, elements);
  else
    pass_kernel<Element, 3><<<grid, block, 0, stream>>>(to, a, b, c, elements);
}

template <typename Element>
void adam_as(AdamStep const& step, void const* gradient, float* master, float* first, float* second, void* working,
             std::int64_t elements, cudaStream_t stream) {
  std::int64_t const quads = elements / 4;  // tensors are padded to 128 elements
  adam_kernel<Element><<<blocks_for(quads), block, 0, stream>>>(
      step, static_cast<Element const*>(gradient), reinterpret_cast<float4*>(master), reinterpret_cast<float4*>(first),
      reinterpret_cast<float4*>(second), static_cast<Element*>(working), quads);
}

}  // namespace

void fill(void* to, std::int64_t elements, NumberFormat precision, std::uint64_t seed, cudaStream_t stream) {
  if (precision == NumberFormat::bf16)
    fill_kernel<<<grid_for<__nv_bfloat16>(elements), block, 0, stream>>>(static_cast<__nv_bfloat16*>(to), elements,
                                                                         seed);
  else
    fill_kernel<<<grid_for<float>(elements), block, 0, stream>>>(static_cast<float*>(to), elements, seed);
}

void pass(void* out, std::array<void const*, 3> const& in, int inputs, std::int64_t elements, NumberFormat precision,
          cudaStream_t stream) {
  if (precision == NumberFormat::bf16)
    pass_as<__nv_bfloat16>(out, in, inputs, elements, stream);
  else
    pass_as<float>(out, in, inputs, elements, stream);
}

void adam(AdamStep const& step, void const* gradient, float* master, float* first_moment, float* second_moment,
          void* working, std::int64_t elements, NumberFormat precision, cudaStream_t stream) {
  if (precision == NumberFormat::bf16)
    adam_as<__nv_bfloat16>(step, gradient, master, first_moment, second_moment, working, elements, stream);
  else
    adam_as<float>(step, gradient, master, first_moment, second_moment, working, elements, stream);
}

void fill_verification(float* to, std::int64_t elements, int rank, cudaStream_t stream) {
  fill_verification_kernel<<<blocks_for(elements), block, 0, stream>>>(to, elements, rank);
}

void count_wrong(float const* sums, std::int64_t elements, int ranks, unsigned long long* wrong, cudaStream_t stream) {
  count_wrong_kernel<<<blocks_for(elements), block, 0, stream>>>(sums, elements, ranks, wrong);
}

void delay(std::int64_t nanoseconds, cudaStream_t stream) { delay_kernel<<<1, 1, 0, stream>>>(nanoseconds); }

}  // namespace kurve::calibrate::cuda
