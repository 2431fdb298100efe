// SPDX-License-Identifier: Apache-2.0
// Read once for each instruction set, see sim/lanes.hpp.
#if defined(KURVE_SIM_TABLE_LANES_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef KURVE_SIM_TABLE_LANES_HPP
#undef KURVE_SIM_TABLE_LANES_HPP
#else
#define KURVE_SIM_TABLE_LANES_HPP
#endif

#include <hwy/highway.h>

#include "sim/lanes.hpp"
#include "sim/quantile_table.hpp"

#if !KURVE_PLAIN_TARGET
HWY_BEFORE_NAMESPACE();
namespace kurve::sim::HWY_NAMESPACE {

using DF = hn::ScalableTag<float>;
using VF = hn::Vec<DF>;

/// One of 64 entries for each lane: `index` counts within a side, and only its lowest five bits do.
HWY_INLINE VF entry(std::array<float, QuantileTable::segments> const& table, V32 index, hn::Mask<DF> upper) {
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL
  float const* const t = table.data();
  VF const low{_mm512_permutex2var_ps(_mm512_load_ps(t), index.raw, _mm512_load_ps(t + 16))};
  VF const high{_mm512_permutex2var_ps(_mm512_load_ps(t + 32), index.raw, _mm512_load_ps(t + 48))};
  return hn::IfThenElse(upper, high, low);
#else
  D32 const d;
  V32 const side = hn::IfThenElseZero(hn::RebindMask(d, upper), hn::Set(d, 32));
  V32 const i = hn::Or(hn::And(index, hn::Set(d, 31)), side);
  return hn::GatherIndex(DF(), table.data(), hn::BitCast(hn::RebindToSigned<D32>(), i));
#endif
}

/// The rare lanes, one by one.
static HWY_NOINLINE VF with_deep(QuantileTable const& table, V32 w, VF y) {
  HWY_ALIGN std::uint32_t words[HWY_MAX_BYTES / 4];
  HWY_ALIGN float values[HWY_MAX_BYTES / 4];
  hn::Store(w, D32(), words);
  hn::Store(y, DF(), values);
  for (std::size_t i = 0; i < hn::Lanes(DF()); ++i)
    if (std::min(words[i], ~words[i]) < QuantileTable::deep) values[i] = table.value_of_deep(words[i]);
  return hn::Load(DF(), values);
}

/// QuantileTable::value of each word.
HWY_INLINE VF values_of(QuantileTable const& table, V32 w) {
  D32 const d;
  DF const f;
  hn::RebindToSigned<D32> const i32;
  auto const upper = hn::RebindMask(f, hn::Lt(hn::BitCast(i32, w), hn::Zero(i32)));
  V32 const r = hn::Min(w, hn::Not(w));
  V32 const bits = hn::Sub(hn::BitCast(d, hn::ConvertTo(f, hn::BitCast(i32, r))), hn::Set(d, 1));
  V32 const mantissa = hn::OrAnd(hn::Set(d, 0x3f800000u), bits, hn::Set(d, 0x003fffffu));
  VF const v = hn::Sub(hn::BitCast(f, mantissa), hn::Set(f, 1.25f));
  V32 const index = hn::ShiftRight<22>(bits);
  VF y = entry(table.coefficient[QuantileTable::degree], index, upper);
#pragma GCC unroll 4
  for (std::size_t power = QuantileTable::degree; power-- > 0;)
    y = hn::MulAdd(y, v, entry(table.coefficient[power], index, upper));
  y = hn::Max(y, hn::Zero(f));
  auto const deep = hn::Lt(r, hn::Set(d, QuantileTable::deep));
  if (HWY_UNLIKELY(!hn::AllFalse(d, deep))) y = with_deep(table, w, y);
  return y;
}

}  // namespace kurve::sim::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#endif
