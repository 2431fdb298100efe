// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "sim/quantile_table.hpp"
#include "sim/workers.hpp"

namespace kurve::sim {

/// Gradient buckets alike: so many in a row, each reduced by a ring of its own.
struct BucketRow {
  std::uint32_t count;
  double share;   ///< of the gradient, each
  double time_s;  ///< of its all-reduce without jitter; 0: none is needed
  double hop_s;   ///< of a hop without jitter
  QuantileTable jitter;
};

/// Single steps with every worker and every hop of their rings (sim/hop_step.hpp), as plain numbers, but for the rows
/// of their buckets.
struct RingSteps {
  WorkerLaws workers;
  double phase_compute_s;
  double overlap_fraction;
  std::uint32_t phases, buckets;  ///< buckets of a phase: those of all rows
};

/// Of one such step.
struct RingStep {
  double elapsed_s = 0.0;   ///< sum over the phases, from the start until the last worker holds the result
  double jitter_tax = 0.0;  ///< sum over the phases; meaning: HopStepSampler::Step
};

/// Draws trials on something else than this processor's cores. The same bits as theirs.
class DrawDevice {
 public:
  virtual ~DrawDevice() = default;
  [[nodiscard]] virtual std::string name() const = 0;
  /// slowest_worker() of a phase of trials first_trial, first_trial + 1, ...
  virtual void slowest_workers(WorkerLaws const& laws, std::uint32_t phase, std::uint32_t first_trial,
                               std::span<double> slowest) const = 0;
  virtual void ring_steps(RingSteps const& steps, std::span<BucketRow const> rows, std::uint32_t first_trial,
                          std::span<RingStep> drawn) const = 0;
};

/// The first CUDA device. @throws NotBuilt where this build has no CUDA, DeviceError where the machine has no device
[[nodiscard]] std::unique_ptr<DrawDevice> open_cuda_device();

}  // namespace kurve::sim
