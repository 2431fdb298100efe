// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "calibrate/workload.hpp"
#include "data/keyed_text.hpp"

namespace kurve::calibrate {

/// A perceptron: tanh hidden layers, softmax cross-entropy over classes.
/// The default steps in several ms and all-reduces 3.4 MB: chosen so that one core's compute, optimizer and ring are of
/// one order at 8 to 64 samples, where none of the three can hide an error in another.
struct PerceptronShape {
  std::vector<int> widths{256, 768, 768, 64};  ///< input, hidden..., classes; at least two
  int pool = 1024;                             ///< distinct training samples; the largest local batch
};
/// Keys: widths (`256-768-64`), pool. @throws InputError
[[nodiscard]] PerceptronShape perceptron_shape(data::KeyedText& text);

/// Real matrix products, single-threaded, trained by Adam.
///
/// Samples and labels (a random linear teacher's choice) are a function of the data seed alone, so every rank holds the
/// same pool and takes its own rows of the global batch.
class Perceptron : public Workload {
 public:
  explicit Perceptron(PerceptronShape const& shape = {});
  ~Perceptron() override;

  void reset(std::uint64_t seed) override;
  /// @param local_batch  from 1 to shape.pool
  void forward_backward(int local_batch, Place place) override;
  void update(float gradient_scale) override;
  std::span<float> gradient() override;
  std::string description() const override;
  int largest_batch() const override;
  double flop(int local_batch) const override;

  [[nodiscard]] std::span<float> parameters();
  [[nodiscard]] double loss() const;                        ///< mean over the last batch
  [[nodiscard]] std::vector<double> const& losses() const;  ///< one an update since reset
  /// First parameter of each layer (weights, then biases), and the total count last. [n_layers + 1]
  [[nodiscard]] std::vector<std::size_t> const& layer_offsets() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kurve::calibrate
