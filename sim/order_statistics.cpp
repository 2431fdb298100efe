// SPDX-License-Identifier: Apache-2.0
#include "sim/order_statistics.hpp"

#include <algorithm>
#include <cmath>

#include "data/philox.hpp"
#include "model/elementary.hpp"
#include "sim/instruction_sets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "sim/order_statistics.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "sim/table_lanes.hpp"

HWY_BEFORE_NAMESPACE();
namespace kurve::sim::HWY_NAMESPACE {
namespace {

/// Trials are drawn 64 at a time. Block 16 group + b of the counter (0, block, 0, maximum) holds words x1, x0 of trials
/// 2b, 2b + 1 of its group and x3, x2 of trials 32 + 2b, 32 + 2b + 1, so that vectors of words are in their order.
constexpr std::uint32_t group_of_trials = 64;

std::array<std::uint32_t, 4> words_of(std::uint64_t seed, std::uint32_t trial, std::uint32_t number,
                                      std::uint32_t phase, data::Stream stream) {
  return data::philox4x32({trial, number, phase, static_cast<std::uint32_t>(stream)},
                          {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
}

#if KURVE_PLAIN_TARGET

void draw_groups(MaximumLaws const& laws, PhaseTime const& time, std::uint32_t phase, std::uint32_t group,
                 std::uint32_t groups, double* times_s) {
  auto const time_s = [&](std::uint32_t word) { return time(static_cast<double>(laws.maximum->value(word))); };
  for (std::uint32_t block = 16 * group; block < 16 * (group + groups); ++block) {
    auto const x = words_of(laws.workers.seed, 0, block, phase, data::Stream::maximum);
    double* const to = times_s + (block - 16 * group) / 16 * group_of_trials + 2 * (block % 16);
    to[0] = time_s(x[1]);
    to[1] = time_s(x[0]);
    to[32] = time_s(x[3]);
    to[33] = time_s(x[2]);
  }
}

#else

void draw_groups(MaximumLaws const& laws, PhaseTime const& time, std::uint32_t phase, std::uint32_t group,
                 std::uint32_t groups, double* times_s) {
  D64 const d64;
  DF const f;
  hn::ScalableTag<double> const d;
  hn::Half<DF> const half;
  PhiloxPrefix const prefix(laws.workers.seed, 0, phase, data::Stream::maximum);
  QuantileTable const& table = *laws.maximum;
  auto const slope_s = hn::Set(d, time.slope_s[0]), offset_s = hn::Set(d, time.offset_s[0]);
  std::size_t const lanes = hn::Lanes(d64);
  V64 const step = hn::Set(d64, lanes);
  V64 block = hn::Add(hn::Set(d64, 16 * group), hn::Iota(d64, 0));
  constexpr std::size_t vectors = 4;  // of blocks, drawn side by side: a group or two, most of the time
  constexpr std::uint32_t groups_a_pass = std::max<std::uint32_t>(1, vectors * hn::MaxLanes(d64) / 16);
  HWY_ALIGN float slowest[groups_a_pass * group_of_trials];
  for (std::uint32_t const end = group + groups; group < end; group += groups_a_pass) {
    for (std::size_t b = 0; b < 16 * groups_a_pass; b += vectors * lanes) {
      auto const w = words_from<vectors>(prefix, block, step);
      block = hn::Add(block, hn::Set(d64, vectors * lanes));
      auto const first = values_of<vectors>(table, {{w[0].x1x0, w[1].x1x0, w[2].x1x0, w[3].x1x0}}),
                 second = values_of<vectors>(table, {{w[0].x3x2, w[1].x3x2, w[2].x3x2, w[3].x3x2}});
#pragma GCC unroll 4
      for (std::size_t i = 0; i < vectors; ++i) {
        std::size_t const at = b + i * lanes;
        float* const to = slowest + at / 16 * group_of_trials + 2 * (at % 16);
        hn::StoreU(first[i], f, to);
        hn::StoreU(second[i], f, to + group_of_trials / 2);
      }
    }
    // From memory and not from the registers: widening half a register would first have to move it.
    std::size_t const wanted = std::min(groups_a_pass, end - group) * group_of_trials;
    for (std::size_t i = 0; i < wanted; i += lanes)
      hn::StoreU(hn::MulAdd(slope_s, hn::PromoteTo(d, hn::LoadU(half, slowest + i)), offset_s), d, times_s + i);
    for (std::size_t line = 1; line < static_cast<std::size_t>(time.count); ++line) {
      auto const a = hn::Set(d, time.slope_s[line]), b = hn::Set(d, time.offset_s[line]);
      for (std::size_t i = 0; i < wanted; i += lanes) {
        auto const time_s = hn::MulAdd(a, hn::PromoteTo(d, hn::LoadU(half, slowest + i)), b);
        hn::StoreU(hn::Max(hn::LoadU(d, times_s + i), time_s), d, times_s + i);
      }
    }
    times_s += wanted;
  }
}

#endif

/// Four exponentials of each of up to 64 blocks, by the words of the block.
struct Exponentials {
  float of_x1x0[2 * group_of_trials], of_x3x2[2 * group_of_trials];
  [[nodiscard]] float operator()(std::size_t block, std::size_t word) const {
    return (word < 2 ? of_x1x0 : of_x3x2)[2 * block + 1 - word % 2];
  }
};

void fill(Exponentials& e, QuantileTable const& exponential, std::uint64_t seed, std::uint32_t trial,
          std::uint32_t phase, std::uint32_t first_block) {
#if KURVE_PLAIN_TARGET
  for (std::uint32_t b = 0; b < group_of_trials; ++b) {
    auto const x = words_of(seed, trial, first_block + b, phase, data::Stream::maximum);
    e.of_x1x0[2 * b] = exponential.value(x[1]);
    e.of_x1x0[2 * b + 1] = exponential.value(x[0]);
    e.of_x3x2[2 * b] = exponential.value(x[3]);
    e.of_x3x2[2 * b + 1] = exponential.value(x[2]);
  }
#else
  D64 const d64;
  PhiloxPrefix const prefix(seed, trial, phase, data::Stream::maximum);
  for (std::size_t b = 0; b < group_of_trials; b += hn::Lanes(d64)) {
    auto const w = block_words(prefix, hn::Add(hn::Set(d64, first_block + b), hn::Iota(d64, 0)));
    hn::StoreU(values_of(exponential, w.x1x0), DF(), e.of_x1x0 + 2 * b);
    hn::StoreU(values_of(exponential, w.x3x2), DF(), e.of_x3x2 + 2 * b);
  }
#endif
}

/// 1 - exp(-x): three terms do where x is small, as it is for many workers (truncated by x^4 / 24).
HWY_INLINE double one_minus_exp(double x) {
  return x < 1e-4 ? x * std::fma(x, std::fma(x, 1.0 / 6.0, -0.5), 1.0) : -model::elementary::expm1(-x);
}

HWY_INLINE double slowest_of_group(MaximumLaws const& laws, Exponentials const& e, std::size_t block, double count) {
  double slowest = 0.0, share_left = 1.0;
  TailTable const* const tables = laws.laws_of_kinds.data();  // unchecked in a hardened build, as is the loop
  std::size_t word = 0;
  for (auto const& kind : laws.kinds) {
    if (!(count > 0.0)) break;
    double const beyond = one_minus_exp(static_cast<double>(e(block, word++)) / count);
    double const tail = beyond * share_left / kind.share;
    if (tail >= 1.0) {
      share_left -= kind.share;
      continue;
    }
    share_left *= 1.0 - beyond;
    count -= 1.0;
    if (tail > 0.0) slowest = std::max(slowest, kind.gain * tables[kind.law].at_tail(tail));
  }
  return slowest;
}

/// Nodes one by one; node n's exponentials are those of block n of the trial.
double slowest_of_nodes(MaximumLaws const& laws, std::uint32_t trial, std::uint32_t phase) {
  auto const& w = laws.workers;
  Exponentials e;
  double slowest = 0.0;
  for (std::uint32_t node = 0, first = 0; first < w.ranks; ++node) {
    if (node % group_of_trials == 0) fill(e, laws.exponential, w.seed, trial, phase, node);
    std::uint32_t const members = std::min(w.workers_per_node, w.ranks - first);
    double const shared =
        static_cast<double>(laws.node.value(words_of(w.seed, trial, node, phase, data::Stream::node_noise)[0]));
    slowest = std::max(slowest, shared * slowest_of_group(laws, e, node % group_of_trials, members));
    first += members;
  }
  return slowest;
}

/// Without nodes: trial t's exponentials are those of block t.
void draw_kinds(MaximumLaws const& laws, std::uint32_t phase, std::uint32_t first, std::span<double> slowest) {
  Exponentials e;
  for (std::size_t i = 0; i < slowest.size(); ++i) {
    auto const trial = first + static_cast<std::uint32_t>(i);
    if (i == 0 || trial % group_of_trials == 0)
      fill(e, laws.exponential, laws.workers.seed, 0, phase, trial / group_of_trials * group_of_trials);
    slowest[i] = slowest_of_group(laws, e, trial % group_of_trials, laws.workers.ranks);
  }
}

}  // namespace

void draw_maxima_of(MaximumLaws const& laws, PhaseTime const& time, std::uint32_t phase, std::uint32_t first,
                    std::span<double> times_s) {
  if (!laws.maximum) {
    if (laws.workers.node.scale == 0.0)
      draw_kinds(laws, phase, first, times_s);
    else
      for (std::size_t i = 0; i < times_s.size(); ++i)
        times_s[i] = slowest_of_nodes(laws, first + static_cast<std::uint32_t>(i), phase);
    for (double& t : times_s) t = time(t);
    return;
  }
  std::array<double, group_of_trials> group;
  for (std::size_t done = 0; done < times_s.size();) {
    auto const trial = first + static_cast<std::uint32_t>(done);
    std::size_t const skip = trial % group_of_trials, left = times_s.size() - done;
    if (skip == 0 && left >= group_of_trials) {
      auto const groups = static_cast<std::uint32_t>(left / group_of_trials);
      draw_groups(laws, time, phase, trial / group_of_trials, groups, times_s.data() + done);
      done += groups * group_of_trials;
      continue;
    }
    std::size_t const n = std::min(group_of_trials - skip, left);
    draw_groups(laws, time, phase, trial / group_of_trials, 1, group.data());
    std::copy_n(group.begin() + static_cast<std::ptrdiff_t>(skip), n,
                times_s.begin() + static_cast<std::ptrdiff_t>(done));
    done += n;
  }
}

}  // namespace kurve::sim::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace kurve::sim {

HWY_EXPORT(draw_maxima_of);

MaximumLaws::MaximumLaws(WorkerLaws const& laws)
    : workers(laws), exponential(model::factor_law(model::Shape::exponential, 1.0)), node(laws.node) {
  double const p = laws.straggler_probability, q = laws.persistent_probability;
  bool const one_kind = p == 0.0 && q == 0.0, one_law = laws.imbalance.scale == 0.0;
  if (one_kind && one_law && laws.node.scale == 0.0) {
    maximum.emplace(laws.worker, laws.ranks);
    return;
  }
  Quantile const worker = one_law ? quantile_of(laws.worker) : product_of(laws.worker, quantile_of(laws.imbalance));
  laws_of_kinds.emplace_back(worker);
  double const slowdown = 1.0 + laws.straggler_gain;
  Kind transient{.share = p, .gain = slowdown, .law = 0};
  if (p > 0.0 && laws.straggler.scale > 0.0) {
    auto const slow = slowdown_of(laws.straggler, laws.straggler_gain);
    laws_of_kinds.emplace_back(one_law ? product_of(laws.worker, slow)
                                       : product_of(laws.worker, product_of(laws.imbalance, slow)));
    transient = {.share = p, .gain = 1.0, .law = 1};
  }
  auto const add = [&](double share, double gain, std::size_t law) {
    if (share > 0.0) kinds.push_back({share, gain, law});
  };
  add(p * q, laws.persistent_slowdown * transient.gain, transient.law);
  add(p * (1.0 - q), transient.gain, transient.law);
  add(q * (1.0 - p), laws.persistent_slowdown, 0);
  add((1.0 - p) * (1.0 - q), 1.0, 0);
}

void draw_maxima(MaximumLaws const& laws, PhaseTime const& time, std::uint32_t phase, std::uint32_t first,
                 std::span<double> times_s) {
  HWY_DYNAMIC_DISPATCH(draw_maxima_of)(laws, time, phase, first, times_s);
}

}  // namespace kurve::sim
#endif
