// SPDX-License-Identifier: Apache-2.0
#include "calibrate/gpu_info.hpp"

#include <cmath>
#include <set>

#include "model/error.hpp"

namespace kurve::calibrate {
namespace {

std::string gibibytes(std::int64_t bytes) {
  auto const tenths = std::llround(static_cast<double>(bytes) / (1 << 30) * 10.0);
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " GiB";
}

}  // namespace

BackendInfo gpu_info(TrainingJob const& job, std::int64_t usable_bytes) {
  int const largest = largest_local_batch(job, usable_bytes);
  auto const step = training_step(job, 1);
  if (largest == 0)
    throw DeviceError("the step of one sample of '" + to_text(job) + "' takes " + gibibytes(step.device_bytes()) +
                      " (the device has " + gibibytes(usable_bytes) + " for it). Take a smaller --workload?");
  BackendInfo info;
  info.workload = to_text(job) + ", Adam, " + std::to_string(step.parameters) + " parameters";
  info.gradient_bytes = step.gradient_bytes();
  info.algorithms = {"ring"};
  info.launches = {"direct", "graph"};
  info.largest_local_batch = largest;
  return info;
}

std::vector<std::int64_t> gpu_message_bytes() {
  constexpr std::int64_t kib = 1 << 10, mib = 1 << 20;
  std::set<std::int64_t> sizes{1024 * mib};
  for (std::int64_t bytes = 8; bytes < 1024 * mib; bytes *= 8) sizes.insert(bytes);
  for (std::int64_t bytes = 256 * kib; bytes <= 256 * mib; bytes *= 2) sizes.insert(bytes);
  return {sizes.begin(), sizes.end()};
}

}  // namespace kurve::calibrate
