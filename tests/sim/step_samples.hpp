// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "sim/step.hpp"

namespace kurve::test {

/// The steps of trials `first` to `first` + n - 1, every worker drawn [s].
inline std::vector<double> by_workers(sim::StepSampler const& sampler, std::size_t n, std::uint32_t first = 0) {
  std::vector<double> steps_s(n);
  sampler.by_workers_s(first, steps_s);
  return steps_s;
}

/// The same, the slowest worker drawn at once.
inline std::vector<double> by_order_statistics(sim::StepSampler const& sampler, std::size_t n,
                                               std::uint32_t first = 0) {
  std::vector<double> steps_s(n);
  sampler.by_order_statistics_s(first, steps_s);
  return steps_s;
}

}  // namespace kurve::test
