// SPDX-License-Identifier: Apache-2.0
#include "calibrate/training_step.hpp"

#include <numeric>
#include <set>

#include "calibrate/gradient_buckets.hpp"
#include "model/error.hpp"
#include "tests/support/checks.hpp"

using namespace kurve;
using namespace kurve::calibrate;

namespace {

TransformerShape const gpt2_medium{.layers = 24, .width = 1024, .heads = 16, .sequence = 1024, .vocabulary = 50257};

/// [rows x columns] row-major product, by its definition.
std::vector<int> plain_product(MatrixProduct const& p, std::vector<int> const& a, std::vector<int> const& b) {
  std::vector<int> out(static_cast<std::size_t>(p.m * p.n), 0);
  for (std::int64_t i = 0; i < p.m; ++i)
    for (std::int64_t j = 0; j < p.n; ++j)
      for (std::int64_t l = 0; l < p.k; ++l)
        out[i * p.n + j] += a[p.transpose_a ? l * p.m + i : i * p.k + l] * b[p.transpose_b ? j * p.k + l : l * p.n + j];
  return out;
}

/// C = op(A) op(B) as the reference BLAS defines it: column-major, leading dimension the stored rows.
std::vector<int> blas_product(ColumnMajorProduct const& p, std::vector<int> const& first,
                              std::vector<int> const& second) {
  std::vector<int> out(static_cast<std::size_t>(p.out.rows * p.out.columns), 0);
  std::int64_t const inner = p.transpose_first ? p.first.rows : p.first.columns;
  REQUIRE(inner == (p.transpose_second ? p.second.columns : p.second.rows));
  REQUIRE(p.out.rows == (p.transpose_first ? p.first.columns : p.first.rows));
  REQUIRE(p.out.columns == (p.transpose_second ? p.second.rows : p.second.columns));
  for (std::int64_t i = 0; i < p.out.rows; ++i)
    for (std::int64_t j = 0; j < p.out.columns; ++j)
      for (std::int64_t l = 0; l < inner; ++l)
        out[j * p.out.rows + i] += first[p.transpose_first ? i * p.first.rows + l : l * p.first.rows + i] *
                                   second[p.transpose_second ? l * p.second.rows + j : j * p.second.rows + l];
  return out;
}

template <typename Visit>
void for_each_tensor(StepOperation const& operation, Visit visit) {
  if (auto const* p = std::get_if<MatrixProduct>(&operation.work)) {
    CHECK(p->a.elements == p->batch * p->m * p->k);
    CHECK(p->b.elements == p->batch * p->k * p->n);
    CHECK(p->out.elements == p->batch * p->m * p->n);
    for (auto const& tensor : {p->a, p->b, p->out}) visit(tensor);
    return;
  }
  auto const& pass = std::get<ElementwisePass>(operation.work);
  for (int i = 0; i < pass.inputs; ++i) {
    CHECK(pass.in[static_cast<std::size_t>(i)].elements == pass.out.elements);
    visit(pass.in[static_cast<std::size_t>(i)]);
  }
  visit(pass.out);
}

bool overlap(Tensor const& x, Tensor const& y) {
  return x.arena == y.arena && x.offset < y.offset + y.elements && y.offset < x.offset + x.elements;
}

/// Every tensor is aligned and inside its arena, no product writes what it reads, every gradient ends once, in order.
void check_layout(TrainingStep const& step) {
  std::vector<int> finished;
  for (auto const* part : {&step.forward, &step.backward})
    for (auto const& operation : *part) {
      for_each_tensor(operation, [&](Tensor const& tensor) {
        std::int64_t const end =
            tensor.arena == Arena::activations ? step.activation_elements : step.padded_parameters();
        CHECK(tensor.offset % tensor_alignment == 0);
        CHECK(tensor.offset >= 0);
        CHECK(tensor.offset + tensor.elements <= end);
      });
      if (auto const* p = std::get_if<MatrixProduct>(&operation.work)) {
        CHECK(!overlap(p->out, p->a));
        CHECK(!overlap(p->out, p->b));
      }
      if (operation.finishes_gradient >= 0) finished.push_back(operation.finishes_gradient);
    }
  std::vector<int> expected(step.gradient_elements.size());
  std::iota(expected.begin(), expected.end(), 0);
  CHECK(finished == expected);
}

}  // namespace

TEST_SUITE_BEGIN("unit");

TEST_CASE("transformer: parameter counts of GPT-2 as published") {
  // Counts of the released checkpoints (huggingface.co/openai-community: gpt2, gpt2-medium), embedding tied.
  TransformerShape small;
  small.vocabulary = 50257;
  CHECK(training_step({small}, 1).parameters == 124'439'808);
  CHECK(training_step({gpt2_medium}, 1).parameters == 354'823'168);
}

TEST_CASE("transformer: floating point operations are the published formula exactly") {
  // Narayanan et al., SC'21, section 5.1, without activation recomputation (so 72 in place of 96, and its 16 is 12):
  // F = 72 B s l h^2 (1 + s / (6 h) + V / (12 l h)).
  for (auto const& shape : {TransformerShape{}, gpt2_medium, TransformerShape{2, 48, 3, 20, 100}})
    for (int const batch : {1, 3, 16}) {
      double const l = shape.layers, h = shape.width, s = shape.sequence, v = shape.vocabulary;
      double const formula = 72.0 * batch * s * l * h * h * (1.0 + s / (6.0 * h) + v / (12.0 * l * h));
      // All counts are whole numbers below 2^53; only the formula rounds, in some ten operations.
      CHECK_CLOSE(training_step({shape}, batch).compute().flop, formula, 10 * 2.3e-16);
    }
}

TEST_CASE("perceptron: operations and parameters by hand") {
  // 5-7-3, batch 4: forward 2*4*(5*7 + 7*3); backward the weights' gradients again, and the input's of layer 2 only.
  TrainingJob const job{PerceptronShape{.widths = {5, 7, 3}}};
  auto const step = training_step(job, 4);
  CHECK(step.compute().flop == 2 * 4 * (35 + 21) * 2 + 2 * 4 * 21);
  CHECK(step.parameters == 35 + 7 + 21 + 3);
  CHECK(step.gradient_elements == std::vector<std::int64_t>{128, 128});
  CHECK(step.gradient_bytes() == 512);
  // Products: forward (4x5)(5x7), (4x7)(7x3); backward (4x3)(3x7), (7x4)(4x3), (5x4)(4x7); passes: tanh, loss, tanh'.
  double const elements =
      (20 + 35 + 28) + (28 + 21 + 12) + (12 + 21 + 28) + (28 + 12 + 21) + (20 + 28 + 35) + 2 * 28 + 2 * 12 + 3 * 28;
  CHECK(step.compute().bytes == 2 * elements);
}

TEST_CASE("training step: tensors lie inside their arenas and no product overwrites what it reads") {
  check_layout(
      training_step({TransformerShape{.layers = 3, .width = 48, .heads = 3, .sequence = 20, .vocabulary = 100}}, 2));
  check_layout(
      training_step({TransformerShape{.layers = 1, .width = 1, .heads = 1, .sequence = 1, .vocabulary = 2}}, 1));
  check_layout(training_step({gpt2_medium}, 4));
  for (auto const& widths : {std::vector<int>{3, 2}, {256, 768, 768, 64}})
    check_layout(training_step({PerceptronShape{.widths = widths}}, 3));
}

TEST_CASE("training step: every weight is read forward and every gradient written") {
  auto const step =
      training_step({TransformerShape{.layers = 2, .width = 64, .heads = 2, .sequence = 16, .vocabulary = 128}}, 2);
  std::set<std::int64_t> weights, gradients;
  for (auto const& operation : step.forward)
    if (auto const* p = std::get_if<MatrixProduct>(&operation.work))
      if (p->b.arena == Arena::parameters) weights.insert(p->b.offset);
  for (auto const& operation : step.backward)
    if (auto const* p = std::get_if<MatrixProduct>(&operation.work))
      if (p->out.arena == Arena::gradient) gradients.insert(p->out.offset);
  CHECK(weights.size() == 4 * 2 + 1);
  CHECK(gradients == weights);
}

TEST_CASE("training step: Adam moves 28 bytes a parameter and keeps 16") {
  // bf16: gradient 2, master and moments 12 read; 12 and the copy 2 written. fp32: 4 + 12 read, 12 + 4 written would be
  // 32, the working copy apart from the master.
  auto const step = training_step({PerceptronShape{.widths = {128, 128}}}, 1);
  double const n = static_cast<double>(step.padded_parameters());
  CHECK(step.update().bytes == 28 * n);
  CHECK(step.device_bytes() - step.activation_bytes() == 16 * step.padded_parameters());
  CHECK(training_step({PerceptronShape{.widths = {128, 128}}, NumberFormat::fp32}, 1).update().bytes == 32 * n);
}

TEST_CASE("largest local batch: it fits and one more does not") {
  TrainingJob const job{TransformerShape{.layers = 2, .width = 64, .heads = 2, .sequence = 32, .vocabulary = 256}};
  for (std::int64_t const memory : {std::int64_t{4} << 20, std::int64_t{30} << 20, std::int64_t{1} << 30}) {
    int const batch = largest_local_batch(job, memory);
    REQUIRE(batch >= 1);
    CHECK(training_step(job, batch).device_bytes() <= memory);
    CHECK(training_step(job, batch + 1).device_bytes() > memory);
  }
  CHECK(largest_local_batch(job, 1000) == 0);
  CHECK(largest_local_batch({PerceptronShape{}}, std::int64_t{1} << 40) == PerceptronShape{}.pool);
}

TEST_CASE("workload text: reads back and says what is wrong") {
  for (auto const* text :
       {"transformer", "transformer: layers=24,width=1024,heads=16", "mlp: widths=8-16-4,precision=tf32", ""}) {
    auto const job = training_job_from_text(text);
    CHECK(to_text(training_job_from_text(to_text(job))) == to_text(job));
  }
  CHECK(to_text(training_job_from_text("")) ==
        "transformer: layers=12,width=768,heads=12,sequence=1024,vocabulary=50304,precision=bf16");
  auto message = [](char const* text) {
    return test::message_of<InputError>([&] { return training_job_from_text(text); });
  };
  CHECK(message("cnn") == "unknown workload 'cnn' (GPUs run transformer or mlp)");
  CHECK(message("transformer: heads=7") == "transformer: heads=7 (must divide width=768)");
  CHECK(message("transformer: precision=fp8") == "transformer: precision='fp8' (must be bf16, tf32 or fp32)");
  CHECK(message("transformer: depth=3").find("unknown key 'depth'") != std::string::npos);
  CHECK(message("transformer: layers=0").find("layers='0'") != std::string::npos);
}

TEST_CASE("a row-major product through a column-major library is the same product") {
  for (bool const transpose_a : {false, true})
    for (bool const transpose_b : {false, true}) {
      MatrixProduct const p{.m = 2, .n = 3, .k = 4, .transpose_a = transpose_a, .transpose_b = transpose_b};
      std::vector<int> a(8), b(12);
      std::iota(a.begin(), a.end(), 1);
      std::iota(b.begin(), b.end(), -5);
      // The column-major result [n x m] in memory is the row-major [m x n].
      CHECK(blas_product(column_major(p), b, a) == plain_product(p, a, b));
    }
}

TEST_CASE("gradient buckets: 1 MiB then 25 MiB whole tensors as DistributedDataParallel joins them") {
  constexpr std::int64_t mib = 1 << 20;
  std::vector<std::int64_t> const tensors{mib / 2, mib / 2, 10 * mib, 20 * mib, 30 * mib, 5 * mib};  // 1 byte each
  auto const buckets = gradient_buckets(tensors, 1);
  std::vector<std::vector<std::int64_t>> seen;
  for (auto const& bucket : buckets) seen.push_back({bucket.last_tensor, bucket.first / mib, bucket.elements / mib});
  CHECK(seen == std::vector<std::vector<std::int64_t>>{{1, 0, 1}, {3, 1, 30}, {4, 31, 30}, {5, 61, 5}});
  CHECK(gradient_buckets(std::vector<std::int64_t>{3}, 4).front().elements == 3);
}

TEST_CASE("gradient buckets: they cover the gradient without gaps") {
  auto const step = training_step({TransformerShape{}}, 1);
  std::int64_t next = 0;
  for (auto const& bucket : gradient_buckets(step.gradient_elements, 2)) {
    CHECK(bucket.first == next);
    next += bucket.elements;
  }
  CHECK(next == step.padded_parameters());
}

TEST_SUITE_END();
