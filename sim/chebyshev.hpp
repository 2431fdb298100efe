// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cmath>
#include <numbers>

namespace kurve::sim {

/// Coefficients by power of the polynomial of degree n - 1 in v that agrees with `f` at n Chebyshev points of
/// |v| <= reach, so within a small factor of the best.
template <int n, typename F>
[[nodiscard]] std::array<double, n> chebyshev_polynomial(double reach, F&& f) {
  std::array<double, n> v{}, y{}, c{};
  for (std::size_t i = 0; i < n; ++i) {
    v[i] = reach * std::cos((static_cast<double>(i) + 0.5) * std::numbers::pi / n);
    y[i] = f(v[i]);
  }
  for (std::size_t order = 1; order < n; ++order)  // Newton's divided differences
    for (std::size_t i = n - 1; i >= order; --i) y[i] = (y[i] - y[i - 1]) / (v[i] - v[i - order]);
  for (std::size_t i = n; i-- > 0;) {  // c = c (v - v_i) + y_i
    for (std::size_t power = n - 1; power > 0; --power) c[power] = c[power - 1] - c[power] * v[i];
    c[0] = y[i] - c[0] * v[i];
  }
  return c;
}

}  // namespace kurve::sim
