// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "calibrate/backend.hpp"

namespace kurve::calibrate {

/// What a GPU's worker hands back. Trivially copyable: processes send it as bytes.
struct WorkerResult {
  RankStep times;                           ///< by the device's events; step_s is the total of all executions
  double host_s = 0.0;                      ///< the same by the host's clock
  double sm_clock_Hz = 0.0, power_W = 0.0;  ///< 0 where unknown
  std::uint64_t clock_reasons = 0;
  bool knows_reasons = false;
};

/// What all ranks saw, as one: the slowest clock, the most power, every reason.
[[nodiscard]] Observation observation_of(std::span<WorkerResult const> results);

}  // namespace kurve::calibrate
