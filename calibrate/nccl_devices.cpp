// SPDX-License-Identifier: Apache-2.0
#include <cuda_runtime_api.h>
#include <nccl.h>

#include "calibrate/cuda_devices.hpp"

namespace kurve::calibrate {

DevicePresence nccl_presence() {
  int version = 0, count = 0;
  if (ncclResult_t const result = ncclGetVersion(&version); result != ncclSuccess)
    return {.why_not = std::string("ncclGetVersion: ") + ncclGetErrorString(result), .detail = {}};
  std::string const detail = "NCCL " + std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) +
                             "." + std::to_string(version % 100);
  int driver = 0;
  if (cudaDriverGetVersion(&driver) == cudaSuccess && driver == 0)
    return {.why_not = "no NVIDIA driver on this machine", .detail = detail};
  if (cudaError_t const error = cudaGetDeviceCount(&count); error != cudaSuccess)
    return {.why_not = std::string("cudaGetDeviceCount: ") + cudaGetErrorString(error), .detail = detail};
  std::string const have = std::to_string(count);
  return {.why_not = count >= 2 ? "" : "a ring needs two GPUs, this machine has " + have,
          .detail = detail + ", " + have + " GPUs"};
}

}  // namespace kurve::calibrate
