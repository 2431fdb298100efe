// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "calibrate/workload_mlp.hpp"

namespace kurve::calibrate {

/// How numbers are stored and multiplied: bf16 in 2 bytes; tf32 and fp32 in 4, tf32 multiplied with 10 bits of
/// mantissa.
enum class NumberFormat { bf16, tf32, fp32 };
[[nodiscard]] std::string_view to_text(NumberFormat precision);
[[nodiscard]] int bytes_per_element(NumberFormat precision);

/// A decoder-only transformer as GPT-2's: pre-norm, learnt positions, MLP of four widths, embedding tied to the output.
/// The default is GPT-2 small, its vocabulary of 50257 padded to a multiple of 64 for the matrix units.
/// Source: Radford et al., "Language Models are Unsupervised Multitask Learners" (2019), table 2.
struct TransformerShape {
  int layers = 12, width = 768, heads = 12;
  int sequence = 1024;  ///< tokens in a sample
  int vocabulary = 50304;
};
/// The training job whose step is timed on a GPU: a transformer, or the perceptron that CPU ranks run too.
struct TrainingJob {
  std::variant<TransformerShape, PerceptronShape> shape;
  NumberFormat precision = NumberFormat::bf16;
};

/// `transformer: layers=24,width=1024,heads=16,sequence=1024,vocabulary=50304,precision=bf16` or
/// `mlp: widths=1024-4096-1024,precision=tf32`; each key may be left out, and "" is the default transformer.
/// @throws InputError naming the key and what it may be; where heads do not divide the width
[[nodiscard]] TrainingJob training_job_from_text(std::string_view text);
/// The same text with every key, which reads back as the same job.
[[nodiscard]] std::string to_text(TrainingJob const& job);

/// Where a tensor lies: parameters and gradient share one layout; activations are the local batch's own.
enum class Arena { parameters, gradient, activations };
struct Tensor {
  Arena arena = Arena::activations;
  std::int64_t offset = 0;    ///< [elements], a multiple of `tensor_alignment`
  std::int64_t elements = 0;  ///< of one use; several uses may share a place
};
/// 256 bytes at 2 bytes an element: what cuBLASLt's heuristics assume of pointers unless told otherwise.
inline constexpr std::int64_t tensor_alignment = 128;

/// out[m x n] = scale op(a)[m x k] op(b)[k x n], `batch` of them back to back, all row-major and dense.
/// A transposed operand is stored as its transpose: [k x m], [n x k].
struct MatrixProduct {
  std::int64_t m = 0, n = 0, k = 0, batch = 1;
  bool transpose_a = false, transpose_b = false;
  Tensor a{}, b{}, out{};
  double scale = 1.0;  ///< 1/sqrt(k): a sum of k products of unit variance keeps unit variance
};
/// Work that only moves memory: reads each input once, writes as many elements.
struct ElementwisePass {
  std::array<Tensor, 3> in{};
  int inputs = 1;
  Tensor out{};
};
struct StepOperation {
  std::variant<MatrixProduct, ElementwisePass> work;
  int finishes_gradient = -1;  ///< index of the gradient tensor that is whole after this one; -1: none
};

/// Floating point operations and the least memory traffic, each operand once.
struct Work {
  double flop = 0.0;
  double bytes = 0.0;
};

[[nodiscard]] Work work_of(StepOperation const& operation, NumberFormat precision);

/// One training step of one worker as matrix products and memory passes, with a place for every tensor.
///
/// Attention is materialised (scores and probabilities go through memory), biases are thought fused into the products,
/// the embedding's gradient ends last because it is tied. Dropout there is none.
struct TrainingStep {
  NumberFormat precision = NumberFormat::bf16;
  std::vector<StepOperation> forward, backward;
  std::int64_t parameters = 0;                  ///< as published counts go
  std::vector<std::int64_t> gradient_elements;  ///< [n_tensors] each padded to tensor_alignment, in the order they end
  std::int64_t activation_elements = 0;         ///< of the activation arena

  [[nodiscard]] std::int64_t padded_parameters() const;  ///< sum of gradient_elements
  [[nodiscard]] std::int64_t gradient_bytes() const;
  [[nodiscard]] std::int64_t activation_bytes() const;
  /// All that training keeps on the device: parameters, gradient, Adam's master copy and moments in float, activations.
  [[nodiscard]] std::int64_t device_bytes() const;
  [[nodiscard]] Work compute() const;  ///< forward and backward
  /// Adam over all parameters: reads gradient, master, both moments; writes master, moments and the working copy.
  [[nodiscard]] Work update() const;
};

/// @param local_batch  samples, at least 1
[[nodiscard]] TrainingStep training_step(TrainingJob const& job, int local_batch);

/// Largest local batch whose step fits in `device_bytes`; 0 where not even one sample does.
[[nodiscard]] int largest_local_batch(TrainingJob const& job, std::int64_t device_bytes);

/// A matrix as BLAS sees it: column-major, `rows` apart.
struct ColumnMajor {
  std::int64_t rows = 0, columns = 0;
};
/// A row-major product for a column-major library: out^T = op(b)^T op(a)^T, so the operands change places and a
/// transposed one stays transposed.
struct ColumnMajorProduct {
  ColumnMajor first, second, out;  ///< first is b, second is a
  bool transpose_first = false, transpose_second = false;
};
[[nodiscard]] ColumnMajorProduct column_major(MatrixProduct const& product);

}  // namespace kurve::calibrate
