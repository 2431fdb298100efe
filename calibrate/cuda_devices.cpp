// SPDX-License-Identifier: Apache-2.0
#include "calibrate/cuda_devices.hpp"

#include <cuda_runtime_api.h>

#include <sstream>

namespace kurve::calibrate {

int cuda_device_count() {
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess ? count : 0;
}

DevicePresence cuda_presence() {
  int runtime = 0, count = 0;
  cudaRuntimeGetVersion(&runtime);
  std::ostringstream detail;
  detail << "CUDA runtime " << runtime / 1000 << "." << runtime % 1000 / 10;
  int driver = 0;
  if (cudaDriverGetVersion(&driver) == cudaSuccess && driver == 0)
    return {.why_not = "no NVIDIA driver on this machine", .detail = detail.str()};
  if (cudaError_t const error = cudaGetDeviceCount(&count); error != cudaSuccess)
    return {.why_not = std::string("cudaGetDeviceCount: ") + cudaGetErrorString(error), .detail = detail.str()};
  for (int device = 0; device < count; ++device) {
    cudaDeviceProp properties{};
    if (cudaError_t const error = cudaGetDeviceProperties(&properties, device); error != cudaSuccess)
      return {.why_not = "cudaGetDeviceProperties(" + std::to_string(device) + "): " + cudaGetErrorString(error),
              .detail = detail.str()};
    detail << "; " << device << ": " << properties.name << ", sm_" << properties.major << properties.minor << ", "
           << properties.multiProcessorCount << " SMs, " << (properties.totalGlobalMem >> 20) << " MiB";
  }
  return {.why_not = count > 0 ? "" : "no CUDA device on this machine", .detail = detail.str()};
}

}  // namespace kurve::calibrate
