// SPDX-License-Identifier: Apache-2.0
#include "calibrate/worker_result.hpp"

#include <algorithm>

namespace kurve::calibrate {

Observation observation_of(std::span<WorkerResult const> results) {
  Observation all;
  for (auto const& r : results) {
    all.host_s.push_back(r.host_s);
    if (r.sm_clock_Hz > 0.0) all.sm_clock_Hz = std::min(all.sm_clock_Hz.value_or(r.sm_clock_Hz), r.sm_clock_Hz);
    if (r.power_W > 0.0) all.power_W = std::max(all.power_W.value_or(r.power_W), r.power_W);
    if (r.knows_reasons) all.clock_reasons = all.clock_reasons.value_or(0) | r.clock_reasons;
  }
  return all;
}

}  // namespace kurve::calibrate
