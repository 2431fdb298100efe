// SPDX-License-Identifier: Apache-2.0
#include <cuda_runtime_api.h>
#include <nccl.h>

#include "calibrate/backend_mpi.hpp"
#include "calibrate/cuda_devices.hpp"
#include "calibrate/nccl_log.hpp"

namespace kurve::calibrate {

DevicePresence nccl_presence() {
  int version = 0, count = 0;
  if (ncclResult_t const result = ncclGetVersion(&version); result != ncclSuccess)
    return {.why_not = std::string("ncclGetVersion: ") + ncclGetErrorString(result), .detail = {}};
  std::string const detail = "NCCL " + nccl_version_text(version);
  int driver = 0;
  if (cudaDriverGetVersion(&driver) == cudaSuccess && driver == 0)
    return {.why_not = "no NVIDIA driver on this machine", .detail = detail};
  if (cudaError_t const error = cudaGetDeviceCount(&count); error != cudaSuccess)
    return {.why_not = std::string("cudaGetDeviceCount: ") + cudaGetErrorString(error), .detail = detail};
  std::string const have = std::to_string(count);
  int const needed = started_by_mpi_launcher() ? 1 : 2;
  return {.why_not = count >= needed ? "" : "a ring needs two GPUs, this machine has " + have,
          .detail = detail + ", " + have + " GPUs"};
}

}  // namespace kurve::calibrate
