// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

namespace kurve::calibrate {

/// x >= 0 that minimises x' G x / 2 - h' x: non-negative least squares of A x = c with G = A'A, h = A'c.
/// @param gram  [p x p], symmetric positive definite, row by row
/// @param rhs   [p]
/// Source: Lawson & Hanson, Solving Least Squares Problems, 1974, chapter 23.
[[nodiscard]] std::vector<double> non_negative_least_squares(std::span<double const> gram, std::span<double const> rhs);

}  // namespace kurve::calibrate
