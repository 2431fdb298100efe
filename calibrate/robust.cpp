// SPDX-License-Identifier: Apache-2.0
#include "calibrate/robust.hpp"

#include <algorithm>

#include "data/stats.hpp"

namespace kurve::calibrate {

SplitTimes split_stragglers(std::span<double const> times) {
  SplitTimes split;
  if (times.empty()) return split;
  double const centre = data::median(times);
  double const limit = centre + std::max(5.0 * data::scaled_mad(times), 0.1 * centre);
  for (double const t : times) (t > limit ? split.stragglers : split.core).push_back(t);
  if (5 * split.stragglers.size() > times.size()) return {.core = {times.begin(), times.end()}, .stragglers = {}};
  return split;
}

}  // namespace kurve::calibrate
