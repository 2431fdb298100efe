// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

#include "data/stats.hpp"

namespace kurve::validate {

/// predicted / measured - 1: positive where the prediction is too slow. @param measured positive
[[nodiscard]] double relative_error(double predicted, double measured);

/// Absolute relative errors of a set of points, as shares (0.05 is 5 %).
struct ErrorSummary {
  std::size_t n = 0;
  double median = 0.0, mean = 0.0, p90 = 0.0, max = 0.0;  ///< NaN for n = 0
};
/// @param relative_errors  [n], signed; an infinite one (no prediction) makes mean and max infinite
[[nodiscard]] ErrorSummary summarize_errors(std::span<double const> relative_errors);

/// Share of intervals that hold their point, with the Clopper-Pearson interval of that share.
struct Coverage {
  std::size_t hits = 0, n = 0;
  double share = 0.0;  ///< NaN for n = 0
  data::Bounds interval{0.0, 1.0};
};
/// Source: Clopper & Pearson, Biometrika 26 (1934). @param confidence of the interval, in (0, 1)
[[nodiscard]] Coverage coverage_of(std::size_t hits, std::size_t n, double confidence = 0.95);

/// Continuous ranked probability score of a sample, E|X - y| - E|X - X'|/2, in the unit of y; 0 is perfect.
/// O(n log n). Source: Gneiting & Raftery, JASA 102 (2007). @param draws [n >= 1]
[[nodiscard]] double sample_crps(std::span<double const> draws, double measured);

/// Width plus 2/alpha times the miss, in the unit of y. Source: Gneiting & Raftery, JASA 102 (2007), eq. 43.
/// @param confidence  1 - alpha, in (0, 1)
[[nodiscard]] double interval_score(double low, double high, double measured, double confidence);

/// Probability integral transform: share of draws below the measured value, ties counted half; uniform where
/// predictions are calibrated. @param draws [n >= 1]
[[nodiscard]] double pit(std::span<double const> draws, double measured);

}  // namespace kurve::validate
