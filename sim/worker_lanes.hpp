// SPDX-License-Identifier: Apache-2.0
// Read once for each instruction set, see sim/lanes.hpp.
#if defined(KURVE_SIM_WORKER_LANES_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef KURVE_SIM_WORKER_LANES_HPP
#undef KURVE_SIM_WORKER_LANES_HPP
#else
#define KURVE_SIM_WORKER_LANES_HPP
#endif

#include <hwy/highway.h>
#include <algorithm>

#include "sim/lanes.hpp"
#include "sim/worker_factor.hpp"

HWY_BEFORE_NAMESPACE();
namespace kurve::sim::HWY_NAMESPACE {

/// Neighbouring workers with a word each: worker first + m has word m % 4 of Philox block first_block + m / 4.
struct WorkerRange {
  std::uint32_t first_block, first, count;
};

/// What largest_word() found.
struct LargestWord {
  std::uint32_t word = 0;  ///< largest of all
  std::size_t rare = 0;    ///< how many were written to `rare`
};

/// Room that `rare` needs beyond one entry a worker: whole vectors are stored.
constexpr std::size_t rare_padding = 64;

#if KURVE_PLAIN_TARGET

HWY_INLINE LargestWord largest_word(WordSource const& source, WorkerRange const& range, std::uint32_t rare_below,
                                    std::uint32_t* rare) {
  LargestWord found;
  for (std::uint32_t m = 0; m < range.count; ++m) {
    std::uint32_t const word = source.block(range.first_block + m / 4)[m % 4];
    found.word = std::max(found.word, word);
    if (word < rare_below) rare[found.rare++] = range.first + m;
  }
  return found;
}

HWY_INLINE std::size_t largest_words_of_nodes(WordSource const& source, std::uint32_t first, std::uint32_t count,
                                              std::uint32_t workers, std::uint32_t rare_below,
                                              std::uint32_t* largest_of, std::uint32_t* rare) {
  std::size_t rare_count = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    WorkerRange const range{(first + i) * ((workers + 3) / 4), (first + i) * workers, workers};
    auto const found = largest_word(source, range, rare_below, rare + rare_count);
    largest_of[i] = found.word;
    rare_count += found.rare;
  }
  return rare_count;
}

#else

constexpr D32 d32;
constexpr D64 d64;

/// Number within its block of the worker in each 32-bit lane of x1x0 (x3x2: two more).
HWY_INLINE V32 member() { return hn::Xor(hn::And(hn::Iota(d32, 0), hn::Set(d32, 1)), hn::Set(d32, 1)); }

/// 32-bit lanes 2i and 2i + 1 from 64-bit lane i.
HWY_INLINE V32 twice(V64 x) { return hn::BitCast(d32, hn::Or(x, hn::ShiftLeft<32>(x))); }

HWY_INLINE std::uint32_t largest_lane(V32 x) { return hn::GetLane(hn::MaxOfLanes(d32, x)); }

/// Appends the workers whose word is below the limit and valid; out of the hot loop, so that it stays small.
static HWY_NOINLINE void append_rare(V32 word, V32 worker, std::uint32_t below, std::uint32_t end, std::uint32_t* to,
                                     std::size_t& n) {
  auto const is_rare = hn::And(hn::Lt(word, hn::Set(d32, below)), hn::Lt(worker, hn::Set(d32, end)));
  n += hn::CompressStore(worker, is_rare, d32, to + n);
}

/// Largest word of a range, and the numbers, in no order, of the workers whose word is below `rare_below`.
/// @param rare  [count + rare_padding]
HWY_INLINE LargestWord largest_word(WordSource const& source, WorkerRange const& range, std::uint32_t rare_below,
                                    std::uint32_t* rare) {
  PhiloxPrefix const prefix(source.seed, source.draw.trial, source.draw.phase, source.stream);
  constexpr std::uint32_t unroll = 4;
  auto const lanes = static_cast<std::uint32_t>(hn::Lanes(d64));
  std::uint32_t const a_pass = 4 * unroll * lanes, end = range.first + range.count;
  V64 const step = hn::Set(d64, lanes);
  V64 block = hn::Add(hn::Set(d64, range.first_block), hn::Iota(d64, 0));
  V32 const limit = hn::Set(d32, rare_below);
  V32 const member_number = hn::Add(member(), hn::Set(d32, range.first - 4 * range.first_block));
  V32 largest = hn::Zero(d32), largest_2 = largest;
  LargestWord found;
  std::uint32_t worker = range.first;
  for (; end - worker >= a_pass; worker += a_pass) {
    auto const w = words_from<unroll>(prefix, block, step);
    block = hn::Add(block, hn::Set(d64, unroll * lanes));
#pragma GCC unroll 4
    for (auto const& words : w) {
      largest = hn::Max(largest, words.x1x0);
      largest_2 = hn::Max(largest_2, words.x3x2);
    }
    V32 least = hn::Min(w[0].x1x0, w[0].x3x2);
#pragma GCC unroll 3
    for (std::uint32_t i = 1; i < unroll; ++i) least = hn::Min(least, hn::Min(w[i].x1x0, w[i].x3x2));
    if (HWY_UNLIKELY(!hn::AllFalse(d32, hn::Lt(least, limit)))) {
      V32 number = hn::Add(hn::ShiftLeft<2>(twice(hn::Sub(block, hn::Set(d64, unroll * lanes)))), member_number);
      for (auto const& words : w) {
        append_rare(words.x1x0, number, rare_below, end, rare, found.rare);
        append_rare(words.x3x2, hn::Add(number, hn::Set(d32, 2)), rare_below, end, rare, found.rare);
        number = hn::Add(number, hn::Set(d32, 4 * lanes));
      }
    }
  }
  for (; worker < end; worker += 4 * lanes) {
    auto const words = block_words(prefix, block);
    V32 const number = hn::Add(hn::ShiftLeft<2>(twice(block)), member_number);
    V32 const number_2 = hn::Add(number, hn::Set(d32, 2)), all = hn::Set(d32, end);
    largest = hn::Max(largest, hn::IfThenElseZero(hn::Lt(number, all), words.x1x0));
    largest_2 = hn::Max(largest_2, hn::IfThenElseZero(hn::Lt(number_2, all), words.x3x2));
    if (rare_below > 0) {
      append_rare(words.x1x0, number, rare_below, end, rare, found.rare);
      append_rare(words.x3x2, number_2, rare_below, end, rare, found.rare);
    }
    block = hn::Add(block, step);
  }
  found.word = largest_lane(hn::Max(largest, largest_2));
  return found;
}

/// The same for nodes of `workers` each, whose words begin with a new block: the largest word of each of nodes
/// first .. first + count - 1, and the numbers node * workers + member of the rare ones.
/// @param rare  [count * workers + rare_padding] @return how many were written to `rare`
HWY_INLINE std::size_t largest_words_of_nodes(WordSource const& source, std::uint32_t first, std::uint32_t count,
                                              std::uint32_t workers, std::uint32_t rare_below,
                                              std::uint32_t* largest_of, std::uint32_t* rare) {
  PhiloxPrefix const prefix(source.seed, source.draw.trial, source.draw.phase, source.stream);
  auto const lanes = static_cast<std::uint32_t>(hn::Lanes(d64));
  std::uint32_t const blocks = (workers + 3) / 4;
  std::size_t rare_count = 0;
  HWY_ALIGN std::uint32_t of_lane[HWY_MAX_BYTES / sizeof(std::uint32_t)];
  V32 const limit = hn::Set(d32, rare_below), all = hn::Set(d32, workers);
  for (std::uint32_t done = 0; done < count; done += lanes) {
    V64 const node = hn::Add(hn::Set(d64, first + done), hn::Iota(d64, 0));
    V32 const number_of_first = hn::Mul(twice(node), all);
    // Lanes beyond `count` are drawn and left out.
    auto const wanted = hn::Lt(twice(node), hn::Set(d32, first + count));
    V64 block = hn::MulEven(hn::BitCast(d32, node), hn::Set(d32, blocks));
    V32 largest = hn::Zero(d32);
    for (std::uint32_t b = 0; b < blocks; ++b) {
      auto const words = block_words(prefix, block);
      V32 const m = hn::Add(member(), hn::Set(d32, 4 * b)), m_2 = hn::Add(m, hn::Set(d32, 2));
      auto const valid = hn::And(wanted, hn::Lt(m, all)), valid_2 = hn::And(wanted, hn::Lt(m_2, all));
      largest =
          hn::Max(largest, hn::Max(hn::IfThenElseZero(valid, words.x1x0), hn::IfThenElseZero(valid_2, words.x3x2)));
      auto const is_rare = hn::And(valid, hn::Lt(words.x1x0, limit)),
                 is_rare_2 = hn::And(valid_2, hn::Lt(words.x3x2, limit));
      if (HWY_UNLIKELY(!hn::AllFalse(d32, hn::Or(is_rare, is_rare_2)))) {
        rare_count += hn::CompressStore(hn::Add(number_of_first, m), is_rare, d32, rare + rare_count);
        rare_count += hn::CompressStore(hn::Add(number_of_first, m_2), is_rare_2, d32, rare + rare_count);
      }
      block = hn::Add(block, hn::Set(d64, 1));
    }
    hn::Store(hn::Max(largest, hn::Shuffle2301(largest)), d32, of_lane);
    for (std::uint32_t i = 0; i < lanes && done + i < count; ++i) largest_of[done + i] = of_lane[2 * i];
  }
  return rare_count;
}

#endif

}  // namespace kurve::sim::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
