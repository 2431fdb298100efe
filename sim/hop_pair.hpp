// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace kurve::sim {

/// Two hops of every rank of a ring: hop 2n, then hop 2n + 1. Philox block b of the counter (trial, b, n, hop) holds
/// words x1, x0 for ranks 2b, 2b + 1 in the first and x3, x2 in the second.
struct HopPair {
  std::uint64_t seed;
  std::uint32_t trial, number;
  std::size_t ranks;
};

/// Rank k's time is at [front + k]; [front - 1] stands for the last rank, the left neighbour of the first.
inline constexpr std::size_t front = 16;

/// Ranks are handled by whole passes of the widest loop.
constexpr std::size_t room_for(std::size_t ranks) { return (ranks + 63) / 64 * 64; }

}  // namespace kurve::sim
