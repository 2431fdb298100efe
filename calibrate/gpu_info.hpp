// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "calibrate/backend.hpp"
#include "calibrate/training_step.hpp"

namespace kurve::calibrate {

/// What the GPU backends say of the job they time: its text and parameter count, its gradient, the local batches that
/// `usable_bytes` of device memory hold.
/// @throws DeviceError where not even one sample fits
[[nodiscard]] BackendInfo gpu_info(TrainingJob const& job, std::int64_t usable_bytes);

/// All-reduce sizes of a GPU network: 8 B to 1 GiB in steps of 8, and between 256 KiB and 256 MiB of 2, where protocols
/// change and gradient buckets lie (one alpha-beta line misfits there by 20 to 47 %, docs/model.md).
[[nodiscard]] std::vector<std::int64_t> gpu_message_bytes();

}  // namespace kurve::calibrate
