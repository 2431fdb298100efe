// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kurve::calibrate {

/// Why a GPU does not run at the clock it was asked for: NVML's bits, as nvmlDeviceGetCurrentClocksEventReasons sets
/// them. Source: NVIDIA, NVML API reference, group "Clocks Event Reasons".
enum ClockReason : std::uint64_t {
  gpu_idle = 0x1,
  applications_clocks = 0x2,
  software_power_cap = 0x4,
  hardware_slowdown = 0x8,
  sync_boost = 0x10,
  software_thermal = 0x20,
  hardware_thermal = 0x40,
  hardware_power_brake = 0x80,
  display_clocks = 0x100,
};

/// What a device said of itself right after a timing. All empty where nothing is known, as on CPUs.
struct Observation {
  std::vector<double> host_s{};         ///< [ranks] host wall clock of the same executions, until the device was done
  std::optional<double> sm_clock_Hz{};  ///< of the slowest rank
  std::optional<double> power_W{};      ///< of the hungriest rank
  std::string chosen{};                 ///< what a library ran for an all-reduce, as "RING/LL128"; "" where unknown
  std::optional<std::uint64_t> clock_reasons{};  ///< ClockReason bits, of all ranks together
};

/// Names of the bits, joined by `+`: "software_power_cap+hardware_thermal"; "none" for 0, hexadecimal for unknown bits.
[[nodiscard]] std::string clock_reasons_text(std::uint64_t reasons);

/// Whether a timing is worth nothing: hardware slowdown, power brake or a thermal limit, which pass and come again.
/// A software power cap is not among them: a card under full matrix load is always there, and so is the job it stands
/// for. False where the reasons are unknown.
[[nodiscard]] bool throttled(Observation const& observation);

}  // namespace kurve::calibrate
