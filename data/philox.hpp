// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "data/stream.hpp"
#include "model/host_device.hpp"

namespace kurve::data {

/// Philox4x32 with 10 rounds: 128 random bits as a pure function of a counter and a key.
/// Source: Salmon, Moraes, Dror & Shaw, Parallel random numbers: as easy as 1, 2, 3, SC'11.
[[nodiscard, gnu::always_inline]] KURVE_HOST_DEVICE inline std::array<std::uint32_t, 4> philox4x32(
    std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    std::uint64_t const a = std::uint64_t{0xD2511F53u} * counter[0];
    std::uint64_t const b = std::uint64_t{0xCD9E8D57u} * counter[2];
    counter = {static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(b),
               static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(a)};
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return counter;
}

/// Two uniforms in (0, 1): odd multiples of 2^-53, so that 1 - u is exact and neither is ever 0 or 1.
struct UniformPair {
  double first, second;
};

/// The uniforms of (seed; trial, rank, draw, stream): no state, any order, any thread.
[[nodiscard, gnu::always_inline]] inline UniformPair uniforms(std::uint64_t seed, std::uint32_t trial,
                                                              std::uint32_t rank, std::uint32_t draw, Stream stream) {
  auto const x = philox4x32({trial, rank, draw, static_cast<std::uint32_t>(stream)},
                            {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
  auto const open = [](std::uint32_t high, std::uint32_t low) __attribute__((always_inline)) {
    std::uint64_t const bits = (std::uint64_t{high} << 32 | low) >> 12;
    return (static_cast<double>(static_cast<std::int64_t>(bits)) + 0.5) * 0x1p-52;
  };
  return {open(x[0], x[1]), open(x[2], x[3])};
}

}  // namespace kurve::data
