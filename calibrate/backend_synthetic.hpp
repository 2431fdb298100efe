// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "calibrate/backend.hpp"
#include "model/step.hpp"

namespace kurve::calibrate {

/// A machine of known truth.
struct SyntheticTruth {
  model::StepParameters
      parameters;  ///< times; of the variability: noise.cv, noise.step_cv, noise.run_cv and stragglers
  int max_ranks = 8;
  double component_noise_cv = 0.01;  ///< lognormal noise of the serial and all-reduce times
  double drift_per_s = 0.0;          ///< relative slowing for each second of virtual time
  double cold_start_factor = 1.0;    ///< the first step of a run takes this many times its compute
  double sleep_bias_s = 0.0;         ///< what the instrument reads too much
  std::uint64_t seed = 1;
};

/// Two nodes of four workers, serial work, compute and ring of one order, noise of 2 %: what `--device synthetic`
/// measures.
[[nodiscard]] SyntheticTruth example_truth();

/// Draws times from the truth, on a virtual clock that the measured work advances: nothing sleeps. Same seed and calls,
/// same times. The compute noise is lognormal and straggling factors exponential whatever shapes the parameters name.
/// @throws InputError if max_ranks < 1 or a parameter is out of range
[[nodiscard]] std::unique_ptr<Backend> make_synthetic_backend(SyntheticTruth const& truth);

}  // namespace kurve::calibrate
