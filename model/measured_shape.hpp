// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <span>

#include "model/host_device.hpp"

namespace kurve::model {

/// Shape of a factor as it was measured: a standard variate (mean 0, sd 1) that is a monotone map of a normal z, linear
/// between knots at tail probabilities 1/2, 1/4 .. 2^-10 on either side, and beyond the last two as between them.
///
/// A histogram whose bins halve towards both ends, because the slowest of K workers asks for tails of 1/K. Tails
/// outside what was measured are normal ones of the last measured steepness: an assumption, as any law's there.
struct MeasuredShape {
  static constexpr std::size_t halvings = 10, centre = halvings - 1, knots = 2 * halvings - 1;
  /// z with P(Z > z) = 2^-(i+1); a function, because a device sees no array of the host
  static constexpr std::array<double, halvings> normal_knots() {
    return {0.0,
            0.67448975019608174,
            1.1503493803760079,
            1.5341205443525463,
            1.8627318674216515,
            2.1538746940614564,
            2.4175590162365050,
            2.6600674686174600,
            2.8856349124267572,
            3.0972690781987849};
  }

  std::array<double, knots> value{};  ///< ascending; at tail 2^-(i+1) above: centre + i, below: centre - i

  bool operator==(MeasuredShape const&) const = default;
};

/// From knots in any unit, ascending: the same shape with mean 0 and sd 1. Knots that are equal, as timers of low
/// resolution make them, are moved apart by 1e-6 of the whole.
/// @throws InputError unless there are MeasuredShape::knots finite ascending values, not all alike
[[nodiscard]] MeasuredShape standardized_shape(std::span<double const> knots);

/// The shape of a sample: its quantiles as far as 8 values lie beyond, then on as between the last two.
/// @param values  [n >= 64], in any order and unit @throws InputError on fewer, or all alike
[[nodiscard]] MeasuredShape shape_of_sample(std::span<double const> values);

/// The variate at the normal z, of which `nearer_tail` = P(Z > |z|), in (0, 1/2].
[[nodiscard, gnu::always_inline]] KURVE_HOST_DEVICE inline double variate_at(MeasuredShape const& shape, double z,
                                                                             double nearer_tail) {
  constexpr auto normal = MeasuredShape::normal_knots();
  // The halving that a tail lies in is its exponent: nothing is searched.
  int const exponent = 1021 - static_cast<int>(std::bit_cast<std::uint64_t>(nearer_tail) >> 52);
  std::size_t const i = exponent < 0                                               ? 0
                        : exponent > static_cast<int>(MeasuredShape::halvings) - 2 ? MeasuredShape::halvings - 2
                                                                                   : static_cast<std::size_t>(exponent);
  bool const upper = z >= 0.0;
  double const inner = shape.value[upper ? MeasuredShape::centre + i : MeasuredShape::centre - i],
               outer = shape.value[upper ? MeasuredShape::centre + i + 1 : MeasuredShape::centre - i - 1];
  double const along = ((upper ? z : -z) - normal[i]) / (normal[i + 1] - normal[i]);
  return std::fma(along, outer - inner, inner);
}

/// The z whose variate is x.
[[nodiscard]] double normal_of(MeasuredShape const& shape, double x);

}  // namespace kurve::model
