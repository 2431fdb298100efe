// SPDX-License-Identifier: Apache-2.0
#include "model/measured_shape.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "model/elementary.hpp"
#include "model/error.hpp"
#include "model/factor_law.hpp"
#include "tests/support/checks.hpp"

using namespace kurve;
using namespace kurve::model;

namespace {

/// Knots of a law whose value at the normal z is of(z).
template <typename Of>
std::vector<double> knots_of(Of const& of) {
  auto const z = MeasuredShape::normal_knots();
  std::vector<double> knots;
  for (std::size_t i = MeasuredShape::halvings - 1; i > 0; --i) knots.push_back(of(-z[i]));
  for (double const upper : z) knots.push_back(of(upper));
  return knots;
}

FactorLaw noise(MeasuredShape const& shape, double cv) {
  StepParameters p;
  p.noise_shape = Shape::measured;
  p.measured_noise = std::make_shared<MeasuredShape>(shape);
  return noise_law(p, cv);
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("measured shape: the knots are those of a normal") {
    auto const z = MeasuredShape::normal_knots();
    for (std::size_t i = 0; i < z.size(); ++i)
      CHECK_CLOSE(0.5 * std::erfc(z[i] / std::sqrt(2.0)), std::ldexp(1.0, -static_cast<int>(i) - 1), 1e-14);
  }

  TEST_CASE("measured shape: of a normal it is the normal law, tails included") {
    auto const law = noise(standardized_shape(knots_of([](double z) { return 5.0 + 3.0 * z; })), 0.1);
    auto const normal = factor_law(Shape::normal, 0.1);
    for (double const p : {1e-9, 2e-6, 1e-3, 0.1, 0.25, 0.4, 0.5}) {  // a map that is linear everywhere
      CHECK_CLOSE(quantile(law, 1.0 - p, p), quantile(normal, 1.0 - p, p), 1e-13);
      CHECK_CLOSE(quantile(law, p, 1.0 - p), quantile(normal, p, 1.0 - p), 1e-13);
    }
  }

  TEST_CASE("measured shape: mean 1 and its cv, and quantile and tail undo each other") {
    auto const shape = standardized_shape(knots_of([](double z) { return std::exp(0.8 * z); }));  // skewed
    auto const law = noise(shape, 0.2);
    // midpoints of n equal probabilities: the tail of 1/(2n) that they miss is worth under 1e-3 of the sd squared
    int const n = 400'000;
    double mean = 0.0, square = 0.0;
    for (int i = 0; i < n; ++i) {
      double const p = (i + 0.5) / n, x = quantile(law, p, 1.0 - p) - 1.0;
      mean += x / n;
      square += x * x / n;
    }
    CHECK_CLOSE(1.0 + mean, 1.0, 1e-5);
    CHECK_CLOSE(std::sqrt(square), 0.2, 1e-3);
    double last = -std::numeric_limits<double>::infinity();
    for (double const p : {1e-8, 1e-4, 0.01, 0.2, 0.49, 0.51, 0.8, 0.99, 0.9999}) {
      double const x = quantile(law, p, 1.0 - p);
      CHECK(x > last);
      last = x;
      CHECK_CLOSE(cdf(law, x), p, 1e-9);
      CHECK_CLOSE(survival(law, x), 1.0 - p, 1e-9);
    }
  }

  TEST_CASE("measured shape: of a sample its quantiles, as far as it has them") {
    // exactly n quantiles of an exponential: what the sample says, without noise
    std::vector<double> sample;
    int const n = 4096;
    for (int i = 0; i < n; ++i) sample.push_back(-std::log1p(-(i + 0.5) / n));
    auto const law = noise(shape_of_sample(sample), 1.0);
    // Chords of the convex map z -> -log P(Z > z) lie above it by up to h^2/8 of its second derivative, 0.67^2/8 0.64
    // in the middle, and so does the mean that all is set against.
    for (double const tail : {0.5, 0.25, 1.0 / 64, 1.0 / 512})  // 8 values lie beyond 1/512
      CHECK(std::abs(quantile(law, 1.0 - tail, tail) + std::log(tail)) < 0.036);
    CHECK(quantile(law, 1.0 - 0x1p-16, 0x1p-16) < 11.1);  // a normal tail is thinner than an exponential's 11.1
    CHECK(quantile(law, 1.0 - 0x1p-16, 0x1p-16) > 8.0);
  }

  TEST_CASE("measured shape: what is none is refused by name") {
    std::vector<double> knots = knots_of([](double z) { return z; });
    CHECK_NOTHROW(static_cast<void>(standardized_shape(knots)));
    std::swap(knots[3], knots[4]);
    CHECK_THROWS_WITH_AS(static_cast<void>(standardized_shape(knots)),
                         "knot 5 of a measured shape (must be finite and ascend)", InputError);
    CHECK_THROWS_AS(static_cast<void>(standardized_shape(std::vector<double>(18, 1.0))), InputError);
    CHECK_THROWS_AS(static_cast<void>(standardized_shape(std::vector<double>(19, 1.0))), InputError);
    CHECK_THROWS_AS(static_cast<void>(shape_of_sample(std::vector<double>(63, 1.0))), InputError);
    std::vector<double> ties = knots_of([](double z) { return std::floor(z); });  // a coarse timer
    auto const shape = standardized_shape(ties);
    for (std::size_t i = 1; i < shape.value.size(); ++i) CHECK(shape.value[i] > shape.value[i - 1]);
    StepParameters p;
    set_parameter(p, "variability.noise.shape", "measured");
    CHECK_THROWS_AS(check(p), InputError);
  }
}
