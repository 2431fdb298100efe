// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

#include "model/factor_law.hpp"

namespace kurve::sim {

/// A law's quantile of 32 random bits in single precision, whatever the law: quartic polynomials on half binades of the
/// nearer tail probability.
///
/// Word w stands for level (w + 1/2) / 2^32. Its distance r = min(w, ~w) from the nearer end, as a float, chooses by
/// its exponent and leading bit one of 32 polynomials on each side; the rest of the mantissa is the argument, -1/4 to
/// 1/4. Below r = deep, once in 2^16 words, the law itself is evaluated in double precision. Only multiplications,
/// fused additions and integer operations: the same bits on every instruction set and on a GPU.
///
/// Largest relative error of a factor over all words, against double precision: 1e-6 for cv up to 0.1, 3e-6 up to 0.5,
/// 5e-5 up to 3; near a factor of 0 (which normal, gumbel and a wide exponential reach) 1e-5 of its sd instead. The
/// sign alternates: the mean errs by 1e-7 of the sd.
struct QuantileTable {
  static constexpr int degree = 4, segments = 64;
  static constexpr std::uint32_t deep = (1u << 15) + 1;  ///< below it, value_of_deep()

  /// @param count  the law of the largest of so many: F^count, count >= 1
  explicit QuantileTable(model::FactorLaw const& law, double count = 1.0);

  alignas(64) std::array<std::array<float, segments>, degree + 1> coefficient;  ///< by power; upper side from 32 on
  model::FactorLaw law;
  double count;

  /// The quantile at word w, clipped at 0.
  [[nodiscard, gnu::always_inline]] float value(std::uint32_t w) const {
    std::uint32_t const upper = w >> 31, r = upper != 0 ? ~w : w;
    if (r < deep) return value_of_deep(w);
    std::uint32_t const bits = std::bit_cast<std::uint32_t>(static_cast<float>(r)) - 1;  // 2^31 stays in its segment
    float const v = std::bit_cast<float>((bits & 0x003fffffu) | 0x3f800000u) - 1.25f;
    std::size_t const i = (bits >> 22 & 31u) | upper << 5;
    float y = coefficient[degree][i];
    for (int power = degree - 1; power >= 0; --power)
      y = std::fma(y, v, coefficient[static_cast<std::size_t>(power)][i]);
    return y > 0.0f ? y : 0.0f;
  }
  [[nodiscard]] float value_of_deep(std::uint32_t w) const {
    double const y = exact((w + 0.5) * 0x1p-32, (static_cast<double>(~w) + 0.5) * 0x1p-32);
    return y > 0.0 ? static_cast<float>(y) : 0.0f;
  }
  [[nodiscard]] double exact(double level, double tail) const {
    return count == 1.0 ? model::quantile(law, level, tail)
                        : model::maximum_at(law, model::elementary::minus_log(level, tail), count);
  }
};

}  // namespace kurve::sim
