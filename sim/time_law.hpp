// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

namespace kurve::sim {

/// A discrete law of a time.
struct TimeLaw {
  std::vector<double> time_s;  ///< [n] ascending
  std::vector<double> mass;    ///< [n] probabilities, adding up to 1
};

[[nodiscard]] double standard_deviation(TimeLaw const& law);
/// The t with P(T <= t) = level, linear between neighbours (each spread evenly to half-way between them) but exact at
/// an isolated one. @param level  in (0, 1)
[[nodiscard]] double quantile(TimeLaw const& law, double level);
/// Law of T + by_s.
[[nodiscard]] TimeLaw later(TimeLaw law, double by_s);

/// Law of the sum of `count` independent copies; count >= 1, and of 1 the law itself.
///
/// On an even grid of at most 4096 points, by repeated squaring. Keeps the mean; the grid widens the spread of the sum
/// by under 1e-4 of it, but where an upper tail reaches beyond 4096 tenths of the sd.
[[nodiscard]] TimeLaw sum_of(TimeLaw law, int count);

}  // namespace kurve::sim
