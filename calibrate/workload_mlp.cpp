// SPDX-License-Identifier: Apache-2.0
// Eigen is told not to thread: a rank is one core, and K ranks are K cores.
#define EIGEN_DONT_PARALLELIZE
#include "calibrate/workload_mlp.hpp"

#include <Eigen/Core>
#include <cmath>
#include <sstream>

#include "calibrate/random.hpp"
#include "model/contract.hpp"
#include "model/error.hpp"

namespace kurve::calibrate {
namespace {

using Matrix = Eigen::MatrixXf;  // columns are samples
using MatrixMap = Eigen::Map<Eigen::MatrixXf>;
using VectorMap = Eigen::Map<Eigen::VectorXf>;

constexpr std::uint64_t data_seed = 20240229;  // any constant: the data are part of the fixed workload
enum : std::uint64_t { input_stream, teacher_stream, weight_stream };

float normal(std::uint64_t seed, std::uint64_t stream, std::uint64_t index) {
  return static_cast<float>(random_normal(seed, stream, index));
}

Matrix random_matrix(int rows, int columns, std::uint64_t stream) {
  Matrix m(rows, columns);
  for (Eigen::Index i = 0; i < m.size(); ++i) m.data()[i] = normal(data_seed, stream, static_cast<std::uint64_t>(i));
  return m;
}

}  // namespace

PerceptronShape perceptron_shape(data::KeyedText& text) {
  PerceptronShape shape;
  if (auto const widths = text.find("widths")) {
    shape.widths.clear();
    std::istringstream in(*widths);
    for (std::string width; std::getline(in, width, '-');) {
      std::istringstream digits(width);
      int value = 0;
      if (!(digits >> value) || digits.peek() != EOF || value < 1 || value > 1 << 16)
        throw InputError("mlp: widths='" + *widths + "' (must be whole numbers from 1 to 65536, as 256-768-64)");
      shape.widths.push_back(value);
    }
    if (shape.widths.size() < 2)
      throw InputError("mlp: widths='" + *widths + "' (must be at least two: inputs and classes)");
  }
  shape.pool = text.whole("pool", shape.pool, 1, 1 << 20);
  return shape;
}

struct Perceptron::State {
  PerceptronShape shape;
  std::vector<std::size_t> offsets;  // of each layer's parameters
  Matrix inputs;
  std::vector<int> labels;
  std::vector<float> parameters, gradient, first_moment, second_moment;
  std::vector<Matrix> activations;  // [n_layers + 1], kept between calls so that timed steps do not allocate
  std::vector<Matrix> deltas;
  std::vector<double> losses;
  double last_loss = 0.0;
  std::int64_t step = 0;

  int layers() const { return static_cast<int>(shape.widths.size()) - 1; }
  int in(int layer) const { return shape.widths[static_cast<std::size_t>(layer)]; }
  int out(int layer) const { return shape.widths[static_cast<std::size_t>(layer) + 1]; }
  MatrixMap weights(std::vector<float>& of, int layer) const {
    return {of.data() + offsets[layer], out(layer), in(layer)};
  }
  VectorMap biases(std::vector<float>& of, int layer) const {
    return {of.data() + offsets[layer] + static_cast<std::size_t>(out(layer)) * in(layer), out(layer)};
  }
};

Perceptron::Perceptron(PerceptronShape const& shape) : state_(std::make_unique<State>()) {
  KURVE_EXPECT(shape.widths.size() >= 2 && shape.pool >= 1);
  auto& s = *state_;
  s.shape = shape;
  s.offsets.push_back(0);
  for (int l = 0; l < s.layers(); ++l)
    s.offsets.push_back(s.offsets.back() + static_cast<std::size_t>(s.out(l)) * (s.in(l) + 1));
  s.inputs = random_matrix(shape.widths.front(), shape.pool, input_stream);
  Matrix const scores = random_matrix(shape.widths.back(), shape.widths.front(), teacher_stream) * s.inputs;
  for (int i = 0; i < shape.pool; ++i) {
    Eigen::Index best = 0;
    scores.col(i).maxCoeff(&best);
    s.labels.push_back(static_cast<int>(best));
  }
  s.activations.resize(s.layers() + 1);
  s.deltas.resize(s.layers());
  reset(1);
}

Perceptron::~Perceptron() = default;

void Perceptron::reset(std::uint64_t seed) {
  auto& s = *state_;
  std::size_t const count = s.offsets.back();
  for (auto* buffer : {&s.parameters, &s.gradient, &s.first_moment, &s.second_moment}) buffer->assign(count, 0.0f);
  for (int l = 0; l < s.layers(); ++l) {
    auto weights = s.weights(s.parameters, l);
    float const scale = 1.0f / std::sqrt(static_cast<float>(s.in(l)));  // keeps activations of order one
    for (Eigen::Index i = 0; i < weights.size(); ++i)
      weights.data()[i] =
          scale * normal(seed, weight_stream + static_cast<std::uint64_t>(l), static_cast<std::uint64_t>(i));
  }
  s.losses.clear();
  s.losses.reserve(1 << 16);
  s.step = 0;
}

void Perceptron::forward_backward(int local_batch, Place place) {
  auto& s = *state_;
  KURVE_EXPECT(local_batch >= 1 && local_batch <= s.shape.pool && place.rank >= 0);
  Eigen::Index const batch = local_batch;
  Eigen::Index const first = place.rank * batch % (s.shape.pool - batch + 1);
  int const last = s.layers() - 1;

  s.activations[0] = s.inputs.middleCols(first, batch);
  for (int l = 0; l <= last; ++l) {
    auto& z = s.activations[l + 1];
    z.noalias() = s.weights(s.parameters, l) * s.activations[l];
    z.colwise() += s.biases(s.parameters, l);
    if (l < last) z.array() = z.array().tanh();
  }

  // Softmax cross-entropy: d loss / d logits = (probability - one hot) / batch.
  auto& delta = s.deltas[last];
  delta = s.activations[last + 1];
  double loss = 0.0;
  for (Eigen::Index i = 0; i < batch; ++i) {
    auto logits = delta.col(i);
    int const label = s.labels[first + i];
    logits.array() -= logits.maxCoeff();
    float const label_logit = logits(label);
    logits.array() = logits.array().exp();
    float const total = logits.sum();
    loss += std::log(static_cast<double>(total)) - static_cast<double>(label_logit);
    logits /= total * static_cast<float>(batch);
    logits(label) -= 1.0f / static_cast<float>(batch);
  }

  for (int l = last; l >= 0; --l) {
    s.weights(s.gradient, l).noalias() = s.deltas[l] * s.activations[l].transpose();
    s.biases(s.gradient, l) = s.deltas[l].rowwise().sum();
    if (l == 0) break;
    s.deltas[l - 1].noalias() = s.weights(s.parameters, l).transpose() * s.deltas[l];
    s.deltas[l - 1].array() *= 1.0f - s.activations[l].array().square();
  }
  s.last_loss = loss / static_cast<double>(batch);
}

void Perceptron::update(float gradient_scale) {
  // Adam with the constants of Kingma & Ba, ICLR 2015, algorithm 1.
  constexpr float b1 = 0.9f, b2 = 0.999f, rate = 1e-3f, epsilon = 1e-8f;
  auto& s = *state_;
  auto const t = static_cast<float>(++s.step);
  float const unbias1 = 1.0f / (1.0f - std::pow(b1, t)), unbias2 = 1.0f / (1.0f - std::pow(b2, t));
  auto const n = static_cast<Eigen::Index>(s.parameters.size());
  Eigen::Map<Eigen::ArrayXf> w(s.parameters.data(), n), g(s.gradient.data(), n), m(s.first_moment.data(), n),
      v(s.second_moment.data(), n);
  m = b1 * m + (1.0f - b1) * gradient_scale * g;
  v = b2 * v + (1.0f - b2) * (gradient_scale * g).square();
  w -= rate * unbias1 * m / ((unbias2 * v).sqrt() + epsilon);
  s.losses.push_back(s.last_loss);
}

std::span<float> Perceptron::gradient() { return state_->gradient; }
std::span<float> Perceptron::parameters() { return state_->parameters; }
std::vector<double> const& Perceptron::losses() const { return state_->losses; }
std::vector<std::size_t> const& Perceptron::layer_offsets() const { return state_->offsets; }
double Perceptron::loss() const { return state_->last_loss; }

int Perceptron::largest_batch() const { return state_->shape.pool; }

/// Three products a layer and sample (forward, weight gradient, input gradient) of 2 in out operations; the first layer
/// needs no input gradient.
double Perceptron::flop(int local_batch) const {
  double products = 0.0;
  for (int l = 0; l < state_->layers(); ++l) products += (l == 0 ? 2.0 : 3.0) * 2.0 * state_->in(l)*state_->out(l);
  return products * local_batch;
}

std::string Perceptron::description() const {
  std::string text = "MLP";
  for (std::size_t i = 0; i < state_->shape.widths.size(); ++i)
    text += (i == 0 ? " " : "-") + std::to_string(state_->shape.widths[i]);
  return text + ", tanh, cross-entropy, Adam, float";
}

}  // namespace kurve::calibrate
