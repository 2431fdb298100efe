// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace kurve::calibrate {

/// What a library says of the devices it can use here.
struct DevicePresence {
  std::string why_not;  ///< "" where at least one device can be used
  std::string detail;   ///< devices, versions
};

/// CUDA devices of this machine, by cudaGetDeviceCount and their properties.
[[nodiscard]] DevicePresence cuda_presence();
/// NCCL's version, and whether it has the two GPUs that a ring needs.
[[nodiscard]] DevicePresence nccl_presence();

}  // namespace kurve::calibrate
