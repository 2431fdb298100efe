// SPDX-License-Identifier: Apache-2.0
// Highway's per-target rule: this header is read once for each instruction set, so it has no #pragma once.
#if defined(KURVE_SIM_LANES_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef KURVE_SIM_LANES_HPP
#undef KURVE_SIM_LANES_HPP
#else
#define KURVE_SIM_LANES_HPP
#endif

#include <hwy/highway.h>

#include "sim/instruction_sets.hpp"
#include "sim/philox_prefix.hpp"

#if !KURVE_PLAIN_TARGET

HWY_BEFORE_NAMESPACE();
namespace kurve::sim::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using D64 = hn::ScalableTag<std::uint64_t>;
using D32 = hn::ScalableTag<std::uint32_t>;
using V64 = hn::Vec<D64>;
using V32 = hn::Vec<D32>;

/// The four words of each of Lanes(D64) blocks. In 32-bit lanes 2i and 2i + 1: x1 and x0 of block i in `x1x0`, x3 and
/// x2 in `x3x2`.
struct BlockWords {
  V32 x1x0, x3x2;
};

HWY_INLINE V64 product(std::uint64_t factor, V64 x) {
  return hn::MulEven(hn::BitCast(D32(), hn::Set(D64(), factor)), hn::BitCast(D32(), x));
}

/// data::philox4x32 of counters (trial, block, draw, stream) for a vector of blocks, words in 64-bit lanes: one
/// widening multiplication yields both halves in place, and upper halves that are not wanted are ignored by the next
/// one.
HWY_INLINE BlockWords block_words(PhiloxPrefix const& p, V64 block) {
  D64 const d;
  auto const set = [d](std::uint64_t x) HWY_ATTR { return hn::Set(d, x); };
  V64 c0 = hn::Xor(block, set(p.round_1));
  V64 c3 = product(philox_multiplier[0], c0);
  V64 c2 = hn::Xor(hn::ShiftRight<32>(c3), set(p.round_2));
  V64 c1 = product(philox_multiplier[1], c2);
  c0 = hn::Xor(hn::ShiftRight<32>(c1), set(p.round_3_first));
  c2 = hn::Xor(c3, set(p.round_3_third));
  c3 = set(p.round_3_fourth);
#pragma GCC unroll 6
  for (int round = 3; round < 9; ++round) {
    V64 const a = product(philox_multiplier[0], c0), b = product(philox_multiplier[1], c2);
    c0 = hn::Xor3(hn::ShiftRight<32>(b), c1, set(p.key[round][0]));
    c2 = hn::Xor3(hn::ShiftRight<32>(a), c3, set(p.key[round][1]));
    c1 = b;
    c3 = a;
  }
  V64 const a = product(philox_multiplier[0], c0), b = product(philox_multiplier[1], c2);
  return {hn::BitCast(D32(), hn::Xor3(b, hn::ShiftLeft<32>(c1), set(p.key[9][0] << 32))),
          hn::BitCast(D32(), hn::Xor3(a, hn::ShiftLeft<32>(c3), set(p.key[9][1] << 32)))};
}

}  // namespace kurve::sim::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#endif
