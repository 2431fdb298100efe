// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/factor_law.hpp"

namespace kurve::model {

/// Mean and spread of the largest of K independent factors; finite for every shape (a Pareto of given cv has index >
/// 2).
struct MaximumMoments {
  double mean = 1.0, sd = 0.0;
};

/// Exact for exponential (H_K), pareto and gumbel; else quadrature over the law of the maximum, to 1e-8 of the mean for
/// K from 1 to 1e9; not so exact for a measured shape, which has kinks. Nothing is clipped at 0.
/// @param count  K >= 1, not necessarily whole. Cost: a few microseconds.
/// Source: David & Nagaraja, Order Statistics, 2003; Arnold, Pareto Distributions, 1983.
[[nodiscard]] MaximumMoments maximum_moments(FactorLaw const& law, double count);

/// The x with P(max of K <= x) = level. @param level  in (0, 1)
[[nodiscard]] double maximum_quantile(FactorLaw const& law, double count, double level);

/// Mean and sd of max(0, X), which is what a time takes of a factor that reaches below 0: by Simpson's rule over the
/// lower tail, to 1e-9. @param cv  of X, of mean 1
[[nodiscard]] MaximumMoments clipped_moments(FactorLaw const& law, double cv);

}  // namespace kurve::model
