// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "calibrate/backend_synthetic.hpp"
#include "calibrate/calibrate.hpp"

namespace kurve::test {

/// Two nodes of four workers, every component of one order, noise of 2 %.
inline calibrate::SyntheticTruth synthetic_machine(std::uint64_t seed) {
  calibrate::SyntheticTruth truth;
  auto& p = truth.parameters;
  p.serial_s = 2e-3;
  p.compute_fixed_s = 1e-3;
  p.compute_per_sample_s = 0.5e-3;
  p.gradient_bytes = 16e6;
  p.workers_per_node = 4;
  p.intra_latency_s = 50e-6;
  p.intra_bandwidth_Bps = 8e9;
  p.inter_latency_s = 300e-6;
  p.inter_bandwidth_Bps = 2e9;
  p.noise_cv = 0.02;
  truth.component_noise_cv = 0.02;
  truth.max_ranks = 8;
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

}  // namespace kurve::test
