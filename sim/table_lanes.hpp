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

/// One of 32 entries for each lane. @param index  only its lowest five bits count
HWY_INLINE VF entry(float const (&table)[QuantileTable::segments], V32 index) {
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL
  return VF{_mm512_permutex2var_ps(_mm512_load_ps(table), index.raw, _mm512_load_ps(table + 16))};
#else
  V32 const i = hn::And(index, hn::Set(D32(), 31));
  return hn::GatherIndex(DF(), table, hn::BitCast(hn::RebindToSigned<D32>(), i));
#endif
}

/// The rare lanes, one by one.
static HWY_NOINLINE VF with_deep(QuantileTable const& table, V32 w, VF y) {
  HWY_ALIGN std::uint32_t words[HWY_MAX_BYTES / 4];
  HWY_ALIGN float values[HWY_MAX_BYTES / 4];
  hn::Store(w, D32(), words);
  hn::Store(y, DF(), values);
  for (std::size_t i = 0; i < hn::Lanes(DF()); ++i)
    if (std::min(words[i], ~words[i]) <= 1u << QuantileTable::least_exponent) values[i] = table.value(words[i]);
  return hn::Load(DF(), values);
}

/// QuantileTable::value of each word of `groups` vectors, side by side as their rounds are (sim/lanes.hpp).
template <std::size_t groups>
HWY_INLINE Grouped<VF, groups> values_of(QuantileTable const& table, Grouped<V32, groups> const& w) {
  D32 const d;
  DF const f;
  hn::RebindToSigned<D32> const i32;
  Grouped<V32, groups> index;
  Grouped<VF, groups> v, y;
  V32 any_deep = hn::Zero(d);
#pragma GCC unroll 4
  for (std::size_t g = 0; g < groups; ++g) {
    V32 const bits =
        hn::Sub(hn::BitCast(d, hn::ConvertTo(f, hn::BitCast(i32, w[g]))), hn::Set(d, QuantileTable::origin));
    any_deep = hn::Or(any_deep, bits);
    v[g] = hn::Sub(hn::BitCast(f, hn::OrAnd(hn::Set(d, 0x3f800000u), bits, hn::Set(d, 0x007fffffu))), hn::Set(f, 1.5f));
    index[g] = hn::ShiftRight<23>(hn::OrAnd(bits, hn::ShiftRight<4>(bits), hn::Set(d, 1u << 27)));
    y[g] = entry(table.coefficient[QuantileTable::degree], index[g]);
  }
#pragma GCC unroll 8
  for (std::size_t lower = 1; lower <= QuantileTable::degree; ++lower)  // powers of v, from the highest down
#pragma GCC unroll 4
    for (std::size_t g = 0; g < groups; ++g)
      y[g] = hn::MulAdd(y[g], v[g], entry(table.coefficient[QuantileTable::degree - lower], index[g]));
#pragma GCC unroll 4
  for (auto& each : y) each = hn::Max(each, hn::Zero(f));
  V32 const deep = hn::And(any_deep, hn::Set(d, QuantileTable::deep));
  if (HWY_UNLIKELY(!hn::AllTrue(d, hn::Eq(deep, hn::Zero(d)))))
#pragma GCC unroll 4
    for (std::size_t g = 0; g < groups; ++g) y[g] = with_deep(table, w[g], y[g]);
  return y;
}

HWY_INLINE VF values_of(QuantileTable const& table, V32 w) { return values_of<1>(table, {{w}})[0]; }

}  // namespace kurve::sim::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#endif
