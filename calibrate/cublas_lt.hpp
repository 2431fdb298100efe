// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <memory>

#include "calibrate/training_step.hpp"

namespace kurve::calibrate::cuda {

/// Matrix products by cuBLASLt on the current device, in one precision.
///
/// The library is loaded when the first object is made: linked, its half a gigabyte would cost every start of the
/// program 0.1 s. One object a device; not for two threads at once.
class MatrixLibrary {
 public:
  /// @throws DeviceError where cuBLASLt cannot be loaded or started
  explicit MatrixLibrary(NumberFormat precision);
  ~MatrixLibrary();
  MatrixLibrary(MatrixLibrary const&) = delete;
  MatrixLibrary& operator=(MatrixLibrary const&) = delete;

  /// Finds the fastest of the algorithms that cuBLASLt's heuristics name first, by running each on these operands;
  /// once for a shape. Never inside a timing or a capture.
  /// @throws DeviceError where cuBLASLt has no algorithm for the shape
  void prepare(MatrixProduct const& product, void const* a, void const* b, void* out, cudaStream_t stream);
  /// Puts a prepared product on the stream.
  void multiply(MatrixProduct const& product, void const* a, void const* b, void* out, cudaStream_t stream);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kurve::calibrate::cuda
