// SPDX-License-Identifier: Apache-2.0
// Launches the programs of sim/block_programs.hpp. Compiled without contraction (-fmad=false): a multiplication and an
// addition are fused only where the source says so, as on processors.
#include <thrust/device_vector.h>
#include <thrust/host_vector.h>
#include <thrust/system_error.h>

#include <algorithm>
#include <string>
#include <type_traits>

#include "model/error.hpp"
#include "sim/block_programs.hpp"

namespace kurve::sim {
namespace {

constexpr std::uint32_t block_threads = 256, most_ring_threads = 512;
constexpr std::uint32_t words_a_thread = 64;        // a thread's Philox blocks before a trial takes more thread blocks
constexpr std::uint32_t most_shared_ranks = 16384;  // whose distances and factors fit a block's shared memory
constexpr std::size_t most_ring_bytes = std::size_t{1} << 31;  // of all blocks' steps

void check(cudaError_t error, char const* call) {
  if (error == cudaSuccess) return;
  static_cast<void>(cudaGetLastError());  // else the next call would report it again
  throw DeviceError(std::string(call) + ": " + cudaGetErrorString(error) + " (" + cudaGetErrorName(error) + ")");
}

struct DeviceBlock {
  std::uint32_t threads;
  template <typename Step>
  KURVE_HOST_DEVICE void operator()(Step const& step) const {
#ifdef __CUDA_ARCH__
    step(threadIdx.x);
    __syncthreads();
#endif
  }
};

/// Uninitialised shared memory of a type that has constructors.
template <typename T>
struct alignas(T) Storage {
  unsigned char bytes[sizeof(T)];
  __device__ T& value() { return *reinterpret_cast<T*>(bytes); }
};

__global__ void slowest_kernel(WorkerLaws laws, std::uint32_t phase, std::uint32_t first_trial,
                               std::uint32_t blocks_a_trial, Slowest* of_trials) {
  __shared__ Storage<Slowest> in_block;
  std::uint32_t const trial = blockIdx.x / blocks_a_trial;
  find_slowest(DeviceBlock{blockDim.x}, laws, {first_trial + trial, phase},
               {blockIdx.x % blocks_a_trial, blocks_a_trial}, in_block.value(), of_trials[trial]);
}

__global__ void factors_kernel(WorkerLaws laws, std::uint32_t trials, Slowest const* of_trials, double* factors) {
  std::uint32_t const trial = blockIdx.x * blockDim.x + threadIdx.x;
  if (trial < trials) factors[trial] = factor_of(laws, of_trials[trial]);
}

/// Memory of every block in one piece: compute and finish of each rank, then its distance and factor unless shared.
struct RingRoom {
  double* seconds;
  float* distances;  ///< null: in shared memory
};

constexpr std::uint32_t most_rows = 3;

__global__ void ring_kernel(RingSteps steps, BucketRow const* rows, std::uint32_t row_count, std::uint32_t first_trial,
                            std::uint32_t trials, RingRoom room, RingStep* drawn) {
  extern __shared__ double dynamic[];
  __shared__ Storage<BucketRow> own_rows[most_rows];
  __shared__ double largest, moved;
  // Tables are read by every hop: from shared memory, where the 32 entries of a power lie in as many banks.
  auto const* from = reinterpret_cast<std::uint32_t const*>(rows);
  auto* to = reinterpret_cast<std::uint32_t*>(own_rows);
  for (std::uint32_t i = threadIdx.x; i < row_count * sizeof(BucketRow) / sizeof(std::uint32_t); i += blockDim.x)
    to[i] = from[i];
  __syncthreads();
  std::size_t const ranks = steps.workers.ranks;
  double* const edges = dynamic;
  double* const seconds = room.seconds + 2 * ranks * blockIdx.x;
  float* const distances = room.distances == nullptr ? reinterpret_cast<float*>(dynamic + 2 * blockDim.x)
                                                     : room.distances + 2 * ranks * blockIdx.x;
  RingMemory const memory{seconds,  seconds + ranks, distances, distances + ranks, {edges, edges + blockDim.x},
                          &largest, &moved};
  DeviceBlock const block{blockDim.x};
  RingProgram const program(block, steps.workers, memory);
  for (std::uint32_t trial = blockIdx.x; trial < trials; trial += gridDim.x) {
    RingStep const step = program.draw(steps, &own_rows[0].value(), row_count, first_trial + trial);
    if (threadIdx.x == 0) drawn[trial] = step;
  }
}

static_assert(std::is_trivially_copyable_v<RingSteps> && std::is_trivially_copyable_v<BucketRow>);
static_assert(sizeof(BucketRow) % sizeof(std::uint32_t) == 0 && sizeof(Storage<BucketRow>) == sizeof(BucketRow));

class CudaDevice final : public DrawDevice {
 public:
  CudaDevice() {
    int devices = 0;
    if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
      static_cast<void>(cudaGetLastError());
      throw DeviceError("no CUDA device on this machine. Try --device cpu, whose numbers are the same?");
    }
    check(cudaGetDeviceProperties(&properties_, 0), "cudaGetDeviceProperties");
  }

  [[nodiscard]] std::string name() const override { return properties_.name; }

  void slowest_workers(WorkerLaws const& laws, std::uint32_t phase, std::uint32_t first_trial,
                       std::span<double> slowest) const override {
    guarded([&] {
      auto const trials = static_cast<std::uint32_t>(slowest.size());
      std::uint32_t const blocks = std::clamp(fours(laws) / (words_a_thread * block_threads), 1u, 1024u);
      thrust::device_vector<Slowest> of_trials(trials);
      thrust::device_vector<double> factors(trials);
      slowest_kernel<<<trials * blocks, block_threads>>>(laws, phase, first_trial, blocks, of_trials.data().get());
      check(cudaGetLastError(), "slowest_kernel");
      factors_kernel<<<(trials + block_threads - 1) / block_threads, block_threads>>>(
          laws, trials, of_trials.data().get(), factors.data().get());
      check(cudaGetLastError(), "factors_kernel");
      thrust::copy(factors.begin(), factors.end(), slowest.begin());
    });
  }

  void ring_steps(RingSteps const& steps, std::span<BucketRow const> rows, std::uint32_t first_trial,
                  std::span<RingStep> drawn) const override {
    guarded([&] {
      auto const trials = static_cast<std::uint32_t>(drawn.size()), ranks = steps.workers.ranks;
      std::uint32_t const threads = std::clamp((ranks / 2 + 31) / 32 * 32, 32u, most_ring_threads);
      bool const shared = ranks <= most_shared_ranks;
      std::size_t const dynamic = 2 * threads * sizeof(double) + (shared ? 2 * ranks * sizeof(float) : 0);
      check(cudaFuncSetAttribute(ring_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(dynamic)),
            "cudaFuncSetAttribute");
      int resident = 0;
      check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&resident, ring_kernel, static_cast<int>(threads), dynamic),
            "cudaOccupancyMaxActiveBlocksPerMultiprocessor");
      std::size_t const room = 2 * ranks * (sizeof(double) + (shared ? 0 : sizeof(float)));
      auto const blocks = static_cast<std::uint32_t>(std::clamp<std::size_t>(
          std::min<std::size_t>(static_cast<std::size_t>(resident) * properties_.multiProcessorCount,
                                most_ring_bytes / room),
          1, trials));
      thrust::device_vector<double> seconds(2 * std::size_t{ranks} * blocks);
      thrust::device_vector<float> distances(shared ? 0 : 2 * std::size_t{ranks} * blocks);
      thrust::device_vector<BucketRow> own_rows(rows.begin(), rows.end());
      thrust::device_vector<RingStep> own_drawn(trials);
      ring_kernel<<<blocks, threads, dynamic>>>(
          steps, own_rows.data().get(), static_cast<std::uint32_t>(rows.size()), first_trial, trials,
          {seconds.data().get(), shared ? nullptr : distances.data().get()}, own_drawn.data().get());
      check(cudaGetLastError(), "ring_kernel");
      thrust::copy(own_drawn.begin(), own_drawn.end(), drawn.begin());
    });
  }

 private:
  /// What goes wrong in thrust, as our own error.
  template <typename Work>
  static void guarded(Work const& work) {
    try {
      work();
    } catch (thrust::system_error const& error) {
      throw DeviceError(std::string("drawing on the GPU: ") + error.what());
    }
  }

  cudaDeviceProp properties_{};
};

}  // namespace

std::unique_ptr<DrawDevice> open_cuda_device() { return std::make_unique<CudaDevice>(); }

}  // namespace kurve::sim
