// SPDX-License-Identifier: Apache-2.0
#include "model/measured_shape.hpp"

#include <algorithm>
#include <limits>
#include <numbers>
#include <vector>

#include "model/error.hpp"

namespace kurve::model {
namespace {

constexpr std::size_t centre = MeasuredShape::centre;
constexpr auto normal_knots = MeasuredShape::normal_knots();

/// z of knot number i, ascending.
double normal_knot(std::size_t i) { return i >= centre ? normal_knots[i - centre] : -normal_knots[centre - i]; }

struct Moments {
  double mean = 0.0, variance = 0.0;
};

/// Of the piecewise linear map: on each piece a + m z, integrals of z^n against the normal density are known.
Moments moments_of(std::span<double const> x) {
  auto const density = [](double z) {
    return std::isinf(z) ? 0.0 : std::exp(-0.5 * z * z) / std::sqrt(2.0 * std::numbers::pi);
  };
  auto const below = [](double z) { return 0.5 * std::erfc(-z / std::numbers::sqrt2); };
  constexpr double inf = std::numeric_limits<double>::infinity();
  double first = 0.0, second = 0.0;
  for (std::size_t i = 0; i + 1 < x.size(); ++i) {
    double const m = (x[i + 1] - x[i]) / (normal_knot(i + 1) - normal_knot(i)), a = x[i] - m * normal_knot(i);
    double const low = i == 0 ? -inf : normal_knot(i), high = i + 2 == x.size() ? inf : normal_knot(i + 1);
    double const p = below(high) - below(low), z = density(low) - density(high);
    double const z2 =
        p + (std::isinf(low) ? 0.0 : low * density(low)) - (std::isinf(high) ? 0.0 : high * density(high));
    first += a * p + m * z;
    second += a * a * p + 2.0 * a * m * z + m * m * z2;
  }
  return {first, second - first * first};
}

constexpr double least_step = 1e-6;  // between knots, of the whole

bool is_standard(MeasuredShape const& shape) {
  double const width = shape.value.back() - shape.value.front();
  for (std::size_t i = 1; i < shape.value.size(); ++i)
    if (!(shape.value[i] - shape.value[i - 1] > 0.5 * least_step * width)) return false;
  auto const moments = moments_of(shape.value);
  return std::abs(moments.mean) < 1e-9 && std::abs(moments.variance - 1.0) < 1e-9;
}

}  // namespace

MeasuredShape standardized_shape(std::span<double const> knots) {
  if (knots.size() != MeasuredShape::knots)
    throw InputError("a measured shape of " + std::to_string(knots.size()) + " knots (must have " +
                     std::to_string(MeasuredShape::knots) + ")");
  for (std::size_t i = 0; i < knots.size(); ++i)
    if (!std::isfinite(knots[i]) || (i > 0 && knots[i] < knots[i - 1]))
      throw InputError("knot " + std::to_string(i + 1) + " of a measured shape (must be finite and ascend)");
  double const width = knots.back() - knots.front();
  if (!(width > 0.0)) throw InputError("a measured shape whose knots are all alike (it has no spread)");
  MeasuredShape shape;
  std::copy(knots.begin(), knots.end(), shape.value.begin());
  if (is_standard(shape)) return shape;  // what was written is read as it was
  for (std::size_t i = 0; i < knots.size(); ++i)
    shape.value[i] = i == 0 ? 0.0 : std::max((knots[i] - knots[0]) / width, shape.value[i - 1] + least_step);
  auto const moments = moments_of(shape.value);
  for (double& x : shape.value) x = (x - moments.mean) / std::sqrt(moments.variance);
  return shape;
}

MeasuredShape shape_of_sample(std::span<double const> values) {
  constexpr std::size_t fewest = 64, beyond = 8;
  if (values.size() < fewest)
    throw InputError(std::to_string(values.size()) + " values (a measured shape needs at least " +
                     std::to_string(fewest) + ")");
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  auto const at = [&](double level) {  // Hazen: value i of n stands at (i + 1/2) / n
    double const place =
        std::clamp(level * static_cast<double>(sorted.size()) - 0.5, 0.0, static_cast<double>(sorted.size() - 1));
    auto const i = std::min(static_cast<std::size_t>(place), sorted.size() - 2);
    return std::lerp(sorted[i], sorted[i + 1], place - static_cast<double>(i));
  };
  std::array<double, MeasuredShape::knots> knots{};
  knots[centre] = at(0.5);
  for (std::size_t i = 1; i < MeasuredShape::halvings; ++i) {
    double const tail = std::ldexp(1.0, -static_cast<int>(i) - 1);
    if (tail * static_cast<double>(sorted.size()) >= static_cast<double>(beyond)) {
      knots[centre + i] = at(1.0 - tail);
      knots[centre - i] = at(tail);
      continue;
    }
    double const on = (normal_knots[i] - normal_knots[i - 1]) / (normal_knots[i - 1] - normal_knots[i - 2]);
    knots[centre + i] = knots[centre + i - 1] + on * (knots[centre + i - 1] - knots[centre + i - 2]);
    knots[centre - i] = knots[centre - i + 1] - on * (knots[centre - i + 2] - knots[centre - i + 1]);
  }
  return standardized_shape(knots);
}

double normal_of(MeasuredShape const& shape, double x) {
  auto const above = std::upper_bound(shape.value.begin() + 1, shape.value.end() - 1, x);
  auto const i = static_cast<std::size_t>(above - shape.value.begin());
  double const along = (x - shape.value[i - 1]) / (shape.value[i] - shape.value[i - 1]);
  return std::lerp(normal_knot(i - 1), normal_knot(i), along);
}

}  // namespace kurve::model
