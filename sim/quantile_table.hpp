// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "model/factor_law.hpp"
#include "model/host_device.hpp"

namespace kurve::sim {

/// A law's quantile of 32 random bits in single precision, whatever the law: polynomials on binades of the nearer tail
/// probability.
///
/// Word w stands for level (w + 1/2) / 2^32. Read as a signed number it is the distance from the lower end, or minus
/// that from the upper; as a float, its sign and exponent choose one of 16 polynomials on each side, and its mantissa
/// is the argument, -1/2 to 1/2. Within 2^15 of an end, once in 2^16 words, the law itself is evaluated in double
/// precision. Only multiplications, fused additions and integer operations: the same bits on every instruction set and
/// on a GPU.
///
/// Largest relative error of a factor over all words, against double precision: 3e-7 for cv up to 0.1, 1.2e-6 up to
/// 0.5, 1.5e-5 up to 3; near a factor of 0 (which normal, gumbel and a wide exponential reach) 3e-6 of its sd instead.
/// The sign alternates: the mean errs by 1e-7 of the sd.
struct QuantileTable {
  static constexpr int degree = 6, segments = 32, least_exponent = 15;

  /// @param count  the law of the largest of so many: F^count, count >= 1
  explicit QuantileTable(model::FactorLaw const& law, double count = 1.0);

  alignas(64) float coefficient[degree + 1][segments];  ///< by power; upper side from 16 on
  model::FactorLaw law;
  double count;

  /// What is taken from the bits of a signed word's float: exponents begin at 0, and 2^31 stays in its segment.
  static constexpr std::uint32_t origin = ((127u + least_exponent) << 23) + 1;
  /// Of bits less origin: whether the word is too near an end.
  static constexpr std::uint32_t deep = 0x78000000u;

  /// The quantile at word w, clipped at 0.
  [[nodiscard, gnu::always_inline]] KURVE_HOST_DEVICE float value(std::uint32_t w) const {
    std::uint32_t const bits = std::bit_cast<std::uint32_t>(static_cast<float>(static_cast<std::int32_t>(w))) - origin;
    if ((bits & deep) != 0) return value_of_deep(w);
    float const v = std::bit_cast<float>((bits & 0x007fffffu) | 0x3f800000u) - 1.5f;
    std::size_t const i = (bits >> 23 & 15u) | (bits >> 27 & 16u);
    float y = coefficient[degree][i];
    for (int power = degree - 1; power >= 0; --power)
      y = std::fma(y, v, coefficient[static_cast<std::size_t>(power)][i]);
    return y > 0.0f ? y : 0.0f;
  }
  [[nodiscard]] KURVE_HOST_DEVICE float value_of_deep(std::uint32_t w) const {
    double const y = exact((w + 0.5) * 0x1p-32, (static_cast<double>(~w) + 0.5) * 0x1p-32);
    return y > 0.0 ? static_cast<float>(y) : 0.0f;
  }
  [[nodiscard]] KURVE_HOST_DEVICE double exact(double level, double tail) const {
    return count == 1.0 ? model::quantile(law, level, tail)
                        : model::maximum_at(law, model::elementary::minus_log(level, tail), count);
  }
};

}  // namespace kurve::sim
