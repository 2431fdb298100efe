// SPDX-License-Identifier: Apache-2.0
#include "calibrate/workload.hpp"

#include <cmath>

#include "tests/support/checks.hpp"

using namespace kurve::calibrate;

TEST_SUITE_BEGIN("unit");

TEST_CASE("gradient agrees with central differences layer by layer") {
  Workload workload({.widths = {7, 9, 8, 5}, .pool = 32});
  double const loss = workload.forward_backward(16, 1);
  CHECK(loss > 0.0);
  std::vector<float> const gradient(workload.gradient().begin(), workload.gradient().end());
  std::vector<float> const start(workload.parameters().begin(), workload.parameters().end());
  auto const& offsets = workload.layer_offsets();
  for (std::size_t layer = 0; layer + 1 < offsets.size(); ++layer) {
    // Along the gradient restricted to one layer, the slope of the loss is that gradient's length.
    double length = 0.0;
    for (std::size_t i = offsets[layer]; i < offsets[layer + 1]; ++i)
      length += std::pow(static_cast<double>(gradient[i]), 2);
    length = std::sqrt(length);
    REQUIRE(length > 1e-3);
    double const h = 1e-2;
    auto loss_at = [&](double step) {
      for (std::size_t i = 0; i < start.size(); ++i) {
        bool const inside = i >= offsets[layer] && i < offsets[layer + 1];
        workload.parameters()[i] =
            start[i] + (inside ? static_cast<float>(step * static_cast<double>(gradient[i]) / length) : 0.0f);
      }
      return workload.forward_backward(16, 1);
    };
    double const slope = (loss_at(h) - loss_at(-h)) / (2.0 * h);
    // Truncation h^2/6 times the third derivative (of order one), rounding 2^-24 loss sqrt(layers) / h: together below
    // 1e-4.
    INFO("layer ", layer);
    CHECK(std::abs(slope - length) < 1e-4);
  }
}

TEST_CASE("training learns: the loss of the same batch falls from a fresh state each time alike") {
  Workload workload({.widths = {16, 32, 8}, .pool = 64});
  auto train = [&] {
    workload.reset(3);
    for (int step = 0; step < 200; ++step) {
      workload.forward_backward(64, 0);
      workload.update(1.0f);
    }
    return workload.losses();
  };
  auto const losses = train();
  CHECK(losses.size() == 200);
  CHECK(losses.back() < 0.6 * losses.front());
  CHECK(losses == train());
}

TEST_CASE("ranks take different samples and the mean of their gradients is the whole batch's") {
  Workload workload({.widths = {6, 10, 4}, .pool = 17});
  auto gradient_of = [&](int batch, int rank) {
    workload.forward_backward(batch, rank);
    return std::vector<float>(workload.gradient().begin(), workload.gradient().end());
  };
  auto const first = gradient_of(4, 0), second = gradient_of(4, 1), both = gradient_of(8, 0);
  CHECK(first != second);
  for (std::size_t i = 0; i < both.size(); ++i)
    CHECK(std::abs((first[i] + second[i]) / 2.0f - both[i]) < 1e-6f);  // values below 1: 16 roundings of 2^-24
}

TEST_SUITE_END();
