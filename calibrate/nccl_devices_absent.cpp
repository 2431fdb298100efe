// SPDX-License-Identifier: Apache-2.0
#include "calibrate/cuda_devices.hpp"

namespace kurve::calibrate {

DevicePresence nccl_presence() {
  return {.why_not = "this build has no NCCL. Install CUDA and NCCL and configure with -DKURVE_NCCL=ON?", .detail = {}};
}

}  // namespace kurve::calibrate
