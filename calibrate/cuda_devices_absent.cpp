// SPDX-License-Identifier: Apache-2.0
#include "calibrate/cuda_devices.hpp"

namespace kurve::calibrate {

int cuda_device_count() { return 0; }

DevicePresence cuda_presence() {
  return {.why_not = "this build has no CUDA. Install the CUDA Toolkit and configure with -DKURVE_CUDA=ON?",
          .detail = {}};
}

}  // namespace kurve::calibrate
