// SPDX-License-Identifier: Apache-2.0
#include "calibrate/observation.hpp"

#include <array>
#include <sstream>

namespace kurve::calibrate {

std::string clock_reasons_text(std::uint64_t reasons) {
  struct Name {
    ClockReason bit;
    char const* text;
  };
  static constexpr std::array<Name, 9> names{{{gpu_idle, "gpu_idle"},
                                              {applications_clocks, "applications_clocks"},
                                              {software_power_cap, "software_power_cap"},
                                              {hardware_slowdown, "hardware_slowdown"},
                                              {sync_boost, "sync_boost"},
                                              {software_thermal, "software_thermal"},
                                              {hardware_thermal, "hardware_thermal"},
                                              {hardware_power_brake, "hardware_power_brake"},
                                              {display_clocks, "display_clocks"}}};
  if (reasons == 0) return "none";
  std::ostringstream text;
  char const* separator = "";
  for (auto const& name : names) {
    if ((reasons & name.bit) == 0) continue;
    text << separator << name.text;
    separator = "+";
    reasons &= ~static_cast<std::uint64_t>(name.bit);
  }
  if (reasons != 0) text << separator << "0x" << std::hex << reasons;
  return text.str();
}

bool throttled(Observation const& observation) {
  constexpr std::uint64_t discarding = hardware_slowdown | software_thermal | hardware_thermal | hardware_power_brake;
  return (observation.clock_reasons.value_or(0) & discarding) != 0;
}

}  // namespace kurve::calibrate
