// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace kurve::model {

/// A random time by its first three moments, taken as a shifted lognormal. Its skewness is positive.
struct HopTime {
  double mean = 0.0, sd = 0.0, skewness = 0.0;
};

/// A lognormal of mean 1.
[[nodiscard]] HopTime lognormal_hop(double cv);
/// Sum of two independent times.
[[nodiscard]] HopTime sum_of(HopTime const& a, HopTime const& b);
/// Sum of so many.
[[nodiscard]] HopTime sum_of(HopTime const& each, double count);
/// The later of two independent times: moments by the trapezoidal rule over either's normal score. A constant of 0 is
/// never the later one.
[[nodiscard]] HopTime later_of(HopTime const& a, HopTime const& b);
/// The latest of so many, count >= 1.
[[nodiscard]] HopTime latest_of(HopTime const& each, double count);

}  // namespace kurve::model
