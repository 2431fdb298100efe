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

/// One for each of the groups that are computed side by side. Unlike that of std::array its subscript is not checked in
/// a hardened build: a check in a loop that is to be unrolled keeps it from being (10 % of a ring's time, GCC 12).
template <typename T, std::size_t groups>
struct Grouped {
  T each[groups];
  HWY_INLINE T& operator[](std::size_t g) { return each[g]; }
  HWY_INLINE T const& operator[](std::size_t g) const { return each[g]; }
  HWY_INLINE T* begin() { return each; }
  HWY_INLINE T* end() { return each + groups; }
  HWY_INLINE T const* begin() const { return each; }
  HWY_INLINE T const* end() const { return each + groups; }
};

/// The four words of each of Lanes(D64) blocks. In 32-bit lanes 2i and 2i + 1: x1 and x0 of block i in `x1x0`, x3 and
/// x2 in `x3x2`.
struct BlockWords {
  V32 x1x0, x3x2;
};

HWY_INLINE V64 product(std::uint64_t factor, V64 x) {
  return hn::MulEven(hn::BitCast(D32(), hn::Set(D64(), factor)), hn::BitCast(D32(), x));
}

/// data::philox4x32 of counters (trial, block, draw, stream) for `groups` vectors of blocks, words in 64-bit lanes: one
/// widening multiplication yields both halves in place, and upper halves that are not wanted are ignored by the next
/// one.
///
/// A round is 7 cycles of latency and 6 instructions, of which a core begins two a cycle and looks some 100 ahead: the
/// rounds of several groups are written side by side, because one group after the other would not fill it.
template <std::size_t groups>
HWY_INLINE Grouped<BlockWords, groups> words_of_blocks(PhiloxPrefix const& p, Grouped<V64, groups> const& block) {
  D64 const d;
  auto const set = [d](std::uint64_t x) HWY_ATTR { return hn::Set(d, x); };
  Grouped<V64, groups> c0, c1, c2, c3;
#pragma GCC unroll 4
  for (std::size_t g = 0; g < groups; ++g) {
    c0[g] = hn::Xor(block[g], set(p.round_1));
    c3[g] = product(philox_multiplier[0], c0[g]);
  }
#pragma GCC unroll 4
  for (std::size_t g = 0; g < groups; ++g) {
    c2[g] = hn::Xor(hn::ShiftRight<32>(c3[g]), set(p.round_2));
    c1[g] = product(philox_multiplier[1], c2[g]);
  }
#pragma GCC unroll 4
  for (std::size_t g = 0; g < groups; ++g) {
    c0[g] = hn::Xor(hn::ShiftRight<32>(c1[g]), set(p.round_3_first));
    c2[g] = hn::Xor(c3[g], set(p.round_3_third));
    c3[g] = set(p.round_3_fourth);
  }
#pragma GCC unroll 6
  for (int round = 3; round < 9; ++round)
#pragma GCC unroll 4
    for (std::size_t g = 0; g < groups; ++g) {
      V64 const a = product(philox_multiplier[0], c0[g]), b = product(philox_multiplier[1], c2[g]);
      c0[g] = hn::Xor3(hn::ShiftRight<32>(b), c1[g], set(p.key[round][0]));
      c2[g] = hn::Xor3(hn::ShiftRight<32>(a), c3[g], set(p.key[round][1]));
      c1[g] = b;
      c3[g] = a;
    }
  Grouped<BlockWords, groups> words;
#pragma GCC unroll 4
  for (std::size_t g = 0; g < groups; ++g) {
    V64 const a = product(philox_multiplier[0], c0[g]), b = product(philox_multiplier[1], c2[g]);
    words[g] = {hn::BitCast(D32(), hn::Xor3(b, hn::ShiftLeft<32>(c1[g]), set(p.key[9][0] << 32))),
                hn::BitCast(D32(), hn::Xor3(a, hn::ShiftLeft<32>(c3[g]), set(p.key[9][1] << 32)))};
  }
  return words;
}

HWY_INLINE BlockWords block_words(PhiloxPrefix const& p, V64 block) { return words_of_blocks<1>(p, {{block}})[0]; }

/// Of neighbouring blocks: the first group's are `block`, each next one's `step` beyond.
template <std::size_t groups>
HWY_INLINE Grouped<BlockWords, groups> words_from(PhiloxPrefix const& p, V64 block, V64 step) {
  Grouped<V64, groups> blocks;
#pragma GCC unroll 4
  for (auto& b : blocks) {
    b = block;
    block = hn::Add(block, step);
  }
  return words_of_blocks<groups>(p, blocks);
}

}  // namespace kurve::sim::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#endif
