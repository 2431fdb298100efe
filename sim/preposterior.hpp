// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace kurve::sim {

/// What a measurement would show in each posterior draw, and how well it would show it.
struct Observable {
  std::vector<double> value;  ///< [draws], on the scale where the noise is additive (log seconds)
  double noise_sd = 0.0;      ///< of the measurement, on that scale, positive
};

struct PreposteriorOptions {
  double confidence = 0.9;  ///< of the interval, in (0, 1)
  int outcomes = 64;        ///< hypothetical outcomes averaged over, at least 1
  std::uint64_t seed = 1;
};

/// Width of the central interval of a weighted sample.
/// @param weights  [n], not negative, not all 0; empty: all equal
[[nodiscard]] double interval_width(std::span<double const> values, std::span<double const> weights, double confidence);

/// Expected width of the interval of `quantity` once all of `observables` have been measured (preposterior analysis):
///
///   E_x [ width of p(quantity | x) ],  x = value of a draw + noise, p(. | x) the draws weighted by N(x; value, noise)
///
/// Nothing is assumed of the posterior's shape, so an outcome that tells one growth law from another counts for what it
/// does. Where the noise is so small against the spread that few draws (a tenth, at least 50) would carry the weight,
/// the kernel is widened until they do, and what that adds is taken out again by local linear regression.
/// Deterministic in seed. Cost: outcomes draws log(draws).
/// @param quantity  [draws >= 100]
/// Sources: Lindley, Ann. Math. Stat. 27 (1956) 986-1005 (information expected of an experiment); Chaloner &
/// Verdinelli, Stat. Sci. 10 (1995) 273-304; Beaumont, Zhang & Balding, Genetics 162 (2002) 2025-2035 (regression
/// adjustment).
[[nodiscard]] double expected_width(std::span<double const> quantity, std::span<Observable const> observables,
                                    PreposteriorOptions const& options);

}  // namespace kurve::sim
