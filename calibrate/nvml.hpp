// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "calibrate/worker_result.hpp"

namespace kurve::calibrate {

/// One GPU as NVIDIA's management library sees it: clock, power, why it is slow. The library comes with the driver and
/// is loaded at run time; without it, or without the device in it, nothing is known and nothing fails.
class Nvml {
 public:
  /// @param pci_bus_id  "0000:1b:00.0", as cudaDeviceGetPCIBusId gives it
  /// @param library     file name of the management library
  explicit Nvml(std::string const& pci_bus_id, std::string const& library = "libnvidia-ml.so.1");
  ~Nvml();
  Nvml(Nvml const&) = delete;
  Nvml& operator=(Nvml const&) = delete;

  /// Why nothing is known of the device; "" where something is.
  [[nodiscard]] std::string const& why_not() const { return why_not_; }
  /// Fills in what the device says now. Costs some 10 to 100 us: never inside a timing.
  void observe(WorkerResult& result) const;

 private:
  std::string why_not_;
  void* library_ = nullptr;
  void* device_ = nullptr;
  int (*shutdown_)() = nullptr;
  int (*clock_)(void*, int, unsigned*) = nullptr;
  int (*power_)(void*, unsigned*) = nullptr;
  int (*reasons_)(void*, unsigned long long*) = nullptr;
};

}  // namespace kurve::calibrate
