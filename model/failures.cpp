// SPDX-License-Identifier: Apache-2.0
#include "model/failures.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "model/contract.hpp"

namespace kurve::model {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double never = 92.0;  // exponents beyond it: e^92 is 1e40, more attempts than any run has

/// First three moments about zero.
struct Moments {
  double first = 0.0, second = 0.0, third = 0.0;
};

/// Of an exponential of mean M, given that it is below `end`: by parts, E[X^k] = k M E[X^(k-1)] - end^k q/(1-q), q the
/// probability of outlasting `end`. Below 1e-3 of M, where the difference loses digits, the uniform it tends to with
/// its first correction.
Moments truncated_exponential(double mean_s, double end_s) {
  double const x = end_s / mean_s;
  if (x < 1e-3) {
    auto const power = [&](double k) { return std::pow(end_s, k) / (k + 1.0) * (1.0 - x * k / (2.0 * (k + 2.0))); };
    return {power(1.0), power(2.0), power(3.0)};
  }
  double const odds = 1.0 / std::expm1(x);
  double const first = mean_s - end_s * odds, second = 2.0 * mean_s * first - end_s * end_s * odds;
  return {first, second, 3.0 * mean_s * second - end_s * end_s * end_s * odds};
}

/// Of a sum of N independent terms, N geometric from 0 with mean r = failures per success: its factorial moments are
/// r, 2 r^2, 6 r^3.
Moments geometric_sum(Moments const& m, double r) {
  double const r2 = r * r;
  return {r * m.first, r * m.second + 2.0 * r2 * m.first * m.first,
          r * m.third + 6.0 * r2 * m.first * m.second + 6.0 * r2 * r * m.first * m.first * m.first};
}

Moments plus(Moments const& a, Moments const& b) {
  return {a.first + b.first, a.second + 2.0 * a.first * b.first + b.second,
          a.third + 3.0 * a.second * b.first + 3.0 * a.first * b.second + b.third};
}

}  // namespace

double mean_between_failures_s(double each_s, double count) {
  KURVE_EXPECT(each_s > 0.0 && count >= 1.0);
  return each_s / count;
}

double young_interval_s(Failures const& f) { return std::sqrt(2.0 * f.checkpoint_s * f.mean_between_s); }

double daly_interval_s(Failures const& f) {
  if (f.checkpoint_s >= 2.0 * f.mean_between_s) return f.mean_between_s;
  double const half = f.checkpoint_s / (2.0 * f.mean_between_s);
  return young_interval_s(f) * (1.0 + std::sqrt(half) / 3.0 + half / 9.0) - f.checkpoint_s;
}

double best_interval_s(Failures const& f) {
  if (std::isinf(f.mean_between_s)) return infinity;
  double const d = f.checkpoint_s / f.mean_between_s;
  // Newton from above: g(x) = x + expm1(-(x + d)) is convex and rising, its root between 0 and 1.
  double x = std::min(1.0, std::sqrt(2.0 * d));
  for (int i = 0; i < 60; ++i) {
    double const slope = -std::expm1(-(x + d));
    if (!(slope > 0.0)) break;
    double const step = (x + std::expm1(-(x + d))) / slope;
    x -= step;
    if (std::abs(step) <= 1e-15 * x) break;
  }
  return f.mean_between_s * x;
}

SegmentMoments segment_moments(Failures const& f, double busy_s) {
  if (std::isinf(f.mean_between_s) || busy_s <= 0.0) return {.mean_s = busy_s};
  double const busy = busy_s / f.mean_between_s, restart = f.restart_s / f.mean_between_s;
  if (busy > never || restart > never) return {infinity, infinity, infinity, infinity};
  Moments lost = truncated_exponential(f.mean_between_s, busy_s);
  if (f.restart_s > 0.0) {
    auto const again = geometric_sum(truncated_exponential(f.mean_between_s, f.restart_s), std::expm1(restart));
    double const r = f.restart_s;
    lost = plus(lost, plus(again, {r, r * r, r * r * r}));
  }
  auto const m = geometric_sum(lost, std::expm1(busy));
  return {.mean_s = busy_s + m.first,
          .variance_s2 = m.second - m.first * m.first,
          .third_s3 = m.third - 3.0 * m.first * m.second + 2.0 * m.first * m.first * m.first,
          .failures = std::expm1(busy)};
}

double segment_count(double work_s, double interval_s) {
  if (!(interval_s > 0.0) || !(interval_s < work_s)) return 1.0;
  return std::max(1.0, std::round(work_s / interval_s));
}

double expected_run_s(Failures const& f, double work_s, double segments) {
  double const piece_s = work_s / segments;
  double const inner_s = segments > 1.0 ? segment_moments(f, piece_s + f.checkpoint_s).mean_s : 0.0;
  return (segments > 1.0 ? (segments - 1.0) * inner_s : 0.0) + segment_moments(f, piece_s).mean_s;
}

}  // namespace kurve::model
