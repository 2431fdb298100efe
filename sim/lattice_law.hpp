// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <vector>

#include "model/factor_law.hpp"

namespace kurve::sim {

/// Law of a positive random factor on the lattice x_j = exp(j step), j whole: products of independent factors are
/// convolutions, mixtures and maxima stay on the lattice, and 1 lies on it.
///
/// A continuous law is put on it so that its mean is kept: each point takes the mean survival over its cells. That
/// widens its spread by a relative (step/cv)^2 / 12, 5e-4 at the usual step of cv / 13, and no more than a step ever.
struct LatticeLaw {
  double step = 1e-3;
  int first = 0;                  ///< j of mass[0]
  std::vector<double> mass{1.0};  ///< [n] probabilities, adding up to 1

  [[nodiscard]] double point(int i) const;  ///< x of mass[i]
};

/// @param survival  P(X > x)
/// @param low, high what lies outside is put at these ends, low > 0
[[nodiscard]] LatticeLaw on_lattice(std::function<double(double)> const& survival, double low, double high,
                                    double step);
/// The constant value > 0, split between two neighbours so that the mean is exact.
[[nodiscard]] LatticeLaw constant_on_lattice(double value, double step);

/// Law of X Y.
[[nodiscard]] LatticeLaw product(LatticeLaw const& a, LatticeLaw const& b);
/// X with probability 1 - weight, else Y.
[[nodiscard]] LatticeLaw mixture(LatticeLaw const& x, LatticeLaw const& y, double weight);
/// Law of the largest of `count` independent copies; count > 0, not necessarily whole.
[[nodiscard]] LatticeLaw maximum(LatticeLaw const& law, double count);
/// The law without its far ends: as much of each as adds up to at most `low` and `high` is put at what is left.
[[nodiscard]] LatticeLaw trimmed(LatticeLaw law, double low, double high);
/// Law of the larger of two independent values.
[[nodiscard]] LatticeLaw larger(LatticeLaw const& a, LatticeLaw const& b);

[[nodiscard]] double mean(LatticeLaw const& law);
[[nodiscard]] double standard_deviation(LatticeLaw const& law);
/// The x with P(X <= x) = level, linear between lattice points but exact at an isolated one. @param level  in (0, 1)
[[nodiscard]] double quantile(LatticeLaw const& law, double level);
/// Mean of maximum(law, count), without building it.
[[nodiscard]] double mean_of_maximum(LatticeLaw const& law, double count);

}  // namespace kurve::sim
