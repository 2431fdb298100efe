// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>

namespace kurve {

/// A span of time; arithmetic and comparison are those of std::chrono.
using Seconds = std::chrono::duration<double>;

/// A message or buffer size [bytes]; never negative in a valid program.
struct Bytes {
  std::int64_t count = 0;
  auto operator<=>(Bytes const&) const = default;
};

/// Transfer rate [bytes/s]; GB/s on screen is 1e9 of these, as NCCL reports.
struct BytesPerSecond {
  double value = 0.0;
  auto operator<=>(BytesPerSecond const&) const = default;
};

/// Inverse bandwidth [s/byte]: the beta of the Hockney model.
struct SecondsPerByte {
  double value = 0.0;
  auto operator<=>(SecondsPerByte const&) const = default;
};

/// Floating point work [operations].
struct Flops {
  double count = 0.0;
  auto operator<=>(Flops const&) const = default;
};

inline constexpr Bytes operator""_B(unsigned long long n) { return {static_cast<std::int64_t>(n)}; }
inline constexpr Bytes operator""_KiB(unsigned long long n) { return {static_cast<std::int64_t>(n) << 10}; }
inline constexpr Bytes operator""_MiB(unsigned long long n) { return {static_cast<std::int64_t>(n) << 20}; }
inline constexpr Bytes operator""_GiB(unsigned long long n) { return {static_cast<std::int64_t>(n) << 30}; }

[[nodiscard]] constexpr Seconds operator*(Bytes n, SecondsPerByte beta) {
  return Seconds{static_cast<double>(n.count) * beta.value};
}
[[nodiscard]] constexpr Seconds operator/(Bytes n, BytesPerSecond rate) {
  return Seconds{static_cast<double>(n.count) / rate.value};
}
[[nodiscard]] constexpr BytesPerSecond operator/(Bytes n, Seconds t) {
  return {static_cast<double>(n.count) / t.count()};
}
[[nodiscard]] constexpr SecondsPerByte inverse(BytesPerSecond rate) { return {1.0 / rate.value}; }
[[nodiscard]] constexpr BytesPerSecond inverse(SecondsPerByte beta) { return {1.0 / beta.value}; }

}  // namespace kurve
