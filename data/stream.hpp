// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace kurve::data {

/// What a random number is for. Numbers of different streams are independent; values are spaced by 100 so that one
/// purpose may use neighbours without meeting another, and are never reused: old seeds must replay.
enum class Stream : std::uint32_t {
  noise = 100,          ///< each worker, each step
  node_noise = 200,     ///< shared by a node
  step_noise = 300,     ///< shared by all workers
  run_noise = 400,      ///< shared by the steps of a run
  straggler = 500,      ///< whether, and how slow
  persistent = 600,     ///< whether slow all run
  imbalance = 700,      ///< share of the batch
  hop = 800,            ///< jitter inside the ring
  parameters = 900,     ///< parameter vectors from their sds
  discrepancy = 1000,   ///< what the model does not know beyond the measured K
  fit = 1100,           ///< prior particles and posterior draws of a fit
  calibrate = 1150,     ///< order of points, workload state, synthetic noise, component posteriors
  bootstrap = 1200,     ///< resampled repeats
  advise = 1300,        ///< hypothetical outcomes of measurements not made yet
  failures = 1400,      ///< interruptions of a whole run
  failure_rate = 1450,  ///< mean time between failures, where fleets differ
  run_length = 1500,    ///< what the noise of a run's steps leaves of its length
  maximum = 1600,       ///< the largest of a group of workers, drawn at once
};

}  // namespace kurve::data
