// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "data/stream.hpp"

namespace kurve::sim {

inline constexpr std::uint64_t philox_multiplier[2] = {0xD2511F53u, 0xCD9E8D57u};

/// What the rounds of Philox4x32-10 have in common for all counters (trial, BLOCK, draw, stream): the first three
/// rounds mix BLOCK into one word after the other, so only an exclusive or is left of the first, half of the next two.
struct PhiloxPrefix {
  std::uint64_t round_1, round_2, round_3_first, round_3_third, round_3_fourth;
  std::uint64_t key[10][2];  ///< of each round, 32 bits each

  constexpr PhiloxPrefix(std::uint64_t seed, std::uint32_t trial, std::uint32_t draw, data::Stream stream) {
    std::uint32_t k0 = static_cast<std::uint32_t>(seed), k1 = static_cast<std::uint32_t>(seed >> 32);
    for (auto& round : key) {
      round[0] = k0;
      round[1] = k1;
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    constexpr std::uint64_t low = 0xFFFFFFFFu;
    std::uint64_t const a1 = philox_multiplier[0] * trial, b1 = philox_multiplier[1] * draw;
    round_1 = (b1 >> 32) ^ key[0][0];
    std::uint64_t const third = (a1 >> 32) ^ static_cast<std::uint32_t>(stream) ^ key[0][1];
    std::uint64_t const b2 = philox_multiplier[1] * third;
    round_2 = (a1 & low) ^ key[1][1];
    std::uint64_t const first = (b2 >> 32) ^ (b1 & low) ^ key[1][0];
    std::uint64_t const a3 = philox_multiplier[0] * first;
    round_3_first = (b2 & low) ^ key[2][0];
    round_3_third = (a3 >> 32) ^ key[2][1];
    round_3_fourth = a3 & low;
  }
};

}  // namespace kurve::sim
