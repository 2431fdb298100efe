// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "model/host_device.hpp"

/// exp, log and the normal quantile from IEEE operations and fused multiply-adds alone, so that their bits depend on
/// neither the C library nor the compiler. Inlined everywhere: a caller compiled for FMA hardware gets hardware FMA.
namespace kurve::model::elementary {

/// Horner's rule, highest power first.
template <int n>
KURVE_INLINE double polynomial(double const (&c)[n], double x) {
  double sum = c[0];
  for (int i = 1; i < n; ++i) sum = std::fma(sum, x, c[i]);
  return sum;
}

/// (e^r - 1) / r for |r| <= 0.35, by Taylor's series to r^13 / 14!: truncated by under 1e-18.
KURVE_INLINE double expm1_ratio(double r) {
  constexpr double c[] = {
      1 / 87178291200.0, 1 / 6227020800.0, 1 / 479001600.0, 1 / 39916800.0, 1 / 3628800.0, 1 / 362880.0, 1 / 40320.0,
      1 / 5040.0,        1 / 720.0,        1 / 120.0,       1 / 24.0,       1 / 6.0,       0.5,          1.0};
  return polynomial(c, r);
}

/// e^x to 1 ulp; 0 below -708, infinite above 709.
KURVE_INLINE double exp(double x) {
  if (!(x > -708.0)) return x != x ? x : 0.0;
  if (x > 709.0) return std::numeric_limits<double>::infinity();
  constexpr double shift = 0x1.8p52;  // adding it rounds to a whole number, kept in the low bits
  double const shifted = std::fma(x, 1.4426950408889634074, shift);
  double const k = shifted - shift;
  double const r =
      std::fma(k, -1.90821492927058770002e-10, std::fma(k, -6.93147180369123816490e-01, x));  // ln 2 in two parts
  auto const scale = std::bit_cast<double>((std::bit_cast<std::uint64_t>(shifted) + 1023) << 52);
  return std::fma(r, expm1_ratio(r), 1.0) * scale;
}

/// e^x - 1 to 2 ulp.
KURVE_INLINE double expm1(double x) { return std::abs(x) <= 0.35 ? x * expm1_ratio(x) : exp(x) - 1.0; }

/// Natural logarithm of a normal number x > 0, to 2 ulp: 2 atanh s, s = (m-1)/(m+1), m in [sqrt 1/2, sqrt 2), truncated
/// by under 1e-17.
KURVE_INLINE double log(double x) {
  constexpr double c[] = {2 / 21.0, 2 / 19.0, 2 / 17.0, 2 / 15.0, 2 / 13.0,
                          2 / 11.0, 2 / 9.0,  2 / 7.0,  2 / 5.0,  2 / 3.0};
  constexpr std::uint64_t sqrt_half = 0x3fe6a09e667f3bcdULL;
  std::uint64_t const offset = std::bit_cast<std::uint64_t>(x) - sqrt_half;
  auto const k = static_cast<double>(static_cast<std::int64_t>(offset) >> 52);
  double const f = std::bit_cast<double>((offset & 0x000fffffffffffffULL) + sqrt_half) - 1.0;
  double const s = f / (2.0 + f);
  double const s2 = s * s;
  // log m = f - s (f - s2 p): keeps the leading f exact, as fdlibm does
  double const tail = std::fma(k, 1.90821492927058770002e-10, -s * std::fma(-s2, polynomial(c, s2), f));
  return std::fma(k, 6.93147180369123816490e-01, f + tail);
}

/// -log(p), accurate for p near 1 too. @param complement  1 - p, to its own precision
KURVE_INLINE double minus_log(double p, double complement) {
  if (complement > 0.35) return -log(p);
  double const u = 1.0 - complement;  // log1p by the rounding error of u (Kahan)
  return u == 1.0 ? complement : -log(u) + (complement - (1.0 - u)) / u;
}

/// Normal z with P(Z > z) = tail, for tail in (0, 1/2], relative error about 1e-16.
/// Source: Wichura, Algorithm AS 241 (PPND16), Applied Statistics 37 (1988) 477-484.
KURVE_INLINE double normal_upper(double tail) {
  double const q = 0.5 - tail;
  if (q <= 0.425) {
    constexpr double a[] = {2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457,
                            13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.387132872796366608};
    constexpr double b[] = {5226.495278852545925,  28729.085735721942674, 39307.89580009271061,  21213.794301586595867,
                            5394.1960214247511077, 687.1870074920579083,  42.313330701600911252, 1.0};
    double const r = std::fma(-q, q, 0.180625);
    return q * polynomial(a, r) / polynomial(b, r);
  }
  double const r = std::sqrt(-log(tail));
  if (r <= 5.0) {
    constexpr double c[] = {7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177,
                            1.27045825245236838258,   3.64784832476320460504,   5.7694972214606914055,
                            4.6303378461565452959,    1.42343711074968357734};
    constexpr double d[] = {
        1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966, 0.14810397642748007459,
        0.68976733498510000455,    1.6763848301838038494,   2.05319162663775882187,   1.0};
    return polynomial(c, r - 1.6) / polynomial(d, r - 1.6);
  }
  constexpr double e[] = {2.01033439929228813265e-7, 2.71155556874348757815e-5, 0.0012426609473880784386,
                          0.026532189526576123093,   0.29656057182850489123,    1.7848265399172913358,
                          5.4637849111641143699,     6.6579046435011037772};
  constexpr double f[] = {
      2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5, 7.868691311456132591e-4,
      0.0148753612908506148525,   0.13692988092273580531,   0.59983220655588793769,   1.0};
  return polynomial(e, r - 5.0) / polynomial(f, r - 5.0);
}

/// Whether this processor has fused multiply-add that a default build for it may not use. A hot loop is written once,
/// always inlined, and wrapped twice: plain, and with KURVE_TARGET_FMA; the bits are the same, the speed is not.
#if defined(__x86_64__) && !defined(__FMA__)
#define KURVE_TARGET_FMA [[gnu::target("fma")]]
[[nodiscard]] inline bool has_hardware_fma() { return __builtin_cpu_supports("fma") != 0; }
#else
#define KURVE_TARGET_FMA
[[nodiscard]] inline bool has_hardware_fma() { return true; }
#endif

}  // namespace kurve::model::elementary
