// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace kurve::calibrate {

/// What a library says of the devices it can use here.
struct DevicePresence {
  std::string why_not;  ///< "" where at least one device can be used
  std::string detail;   ///< devices, versions
};

/// How many GPUs CUDA shows this process; 0 where it cannot tell.
[[nodiscard]] int cuda_device_count();
/// CUDA devices of this machine, by cudaGetDeviceCount and their properties.
[[nodiscard]] DevicePresence cuda_presence();
/// NCCL's version, and whether it has the two GPUs that a ring needs (one, where a launcher started several processes).
[[nodiscard]] DevicePresence nccl_presence();

}  // namespace kurve::calibrate
