// SPDX-License-Identifier: Apache-2.0
#include "calibrate/training_step.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <sstream>

#include "model/contract.hpp"
#include "model/error.hpp"

namespace kurve::calibrate {
namespace {

std::int64_t padded(std::int64_t elements) {
  return (elements + tensor_alignment - 1) / tensor_alignment * tensor_alignment;
}

/// Lays out a step: hands out places, appends operations.
class Builder {
 public:
  Builder(NumberFormat precision, int local_batch) : batch_(local_batch) { step_.precision = precision; }

  /// A parameter tensor and its gradient, by the order in which backward ends them.
  /// @param weight    elements of the matrix, first in its place
  /// @param attached  biases and norms that end with it
  int parameter(std::int64_t weight, std::int64_t attached) {
    offsets_.push_back(offsets_.empty() ? 0 : offsets_.back() + step_.gradient_elements.back());
    weights_.push_back(weight);
    step_.gradient_elements.push_back(padded(weight + attached));
    step_.parameters += weight + attached;
    return static_cast<int>(offsets_.size()) - 1;
  }
  Tensor weight(int parameter) const { return {Arena::parameters, offsets_.at(parameter), weights_.at(parameter)}; }
  Tensor gradient(int parameter) const { return {Arena::gradient, offsets_.at(parameter), weights_.at(parameter)}; }
  Tensor activation(std::int64_t elements) {
    Tensor const place{Arena::activations, step_.activation_elements, elements};
    step_.activation_elements += padded(elements);
    return place;
  }

  void forward(MatrixProduct product) { add(step_.forward, product); }
  void forward_pass(Tensor out, std::initializer_list<Tensor> in) { add(step_.forward, out, in); }
  void backward(MatrixProduct product, int finishes = -1) { add(step_.backward, product, finishes); }
  void backward_pass(Tensor out, std::initializer_list<Tensor> in, int finishes = -1) {
    add(step_.backward, out, in, finishes);
  }

  /// y[rows x out] = x[rows x in] W, W stored [in x out].
  void dense_forward(Tensor y, Tensor x, int parameter, std::int64_t rows, std::int64_t in, std::int64_t out) {
    forward({.m = rows, .n = out, .k = in, .a = x, .b = weight(parameter), .out = y});
  }
  /// dx = dy W^T (unless x is the input of the network), dW = x^T dy.
  void dense_backward(Tensor const* dx, Tensor x, Tensor dy, int parameter, std::int64_t rows, std::int64_t in,
                      std::int64_t out) {
    if (dx != nullptr)
      backward({.m = rows, .n = in, .k = out, .transpose_b = true, .a = dy, .b = weight(parameter), .out = *dx});
    backward({.m = in, .n = out, .k = rows, .transpose_a = true, .a = x, .b = dy, .out = gradient(parameter)},
             parameter);
  }

  std::int64_t batch() const { return batch_; }
  TrainingStep take() { return std::move(step_); }

 private:
  static void add(std::vector<StepOperation>& to, MatrixProduct product, int finishes = -1) {
    product.scale = 1.0 / std::sqrt(static_cast<double>(product.k));
    to.push_back({product, finishes});
  }
  static void add(std::vector<StepOperation>& to, Tensor out, std::initializer_list<Tensor> in, int finishes = -1) {
    ElementwisePass pass{.inputs = static_cast<int>(in.size()), .out = out};
    std::copy(in.begin(), in.end(), pass.in.begin());
    to.push_back({pass, finishes});
  }

  std::int64_t batch_;
  TrainingStep step_;
  std::vector<std::int64_t> offsets_, weights_;
};

/// Tensors that a layer's forward leaves for its backward.
struct LayerState {
  Tensor x, norm1, q, k, v, probabilities, merged, residual, norm2, hidden, active;
  int qkv = 0, projection = 0, expand = 0, contract = 0;  // parameters
};

class TransformerBuilder {
 public:
  TransformerBuilder(TransformerShape const& shape, NumberFormat precision, int local_batch)
      : s_(shape),
        b_(precision, local_batch),
        tokens_(b_.batch() * shape.sequence),
        wide_(tokens_ * shape.width),
        scores_(b_.batch() * shape.heads * shape.sequence * shape.sequence) {}

  TrainingStep build() {
    std::int64_t const w = s_.width;
    std::vector<LayerState> layers(static_cast<std::size_t>(s_.layers));
    for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) {  // the order in which gradients end
      layer->contract = b_.parameter(4 * w * w, w);
      layer->expand = b_.parameter(4 * w * w, 4 * w + 2 * w);
      layer->projection = b_.parameter(w * w, w);
      layer->qkv = b_.parameter(3 * w * w, 3 * w + 2 * w);
    }
    embedding_ = b_.parameter(s_.vocabulary * w, s_.sequence * w + 2 * w);
    scratch_scores_ = b_.activation(scores_);
    scratch_wide_ = b_.activation(4 * padded(wide_));
    scratch_heads_ = b_.activation(3 * padded(wide_));
    forward(layers);
    backward(layers);
    return b_.take();
  }

 private:
  Tensor wide(int times = 1) { return b_.activation(times * wide_); }
  static Tensor part(Tensor tensor, std::int64_t index, std::int64_t elements) {
    return {tensor.arena, tensor.offset + index * padded(elements), elements};
  }

  void forward(std::vector<LayerState>& layers) {
    Tensor x = wide();
    Tensor const rows{Arena::parameters, b_.weight(embedding_).offset, std::min(wide_, b_.weight(embedding_).elements)};
    b_.forward_pass({x.arena, x.offset, rows.elements}, {rows});  // the lookup of the batch's tokens
    for (auto& layer : layers) x = forward_layer(layer, x);
    head_norm_ = wide();
    last_ = x;
    b_.forward_pass(head_norm_, {x});
    logits_ = b_.activation(tokens_ * s_.vocabulary);
    // The embedding is stored [vocabulary x width]: logits are its transpose's product.
    b_.forward({.m = tokens_,
                .n = s_.vocabulary,
                .k = s_.width,
                .transpose_b = true,
                .a = head_norm_,
                .b = b_.weight(embedding_),
                .out = logits_});
    b_.forward_pass(logits_, {logits_});  // softmax, loss and its gradient in place
  }

  Tensor forward_layer(LayerState& l, Tensor x) {
    std::int64_t const w = s_.width, heads = b_.batch() * s_.heads, d = w / s_.heads, n = s_.sequence;
    l.x = x;
    b_.forward_pass(l.norm1 = wide(), {x});
    Tensor const qkv{Arena::activations, scratch_wide_.offset, 3 * wide_};
    b_.dense_forward(qkv, l.norm1, l.qkv, tokens_, w, 3 * w);
    Tensor const split = b_.activation(3 * padded(wide_));  // [3][batch x heads][sequence x d]
    b_.forward_pass({split.arena, split.offset, 3 * wide_}, {qkv});
    l.q = part(split, 0, wide_), l.k = part(split, 1, wide_), l.v = part(split, 2, wide_);
    b_.forward(
        {.m = n, .n = n, .k = d, .batch = heads, .transpose_b = true, .a = l.q, .b = l.k, .out = scratch_scores_});
    b_.forward_pass(l.probabilities = b_.activation(scores_), {scratch_scores_});
    Tensor const context{Arena::activations, scratch_heads_.offset, wide_};
    b_.forward({.m = n, .n = d, .k = n, .batch = heads, .a = l.probabilities, .b = l.v, .out = context});
    b_.forward_pass(l.merged = wide(), {context});
    Tensor const out{Arena::activations, scratch_wide_.offset, wide_};
    b_.dense_forward(out, l.merged, l.projection, tokens_, w, w);
    b_.forward_pass(l.residual = wide(), {x, out});
    b_.forward_pass(l.norm2 = wide(), {l.residual});
    b_.dense_forward(l.hidden = wide(4), l.norm2, l.expand, tokens_, w, 4 * w);
    b_.forward_pass(l.active = wide(4), {l.hidden});
    b_.dense_forward(out, l.active, l.contract, tokens_, 4 * w, w);
    Tensor const y = wide();
    b_.forward_pass(y, {l.residual, out});
    return y;
  }

  void backward(std::vector<LayerState> const& layers) {
    Tensor const dnorm{Arena::activations, scratch_wide_.offset, wide_};
    Tensor dx = wide(), dresidual = wide();
    b_.backward(
        {.m = tokens_, .n = s_.width, .k = s_.vocabulary, .a = logits_, .b = b_.weight(embedding_), .out = dnorm});
    b_.backward({.m = s_.vocabulary,
                 .n = s_.width,
                 .k = tokens_,
                 .transpose_a = true,
                 .a = logits_,
                 .b = head_norm_,
                 .out = b_.gradient(embedding_)});
    b_.backward_pass(dx, {dnorm, last_});
    for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) backward_layer(*layer, dx, dresidual);
    // Scatter into the embedding's gradient: as many rows as tokens, read, added to, written.
    Tensor const rows{Arena::gradient, b_.gradient(embedding_).offset,
                      std::min(wide_, b_.gradient(embedding_).elements)};
    b_.backward_pass(rows, {rows, {dx.arena, dx.offset, rows.elements}}, embedding_);
  }

  /// From the gradient of the layer's output in dx to that of its input, in the same place.
  void backward_layer(LayerState const& l, Tensor dx, Tensor dresidual) {
    std::int64_t const w = s_.width, heads = b_.batch() * s_.heads, d = w / s_.heads, n = s_.sequence;
    Tensor const dhidden{Arena::activations, scratch_wide_.offset, 4 * wide_};
    Tensor const narrow{Arena::activations, scratch_wide_.offset, wide_};
    b_.dense_backward(&dhidden, l.active, dx, l.contract, tokens_, 4 * w, w);
    b_.backward_pass(dhidden, {dhidden, l.hidden});
    Tensor const dnorm{Arena::activations, scratch_heads_.offset, wide_};
    b_.dense_backward(&dnorm, l.norm2, dhidden, l.expand, tokens_, w, 4 * w);
    b_.backward_pass(dresidual, {dnorm, l.residual, dx});

    b_.dense_backward(&narrow, l.merged, dresidual, l.projection, tokens_, w, w);
    Tensor const dcontext{Arena::activations, scratch_wide_.offset + padded(wide_), wide_};
    b_.backward_pass(dcontext, {narrow});  // split the heads
    Tensor const dq = part(scratch_heads_, 0, wide_), dk = part(scratch_heads_, 1, wide_),
                 dv = part(scratch_heads_, 2, wide_);
    b_.backward(
        {.m = n, .n = n, .k = d, .batch = heads, .transpose_b = true, .a = dcontext, .b = l.v, .out = scratch_scores_});
    b_.backward(
        {.m = n, .n = d, .k = n, .batch = heads, .transpose_a = true, .a = l.probabilities, .b = dcontext, .out = dv});
    b_.backward_pass(scratch_scores_, {scratch_scores_, l.probabilities});
    b_.backward({.m = n, .n = d, .k = n, .batch = heads, .a = scratch_scores_, .b = l.k, .out = dq});
    b_.backward(
        {.m = n, .n = d, .k = n, .batch = heads, .transpose_a = true, .a = scratch_scores_, .b = l.q, .out = dk});
    Tensor const dqkv{Arena::activations, scratch_wide_.offset, 3 * wide_};
    b_.backward_pass(dqkv, {{scratch_heads_.arena, scratch_heads_.offset, 3 * wide_}});  // merge the heads
    b_.dense_backward(&dnorm, l.norm1, dqkv, l.qkv, tokens_, w, 3 * w);
    b_.backward_pass(dx, {dnorm, l.x, dresidual});
  }

  TransformerShape s_;
  Builder b_;
  std::int64_t tokens_, wide_, scores_;
  int embedding_ = 0;
  Tensor scratch_scores_, scratch_wide_, scratch_heads_, head_norm_, last_, logits_;
};

TrainingStep perceptron_step(PerceptronShape const& shape, NumberFormat precision, int local_batch) {
  Builder b(precision, local_batch);
  auto const layers = shape.widths.size() - 1;
  auto width = [&](std::size_t i) { return static_cast<std::int64_t>(shape.widths[i]); };
  std::vector<int> parameters(layers);
  for (std::size_t l = layers; l-- > 0;) parameters[l] = b.parameter(width(l) * width(l + 1), width(l + 1));
  auto rows = [&](std::size_t i) { return b.activation(b.batch() * width(i)); };
  std::vector<Tensor> active{rows(0)}, raw;  // active[l] is the input of layer l
  for (std::size_t l = 0; l < layers; ++l) {
    raw.push_back(rows(l + 1));
    b.dense_forward(raw[l], active[l], parameters[l], b.batch(), width(l), width(l + 1));
    active.push_back(l + 1 < layers ? rows(l + 1) : raw[l]);
    b.forward_pass(active[l + 1], {raw[l]});  // the activation; for the last layer softmax and loss, in place
  }
  for (std::size_t l = layers; l-- > 0;) {
    Tensor const dx = l > 0 ? rows(l) : Tensor{};
    // Gradients of raw outputs are written over them: their values are not needed any more.
    b.dense_backward(l > 0 ? &dx : nullptr, active[l], raw[l], parameters[l], b.batch(), width(l), width(l + 1));
    if (l > 0) b.backward_pass(raw[l - 1], {dx, active[l]});
  }
  return b.take();
}

TransformerShape transformer_shape(data::KeyedText& text) {
  TransformerShape s;
  s.layers = text.whole("layers", s.layers, 1, 1024);
  s.width = text.whole("width", s.width, 1, 1 << 16);
  s.heads = text.whole("heads", s.heads, 1, 1024);
  s.sequence = text.whole("sequence", s.sequence, 1, 1 << 20);
  s.vocabulary = text.whole("vocabulary", s.vocabulary, 2, 1 << 22);
  if (s.width % s.heads != 0)
    throw InputError("transformer: heads=" + std::to_string(s.heads) +
                     " (must divide width=" + std::to_string(s.width) + ")");
  return s;
}

NumberFormat precision_of(data::KeyedText& text) {
  auto const name = text.text("precision", "bf16");
  for (auto const precision : {NumberFormat::bf16, NumberFormat::tf32, NumberFormat::fp32})
    if (name == to_text(precision)) return precision;
  throw InputError(text.name() + ": precision='" + name + "' (must be bf16, tf32 or fp32)");
}

}  // namespace

TrainingJob training_job_from_text(std::string_view description) {
  data::KeyedText text(description.empty() ? "transformer" : description);
  TrainingJob job;
  if (text.name() == "transformer")
    job.shape = transformer_shape(text);
  else if (text.name() == "mlp")
    job.shape = perceptron_shape(text);
  else
    throw InputError("unknown workload '" + text.name() + "' (GPUs run transformer or mlp)");
  job.precision = precision_of(text);
  text.expect_no_more();
  return job;
}

std::string to_text(TrainingJob const& job) {
  std::ostringstream text;
  if (auto const* s = std::get_if<TransformerShape>(&job.shape)) {
    text << "transformer: layers=" << s->layers << ",width=" << s->width << ",heads=" << s->heads
         << ",sequence=" << s->sequence << ",vocabulary=" << s->vocabulary;
  } else {
    auto const& mlp = std::get<PerceptronShape>(job.shape);
    text << "mlp: widths=";
    for (std::size_t i = 0; i < mlp.widths.size(); ++i) text << (i == 0 ? "" : "-") << mlp.widths[i];
    text << ",pool=" << mlp.pool;
  }
  text << ",precision=" << to_text(job.precision);
  return text.str();
}

Work work_of(StepOperation const& operation, NumberFormat precision) {
  double const size = bytes_per_element(precision);
  if (auto const* pass = std::get_if<ElementwisePass>(&operation.work))
    return {0.0, size * (pass->inputs + 1) * static_cast<double>(pass->out.elements)};
  auto const& p = std::get<MatrixProduct>(operation.work);
  auto const m = static_cast<double>(p.m), n = static_cast<double>(p.n), k = static_cast<double>(p.k),
             batch = static_cast<double>(p.batch);
  return {2.0 * batch * m * n * k, size * batch * (m * k + k * n + m * n)};
}

std::string_view to_text(NumberFormat precision) {
  switch (precision) {
    case NumberFormat::bf16:
      return "bf16";
    case NumberFormat::tf32:
      return "tf32";
    case NumberFormat::fp32:
      return "fp32";
  }
  return {};
}

int bytes_per_element(NumberFormat precision) { return precision == NumberFormat::bf16 ? 2 : 4; }

std::int64_t TrainingStep::padded_parameters() const {
  return std::accumulate(gradient_elements.begin(), gradient_elements.end(), std::int64_t{0});
}
std::int64_t TrainingStep::gradient_bytes() const { return padded_parameters() * bytes_per_element(precision); }
std::int64_t TrainingStep::activation_bytes() const { return activation_elements * bytes_per_element(precision); }
std::int64_t TrainingStep::device_bytes() const {
  std::int64_t const adam = 3 * std::int64_t{sizeof(float)} * padded_parameters();
  return 2 * gradient_bytes() + adam + activation_bytes();
}

Work TrainingStep::compute() const {
  Work sum;
  for (auto const* part : {&forward, &backward})
    for (auto const& operation : *part) {
      auto const work = work_of(operation, precision);
      sum.flop += work.flop;
      sum.bytes += work.bytes;
    }
  return sum;
}

Work TrainingStep::update() const {
  double const n = static_cast<double>(padded_parameters());  // some 15 operations on 28 bytes: the bytes decide
  return {0.0, n * (2.0 * bytes_per_element(precision) + 6.0 * sizeof(float))};
}

TrainingStep training_step(TrainingJob const& job, int local_batch) {
  KURVE_EXPECT(local_batch >= 1);
  if (auto const* shape = std::get_if<TransformerShape>(&job.shape))
    return TransformerBuilder(*shape, job.precision, local_batch).build();
  return perceptron_step(std::get<PerceptronShape>(job.shape), job.precision, local_batch);
}

int largest_local_batch(TrainingJob const& job, std::int64_t device_bytes) {
  auto fits = [&](int batch) { return training_step(job, batch).device_bytes() <= device_bytes; };
  int low = 0, high = 1;
  int const most =
      std::holds_alternative<PerceptronShape>(job.shape) ? std::get<PerceptronShape>(job.shape).pool : 1 << 20;
  while (high <= most && fits(high)) low = high, high *= 2;
  high = std::min(high, most + 1);
  while (high - low > 1) {
    int const middle = low + (high - low) / 2;
    (fits(middle) ? low : high) = middle;
  }
  return low;
}

ColumnMajorProduct column_major(MatrixProduct const& p) {
  return {.first = p.transpose_b ? ColumnMajor{p.k, p.n} : ColumnMajor{p.n, p.k},
          .second = p.transpose_a ? ColumnMajor{p.m, p.k} : ColumnMajor{p.k, p.m},
          .out = {p.n, p.m},
          .transpose_first = p.transpose_b,
          .transpose_second = p.transpose_a};
}

}  // namespace kurve::calibrate
