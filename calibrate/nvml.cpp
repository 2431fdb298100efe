// SPDX-License-Identifier: Apache-2.0
#include "calibrate/nvml.hpp"

#include <dlfcn.h>

namespace kurve::calibrate {
namespace {

// The stable part of the library's interface, as its reference documents it (NVML API Reference Guide): every function
// returns 0 for success, a device is an opaque pointer. Declared here because nvml.h comes with no CUDA runtime.
constexpr int success = 0;
constexpr int sm_clock = 1;  // NVML_CLOCK_SM

template <typename Function>
void find(void* library, Function& function, char const* name) {
  function = reinterpret_cast<Function>(dlsym(library, name));
}

}  // namespace

Nvml::Nvml(std::string const& pci_bus_id, std::string const& library) {
  library_ = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library_ == nullptr) {
    why_not_ = dlerror();
    return;
  }
  int (*init)() = nullptr;
  int (*by_bus)(char const*, void**) = nullptr;
  find(library_, init, "nvmlInit_v2");
  find(library_, by_bus, "nvmlDeviceGetHandleByPciBusId_v2");
  find(library_, shutdown_, "nvmlShutdown");
  find(library_, clock_, "nvmlDeviceGetClockInfo");
  find(library_, power_, "nvmlDeviceGetPowerUsage");
  find(library_, reasons_, "nvmlDeviceGetCurrentClocksEventReasons");
  if (reasons_ == nullptr) find(library_, reasons_, "nvmlDeviceGetCurrentClocksThrottleReasons");  // before driver 535
  if (init == nullptr || by_bus == nullptr || shutdown_ == nullptr) {
    shutdown_ = nullptr;
    why_not_ = library + " lacks nvmlInit_v2 or nvmlDeviceGetHandleByPciBusId_v2";
    return;
  }
  if (int const error = init(); error != success) {
    shutdown_ = nullptr;
    why_not_ = "nvmlInit_v2: error " + std::to_string(error);
    return;
  }
  if (int const error = by_bus(pci_bus_id.c_str(), &device_); error != success) {
    device_ = nullptr;
    why_not_ = "nvmlDeviceGetHandleByPciBusId_v2(" + pci_bus_id + "): error " + std::to_string(error);
  }
}

Nvml::~Nvml() {
  if (shutdown_ != nullptr) shutdown_();
  if (library_ != nullptr) dlclose(library_);
}

void Nvml::observe(WorkerResult& result) const {
  if (device_ == nullptr) return;
  unsigned value = 0;
  if (clock_ != nullptr && clock_(device_, sm_clock, &value) == success) result.sm_clock_Hz = 1e6 * value;
  if (power_ != nullptr && power_(device_, &value) == success) result.power_W = 1e-3 * value;
  unsigned long long reasons = 0;
  if (reasons_ == nullptr || reasons_(device_, &reasons) != success) return;
  result.clock_reasons = reasons;
  result.knows_reasons = true;
}

}  // namespace kurve::calibrate
