// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>

#include "calibrate/training_step.hpp"

namespace kurve::fake {

/// Element i of a tensor; bf16 is the upper half of a float, rounded to nearest.
inline float get(void const* tensor, std::int64_t i, calibrate::NumberFormat format) {
  if (format != calibrate::NumberFormat::bf16) return static_cast<float const*>(tensor)[i];
  std::uint32_t const bits = std::uint32_t{static_cast<std::uint16_t const*>(tensor)[i]} << 16;
  float value = 0.0f;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
inline void put(void* tensor, std::int64_t i, calibrate::NumberFormat format, float value) {
  if (format != calibrate::NumberFormat::bf16) {
    static_cast<float*>(tensor)[i] = value;
    return;
  }
  std::uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  static_cast<std::uint16_t*>(tensor)[i] = static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

}  // namespace kurve::fake
