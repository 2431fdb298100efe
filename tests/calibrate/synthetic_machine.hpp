// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "calibrate/backend_synthetic.hpp"
#include "calibrate/calibrate.hpp"

namespace kurve::test {

/// The example machine, drawn anew by seed.
inline calibrate::SyntheticTruth synthetic_machine(std::uint64_t seed) {
  auto truth = calibrate::example_truth();
  truth.seed = seed;
  return truth;
}

inline calibrate::CalibrateOptions quick_options(std::uint64_t seed) {
  calibrate::CalibrateOptions options;
  options.stopping = {.relative_half_width = 0.004, .min_samples = 40, .max_samples = 40};
  options.time_limit_s = 1e6;  // virtual
  options.seed = seed;
  return options;
}

/// Of the rows at K = `ranks`, in their order [s].
inline std::vector<double> times_of(data::Study const& study, int ranks) {
  std::vector<double> times;
  for (auto const& row : study.samples)
    if (row.ranks == ranks) times.push_back(row.time_s);
  return times;
}

}  // namespace kurve::test
