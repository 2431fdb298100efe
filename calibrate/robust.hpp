// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

namespace kurve::calibrate {

/// Repeated times of one point, split into ordinary ones and those in which something else had the machine.
struct SplitTimes {
  std::vector<double> core;
  std::vector<double> stragglers;
};

/// A straggler is over 5 scaled MADs *and* over 10 % above the median: of 10^6 normal samples fewer than one is taken
/// for it, and on a quiet machine (MAD 0.1 %) a mere flutter is not. Nothing is lost: the share and slowdown of
/// stragglers are parameters of the Model. Where over 20 % would straggle the point is no mixture, and all is core.
/// @param times  [n], any order; the core keeps it
[[nodiscard]] SplitTimes split_stragglers(std::span<double const> times);

}  // namespace kurve::calibrate
