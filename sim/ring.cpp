// SPDX-License-Identifier: Apache-2.0
#include "sim/ring.hpp"

#include <algorithm>
#include <cmath>

#include "data/philox.hpp"
#include "sim/hop_pair.hpp"
#include "sim/instruction_sets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "sim/ring.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "sim/table_lanes.hpp"

HWY_BEFORE_NAMESPACE();
namespace kurve::sim::HWY_NAMESPACE {

#if KURVE_PLAIN_TARGET

void run_pair(HopPair const& pair, QuantileTable const& jitter, float const* hop_s, float* time_s,
              float* second_factor) {
  float* const t = time_s + front;
  auto const advance = [&](std::size_t k, float factor) {
    t[k] = std::fma(factor, hop_s[k], std::max(t[k], t[k - 1]));
  };
  t[-1] = t[pair.ranks - 1];
  for (std::size_t b = room_for(pair.ranks) / 2; b-- > 0;) {
    auto const x = data::philox4x32(
        {pair.trial, static_cast<std::uint32_t>(b), pair.number, static_cast<std::uint32_t>(data::Stream::hop)},
        {static_cast<std::uint32_t>(pair.seed), static_cast<std::uint32_t>(pair.seed >> 32)});
    second_factor[2 * b] = jitter.value(x[3]);
    second_factor[2 * b + 1] = jitter.value(x[2]);
    advance(2 * b + 1, jitter.value(x[0]));
    advance(2 * b, jitter.value(x[1]));
  }
  t[-1] = t[pair.ranks - 1];
  for (std::size_t k = room_for(pair.ranks); k-- > 0;) advance(k, second_factor[k]);
}

#else

HWY_INLINE void advance(float* t, VF factor, float const* hop_s) {
  DF const f;
  hn::StoreU(hn::MulAdd(factor, hn::LoadU(f, hop_s), hn::Max(hn::LoadU(f, t), hn::LoadU(f, t - 1))), f, t);
}

void run_pair(HopPair const& pair, QuantileTable const& jitter, float const* hop_s, float* time_s,
              float* second_factor) {
  D64 const d64;
  DF const f;
  constexpr std::size_t unroll = 4;
  PhiloxPrefix const prefix(pair.seed, pair.trial, pair.number, data::Stream::hop);
  std::size_t const lanes = hn::Lanes(f);
  float* const t = time_s + front;
  t[-1] = t[pair.ranks - 1];
  for (std::size_t k = room_for(pair.ranks); k > 0;) {
    k -= unroll * lanes;
    auto const w = words_from<unroll>(prefix, hn::Add(hn::Set(d64, k / 2), hn::Iota(d64, 0)), hn::Set(d64, lanes / 2));
    auto const first = values_of<unroll>(jitter, {{w[0].x1x0, w[1].x1x0, w[2].x1x0, w[3].x1x0}}),
               second = values_of<unroll>(jitter, {{w[0].x3x2, w[1].x3x2, w[2].x3x2, w[3].x3x2}});
#pragma GCC unroll 4
    for (std::size_t i = unroll; i-- > 0;) {  // downwards, so that t[k-1] is still the one of the hop before
      std::size_t const at = k + i * lanes;
      advance(t + at, first[i], hop_s + at);
      hn::StoreU(second[i], f, second_factor + at);
    }
  }
  t[-1] = t[pair.ranks - 1];
  for (std::size_t k = room_for(pair.ranks); k > 0;) {
    k -= lanes;
    advance(t + k, hn::LoadU(f, second_factor + k), hop_s + k);
  }
}

#endif

}  // namespace kurve::sim::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace kurve::sim {

namespace {
constexpr std::uint32_t pairs_an_origin = 32;
}

HWY_EXPORT(run_pair);

JitteredRing::JitteredRing(std::span<double const> hop_s, model::FactorLaw const& jitter, std::uint64_t seed)
    : hop_s_(hop_s.begin(), hop_s.end()), padded_hop_s_(hop_s.begin(), hop_s.end()), jitter_(jitter), seed_(seed) {
  KURVE_EXPECT(!hop_s.empty());
  padded_hop_s_.resize(room_for(hop_s.size()), 0.0f);
}

void JitteredRing::run(std::uint32_t trial, std::uint32_t collective, std::span<double> finish_s,
                       Workspace& workspace) const {
  std::size_t const ranks = hop_s_.size();
  KURVE_EXPECT(finish_s.size() == ranks);
  if (jitter_.law.scale == 0.0)
    return run_ring(finish_s, [&](int, int rank) { return hop_s_[static_cast<std::size_t>(rank)]; });
  double origin_s = *std::max_element(finish_s.begin(), finish_s.end());
  workspace.time_s.assign(front + room_for(ranks), 0.0f);
  workspace.second_factor.resize(room_for(ranks));
  float* const t = workspace.time_s.data() + front;
  for (std::size_t k = 0; k < ranks; ++k) t[k] = static_cast<float>(finish_s[k] - origin_s);
  auto const pairs = static_cast<std::uint32_t>(ranks - 1);
  auto const pair_of = HWY_DYNAMIC_DISPATCH(run_pair);
  for (std::uint32_t n = 0; n < pairs; ++n) {
    pair_of({seed_, trial, collective * pairs + n, ranks}, jitter_, padded_hop_s_.data(), workspace.time_s.data(),
            workspace.second_factor.data());
    if (n % pairs_an_origin != pairs_an_origin - 1) continue;
    float const moved_s = t[ranks - 1];
    origin_s += static_cast<double>(moved_s);
    for (std::size_t k = 0; k < ranks; ++k) t[k] -= moved_s;
  }
  for (std::size_t k = 0; k < ranks; ++k) finish_s[k] = origin_s + static_cast<double>(t[k]);
}

double ring_makespan_s(JitteredRing const& ring, std::uint32_t trial) {
  std::vector<double> finish_s(static_cast<std::size_t>(ring.ranks()), 0.0);
  JitteredRing::Workspace workspace;
  ring.run(trial, 0, finish_s, workspace);
  return *std::max_element(finish_s.begin(), finish_s.end());
}

}  // namespace kurve::sim
#endif
