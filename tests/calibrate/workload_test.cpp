// SPDX-License-Identifier: Apache-2.0
#include "calibrate/workload_mlp.hpp"

#include <algorithm>
#include <cmath>

#include "calibrate/workload_wait.hpp"
#include "data/stats.hpp"
#include "model/error.hpp"
#include "tests/support/checks.hpp"

using namespace kurve;
using namespace kurve::calibrate;

TEST_SUITE_BEGIN("unit");

TEST_CASE("gradient agrees with central differences layer by layer") {
  Perceptron workload({.widths = {7, 9, 8, 5}, .pool = 32});
  workload.forward_backward(16, {1, 2});
  CHECK(workload.loss() > 0.0);
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
      workload.forward_backward(16, {1, 2});
      return workload.loss();
    };
    double const slope = (loss_at(h) - loss_at(-h)) / (2.0 * h);
    // Truncation h^2/6 times the third derivative (of order one), rounding 2^-24 loss sqrt(layers) / h: together below
    // 1e-4.
    INFO("layer ", layer);
    CHECK(std::abs(slope - length) < 1e-4);
  }
}

TEST_CASE("training learns: the loss of the same batch falls from a fresh state each time alike") {
  Perceptron workload({.widths = {16, 32, 8}, .pool = 64});
  auto train = [&] {
    workload.reset(3);
    for (int step = 0; step < 200; ++step) {
      workload.forward_backward(64, {});
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
  Perceptron workload({.widths = {6, 10, 4}, .pool = 17});
  auto gradient_of = [&](int batch, int rank) {
    workload.forward_backward(batch, {rank, 2});
    return std::vector<float>(workload.gradient().begin(), workload.gradient().end());
  };
  auto const first = gradient_of(4, 0), second = gradient_of(4, 1), both = gradient_of(8, 0);
  CHECK(first != second);
  for (std::size_t i = 0; i < both.size(); ++i)
    CHECK(std::abs((first[i] + second[i]) / 2.0f - both[i]) < 1e-6f);  // values below 1: 16 roundings of 2^-24
}

TEST_CASE("workload: by description and mistakes are named") {
  CHECK(make_workload("mlp: widths=6-10-4")->description() == "MLP 6-10-4, tanh, cross-entropy, Adam, float");
  CHECK(make_workload("wait: gradient=1KiB")->gradient_bytes() == 1024);
  auto const message = [](char const* text) {
    return test::message_of<InputError>([&] { return make_workload(text); });
  };
  CHECK(message("cnn: layers=3") == "unknown workload 'cnn' (CPU ranks run mlp or wait)");
  CHECK(message("mlp: widths=6") == "mlp: widths='6' (must be at least two: inputs and classes)");
  CHECK(message("mlp: widths=6-x") == "mlp: widths='6-x' (must be whole numbers from 1 to 65536, as 256-768-64)");
  CHECK(message("wait: fixed=5").find("duration '5' (a unit is missing") == 0);
  CHECK(message("wait: straggler_slowdown=0.5").find("must be a number from 1 to") != std::string::npos);
}

TEST_CASE("timed wait: its times are a function of seed run step and rank") {
  WaitTimes const times{.noise = 0.1, .straggler_probability = 0.2, .straggler_slowdown = 3.0, .imbalance = 0.1};
  TimedWait a(times), b(times);
  auto const next = [](TimedWait& w, int rank) { return w.next_compute_s(4, {rank, 4}); };
  CHECK(next(a, 1) == next(b, 1));
  CHECK(next(a, 1) != next(a, 2));
  double const before = next(a, 1);
  a.forward_backward(1, {1, 4});
  CHECK(next(a, 1) != before);
  a.reset(7);
  b.reset(7);
  CHECK(next(a, 1) == next(b, 1));
  CHECK(next(a, 1) != before);
  b.reset(7);  // the second run of a job is not the first again
  CHECK(next(a, 1) != next(b, 1));
}

TEST_SUITE_END();

TEST_SUITE_BEGIN("stat");

TEST_CASE("timed wait: noise stragglers and imbalance have the law that is asked for") {
  constexpr int n = 20'000;
  auto const draws = [](WaitTimes const& times) {  // one rank of two in n runs
    TimedWait wait(times);
    std::vector<double> factors;
    for (int i = 0; i < n; ++i) {
      wait.reset(static_cast<std::uint64_t>(i));
      factors.push_back(wait.next_compute_s(1, {0, 2}) / 6e-3);
    }
    return factors;
  };
  WaitTimes const quiet{};
  CHECK(data::summarize(draws(quiet)).sd == 0.0);
  for (auto const& noisy : {WaitTimes{.noise = 0.1}, WaitTimes{.imbalance = 0.1}}) {
    auto const factors = draws(noisy);
    CHECK_MEAN(factors, 1.0);
    // SE of an sd: sd / sqrt(2 n) for a normal; a Gumbel's kurtosis of 5.4 makes it 1.5 times as much.
    CHECK(std::abs(data::summarize(factors).sd - 0.1) < 4.0 * 1.5 * 0.1 / std::sqrt(2.0 * n));
  }
  auto const slow = draws({.straggler_probability = 0.1, .straggler_slowdown = 3.0, .straggler_spread = 0.5});
  CHECK_MEAN(slow, 1.0 + 0.1 * 2.0);
  auto const share = static_cast<double>(std::count_if(slow.begin(), slow.end(), [](double f) { return f > 1.0; })) / n;
  CHECK(std::abs(share - 0.1) < 4.0 * std::sqrt(0.1 * 0.9 / n));
}

TEST_SUITE_END();
