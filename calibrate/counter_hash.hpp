// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

namespace kurve::calibrate {

/// Random bits as a pure function of (seed, stream, index): three rounds of SplitMix64's finaliser.
/// Source: Steele, Lea & Flood, OOPSLA 2014. The simulator's Philox lives in the sibling floor and is not seen from
/// here.
[[nodiscard]] constexpr std::uint64_t counter_hash(std::uint64_t seed, std::uint64_t stream, std::uint64_t index) {
  auto mix = [](std::uint64_t z) {
    z += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  };
  return mix(mix(mix(seed) ^ stream) ^ index);
}

/// Uniform in (0, 1), 53 bits, neither end included.
[[nodiscard]] constexpr double counter_uniform(std::uint64_t seed, std::uint64_t stream, std::uint64_t index) {
  return (static_cast<double>(counter_hash(seed, stream, index) >> 11) + 0.5) * 0x1p-53;
}

/// Standard normal by Box and Muller, of two uniforms of its own.
[[nodiscard]] inline double counter_normal(std::uint64_t seed, std::uint64_t stream, std::uint64_t index) {
  double const radius = std::sqrt(-2.0 * std::log(counter_uniform(seed, stream, 2 * index)));
  return radius * std::cos(2.0 * std::numbers::pi * counter_uniform(seed, stream, 2 * index + 1));
}

}  // namespace kurve::calibrate
