// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "calibrate/backend.hpp"
#include "calibrate/workload.hpp"

namespace kurve::calibrate {

/// Writes what the backend's info says of the workload: text, gradient, accelerator, largest batch.
void describe_workload(BackendInfo& info, Workload& workload);

/// Compute of one core beside the best matrix product of one core, measured now (some 0.1 s); empty where the workload
/// computes nothing.
[[nodiscard]] std::vector<model::Rating> cpu_ratings(Workload const& workload, std::span<TimedPart const> parts);

}  // namespace kurve::calibrate
