// SPDX-License-Identifier: Apache-2.0
#include "model/hop_time.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace kurve::model {
namespace {

/// location + exp(m + s z), z normal.
struct ShiftedLognormal {
  double location, m, s;

  /// w = exp(s^2) of skewness g: (w + 2) sqrt(w - 1) = g, a cubic. A skewness of nothing is a small one.
  explicit ShiftedLognormal(HopTime const& t) {
    double const g = std::max(t.skewness, 1e-3), half = 0.5 * g * g;
    double const root = std::cbrt(1.0 + half + std::sqrt(half * (2.0 + half)));
    double const w = root + 1.0 / root - 1.0;
    double const scale = t.sd / std::sqrt(w * (w - 1.0));
    s = std::sqrt(std::log(w));
    m = std::log(scale);
    location = t.mean - scale * std::sqrt(w);
  }
  [[nodiscard]] double at(double z) const { return location + std::exp(m + s * z); }
  [[nodiscard]] double cdf(double x) const {
    return x <= location ? 0.0 : 0.5 * std::erfc((m - std::log(x - location)) / s / std::numbers::sqrt2);
  }
};

/// Of powers of the distance from an origin.
struct Moments {
  double origin, total = 0.0, first = 0.0, second = 0.0, third = 0.0;

  /// Of x where `others` are all before it. @param others  x -> probability
  template <typename Others>
  void add(ShiftedLognormal const& x, double times, Others const& others) {
    constexpr double low = -5.5, high = 8.5, step = 0.5;  // third moments of a cv of 2 lie up to z = 3 s + 4
    for (double z = low; z <= high; z += step) {
      double const at = x.at(z), d = at - origin;
      double const weight = times * step * std::exp(-0.5 * z * z) / std::sqrt(2.0 * std::numbers::pi) * others(at);
      total += weight;
      first += weight * d;
      second += weight * d * d;
      third += weight * d * d * d;
    }
  }
  [[nodiscard]] HopTime time() const {
    double const a = first / total, b = second / total, c = third / total, variance = b - a * a;
    double const sd = std::sqrt(std::max(0.0, variance));
    return {origin + a, sd, sd > 0.0 ? (c - 3.0 * a * b + 2.0 * a * a * a) / (variance * sd) : 0.0};
  }
};

}  // namespace

HopTime lognormal_hop(double cv) { return {1.0, cv, cv * (3.0 + cv * cv)}; }

HopTime sum_of(HopTime const& a, HopTime const& b) {
  double const sd = std::hypot(a.sd, b.sd);
  if (sd == 0.0) return {a.mean + b.mean, 0.0, 0.0};
  double const third = a.skewness * std::pow(a.sd / sd, 3) + b.skewness * std::pow(b.sd / sd, 3);
  return {a.mean + b.mean, sd, third};
}

HopTime sum_of(HopTime const& each, double count) {
  if (count <= 0.0) return {};
  return {count * each.mean, std::sqrt(count) * each.sd, each.skewness / std::sqrt(count)};
}

HopTime later_of(HopTime const& a, HopTime const& b) {
  if (a.sd == 0.0 || b.sd == 0.0) return a.mean > b.mean ? a : b;
  ShiftedLognormal const x(a), y(b);
  Moments moments{.origin = std::max(a.mean, b.mean)};
  moments.add(x, 1.0, [&](double t) { return y.cdf(t); });
  moments.add(y, 1.0, [&](double t) { return x.cdf(t); });
  return moments.time();
}

HopTime latest_of(HopTime const& each, double count) {
  if (count <= 1.0 || each.sd == 0.0) return each;
  ShiftedLognormal const x(each);
  Moments moments{.origin = each.mean};
  moments.add(x, count, [&](double t) { return std::pow(x.cdf(t), count - 1.0); });
  return moments.time();
}

}  // namespace kurve::model
