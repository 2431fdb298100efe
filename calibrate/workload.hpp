// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace kurve::calibrate {

/// A perceptron: tanh hidden layers, softmax cross-entropy over classes.
/// The default steps in several ms and all-reduces 3.4 MB: chosen so that one core's compute, optimizer and ring are of
/// one order at 8 to 64 samples, where none of the three can hide an error in another.
struct WorkloadShape {
  std::vector<int> widths{256, 768, 768, 64};  ///< input, hidden..., classes; at least two
  int pool = 1024;                             ///< distinct training samples; the largest local batch
};

/// One rank's training job: real matrix products, single-threaded, the same work every step.
///
/// Samples and labels (a random linear teacher's choice) are a function of the data seed alone, so every rank holds the
/// same pool and takes its own rows of the global batch.
class Workload {
 public:
  explicit Workload(WorkloadShape const& shape = {});
  ~Workload();
  Workload(Workload&&) noexcept;
  Workload& operator=(Workload&&) noexcept;

  /// Fresh weights and optimizer state; allocates, so never inside a timing.
  void reset(std::uint64_t seed);
  /// Forward and backward over `local_batch` samples (1 to shape.pool); leaves the mean gradient in gradient().
  /// @return mean loss over these samples
  double forward_backward(int local_batch, int rank);
  /// Adam on every parameter with gradient() times `gradient_scale`, and the loss log: the serial part of a step.
  void update(float gradient_scale);

  [[nodiscard]] std::span<float> gradient();
  [[nodiscard]] std::span<float> parameters();
  [[nodiscard]] std::vector<double> const& losses() const;  ///< one a step since reset
  /// First parameter of each layer (weights, then biases), and the total count last. [n_layers + 1]
  [[nodiscard]] std::vector<std::size_t> const& layer_offsets() const;
  [[nodiscard]] std::int64_t gradient_bytes() const;
  [[nodiscard]] int largest_batch() const;
  [[nodiscard]] std::string description() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kurve::calibrate
