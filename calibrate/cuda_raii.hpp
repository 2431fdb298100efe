// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <string>
#include <utility>

#include "model/error.hpp"

namespace kurve::calibrate::cuda {

/// @throws DeviceError naming the call, CUDA's words for the error, and the device
inline void check(cudaError_t error, char const* call) {
  if (error == cudaSuccess) return;
  int device = -1;
  cudaGetDevice(&device);
  static_cast<void>(cudaGetLastError());  // else the next call would report it again
  throw DeviceError(std::string(call) + ": " + cudaGetErrorString(error) + " (" + cudaGetErrorName(error) +
                    ", device " + std::to_string(device) + ")");
}

/// An owner of a CUDA handle: made by Create, ended by Destroy; moved-from means empty.
template <typename Handle, auto Create, auto Destroy>
class Owned {
 public:
  Owned() { check(Create(&handle_), "creating a CUDA stream or event"); }
  Owned(Owned&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Owned& operator=(Owned&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Owned() {
    if (handle_ != nullptr) Destroy(handle_);
  }
  [[nodiscard]] Handle get() const { return handle_; }

 private:
  Handle handle_ = nullptr;
};

inline cudaError_t create_stream(cudaStream_t* stream) {
  return cudaStreamCreateWithFlags(stream, cudaStreamNonBlocking);
}
inline cudaError_t create_event(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, cudaEventDefault); }
using Stream = Owned<cudaStream_t, create_stream, cudaStreamDestroy>;
using Event = Owned<cudaEvent_t, create_event, cudaEventDestroy>;

/// Seconds between two events that have both happened; resolution 0.5 us (CUDA Runtime API, cudaEventElapsedTime).
inline double seconds_between(Event const& start, Event const& end) {
  float milliseconds = 0.0f;
  check(cudaEventElapsedTime(&milliseconds, start.get(), end.get()), "cudaEventElapsedTime");
  return static_cast<double>(milliseconds) * 1e-3;
}

/// Device memory, or pinned host memory.
template <auto Free>
class Memory {
 public:
  Memory() = default;
  Memory(Memory&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  Memory& operator=(Memory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Memory() { clear(); }
  void clear() {
    if (data_ != nullptr) Free(data_);
    data_ = nullptr;
    bytes_ = 0;
  }
  [[nodiscard]] void* data() const { return data_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 protected:
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

class DeviceMemory : public Memory<cudaFree> {
 public:
  DeviceMemory() = default;
  explicit DeviceMemory(std::size_t bytes) {
    if (bytes == 0) return;
    check(cudaMalloc(&data_, bytes), ("cudaMalloc of " + std::to_string(bytes) + " bytes").c_str());
    bytes_ = bytes;
  }
};

class PinnedMemory : public Memory<cudaFreeHost> {
 public:
  explicit PinnedMemory(std::size_t bytes) {
    check(cudaMallocHost(&data_, bytes), "cudaMallocHost");
    bytes_ = bytes;
  }
};

/// A captured and instantiated graph.
class Graph {
 public:
  Graph() = default;
  Graph(Graph&& other) noexcept : exec_(std::exchange(other.exec_, nullptr)) {}
  Graph& operator=(Graph&& other) noexcept {
    std::swap(exec_, other.exec_);
    return *this;
  }
  ~Graph() {
    if (exec_ != nullptr) cudaGraphExecDestroy(exec_);
  }
  /// Captures what `enqueue` puts on the stream; nothing of it runs.
  template <typename Enqueue>
  static Graph capture(cudaStream_t stream, Enqueue&& enqueue) {
    Graph graph;
    cudaGraph_t captured = nullptr;
    check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
    try {
      enqueue();
    } catch (...) {  // the stream must leave capture mode whatever happened; the error goes on
      if (cudaStreamEndCapture(stream, &captured) == cudaSuccess && captured != nullptr) cudaGraphDestroy(captured);
      throw;
    }
    check(cudaStreamEndCapture(stream, &captured), "cudaStreamEndCapture");
    cudaError_t const made = cudaGraphInstantiate(&graph.exec_, captured, 0);
    cudaGraphDestroy(captured);
    check(made, "cudaGraphInstantiate");
    return graph;
  }
  [[nodiscard]] bool empty() const { return exec_ == nullptr; }
  void launch(cudaStream_t stream) const { check(cudaGraphLaunch(exec_, stream), "cudaGraphLaunch"); }

 private:
  cudaGraphExec_t exec_ = nullptr;
};

}  // namespace kurve::calibrate::cuda
