// SPDX-License-Identifier: Apache-2.0
#include "calibrate/slowest_mean.hpp"

#include <algorithm>
#include <cmath>

#include "model/factor_law.hpp"

namespace kurve::calibrate {

namespace {

/// Digits of i in the base, mirrored at the point (van der Corput).
double mirrored(int i, int base) {
  double value = 0.0, place = 1.0 / base;
  for (; i > 0; i /= base, place /= base) value += place * (i % base);
  return value;
}

}  // namespace

SlowestMean::SlowestMean() {
  constexpr int count = 1024;      // a power of two: then noise and imbalance each have one point in every 1/1024
  for (int i = 0; i < count; ++i)  // Hammersley, Ann. New York Acad. Sci. 86 (1960) 844-874
    points_.push_back({(i + 0.5) / count, mirrored(i, 2) + 0.5 / count, mirrored(i + 1, 3)});
}

double SlowestMean::operator()(model::StepParameters const& p, double ranks) const {
  double const gain = p.straggler_probability > 0.0 ? p.straggler_slowdown - 1.0 : 0.0;
  if (ranks <= 1.0) return 1.0 + p.straggler_probability * gain;
  if (gain <= 0.0 && p.noise_cv <= 0.0 && p.imbalance_cv <= 0.0) return 1.0;
  auto const noise = model::noise_law(p, p.noise_cv);
  auto const imbalance = model::factor_law(p.imbalance_shape, p.imbalance_cv);
  auto const straggler = model::factor_law(p.straggler_shape, p.straggler_spread_cv);
  auto const factor = [](model::FactorLaw const& law, double u) {
    return std::max(0.0, model::quantile(law, u, 1.0 - u));
  };
  struct Mass {
    double value, weight;
  };
  std::vector<Mass> law;
  double const each = 1.0 / static_cast<double>(points_.size());
  double const straggling = gain > 0.0 ? p.straggler_probability : 0.0;
  for (auto const& point : points_) {
    double const plain = factor(noise, point.noise) * factor(imbalance, point.imbalance);
    law.push_back({plain, each * (1.0 - straggling)});
    if (straggling > 0.0) law.push_back({plain * (1.0 + gain * factor(straggler, point.straggler)), each * straggling});
  }
  std::sort(law.begin(), law.end(), [](Mass const& a, Mass const& b) { return a.value < b.value; });
  double mean = 0.0, below = 0.0, power = 0.0;  // power = P(all K below)
  for (auto const& mass : law) {
    below = std::min(1.0, below + mass.weight);
    double const next = std::pow(below, ranks);
    mean += mass.value * (next - power);
    power = next;
  }
  return mean + law.back().value * (1.0 - power);  // rounding of the weights
}

}  // namespace kurve::calibrate
