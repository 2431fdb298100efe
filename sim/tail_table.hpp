// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "sim/product_law.hpp"

namespace kurve::sim {

/// A law's quantile of a tail probability, by quartic polynomials on half binades of the nearer tail, from 2^-40 of the
/// upper to 2^-16 of the lower; beyond them the law itself. Relative error of a factor as of a QuantileTable.
class TailTable {
 public:
  explicit TailTable(Quantile law);

  /// @param tail  P(X > x), in (0, 1)
  [[nodiscard]] double at_tail(double tail) const;

 private:
  static constexpr int degree = 4, upper_binades = 40, lower_binades = 16;
  double coefficient_[2 * (upper_binades + lower_binades)][degree + 1];
  Quantile law_;
};

[[gnu::always_inline]] inline double TailTable::at_tail(double tail) const {
  bool const lower = tail > 0.5;
  double const p = lower ? 1.0 - tail : tail;
  auto const bits = std::bit_cast<std::uint64_t>(p) - 1;   // 1/2 stays in its segment
  int const binade = 1022 - static_cast<int>(bits >> 52);  // p in [2^-(binade+1), 2^-binade): 0 is the half next to 1/2
  if (binade < 0 || binade >= (lower ? lower_binades : upper_binades)) return law_(1.0 - tail, tail);
  auto const half = static_cast<int>(bits >> 51 & 1);
  double const v = std::bit_cast<double>((bits & 0x0007ffffffffffffULL) | 0x3ff0000000000000ULL) - 1.25;
  double const* const c = coefficient_[static_cast<std::size_t>(2 * ((lower ? upper_binades : 0) + binade) + half)];
  double y = c[degree];
  for (std::size_t power = degree; power-- > 0;) y = std::fma(y, v, c[power]);
  return y;
}

}  // namespace kurve::sim
