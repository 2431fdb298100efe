// SPDX-License-Identifier: Apache-2.0
#include "model/maxima.hpp"

#include <array>
#include <boost/math/special_functions/digamma.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <boost/math/special_functions/trigamma.hpp>
#include <cmath>
#include <numbers>

#include "model/contract.hpp"

namespace kurve::model {
namespace {

using Variate = FactorLaw::Variate;
using std::numbers::egamma;
using std::numbers::pi;

/// Points w = exp(-y) and weights exp(-y - exp(-y)) of the trapezoidal rule below.
struct Node {
  double w, weight;
};
std::array<Node, 300> const& gumbel_nodes() {
  static auto const nodes = [] {
    std::array<Node, 300> table;
    double y = -4.0;  // the weight there is exp(-50)
    for (auto& node : table) {
      node.w = std::exp(-y);
      node.weight = node.w * std::exp(-node.w);
      y += 0.4;
    }
    return table;
  }();
  return nodes;
}

/// Moments of the maximum over y = -log(-K log F), which is a standard Gumbel variate whatever the law:
///
///   E[X^n] = integral of x(y)^n exp(-y - exp(-y)) dy
///
/// by the trapezoidal rule: the weight's Fourier transform is Γ(1+iw), so a step h errs by order exp(-pi^2/h), 2e-11
/// here.
[[gnu::always_inline]] inline MaximumMoments moments_by_quadrature(FactorLaw const& law, double count) {
  double const centre = maximum_at(law, 1.0, count);
  double total = 0.0, first = 0.0, second = 0.0;
  for (auto const& [w, weight] : gumbel_nodes()) {
    double const delta = maximum_at(law, w, count) - centre;
    total += weight;
    first += weight * delta;
    second += weight * delta * delta;
    if (w < 0.05 && weight * delta * delta < 1e-13 * second) break;
  }
  first /= total;
  return {centre + first, std::sqrt(second / total - first * first)};
}

MaximumMoments moments_plain(FactorLaw const& law, double count) { return moments_by_quadrature(law, count); }
KURVE_TARGET_FMA MaximumMoments moments_fma(FactorLaw const& law, double count) {
  return moments_by_quadrature(law, count);
}

/// x_m^n Γ(K+1) Γ(1-n/a) / Γ(K+1-n/a), the n-th moment of the largest of K.
double pareto_moment(FactorLaw const& law, double count, double n) {
  double const t = n * law.scale;
  return std::exp(n * law.location) * boost::math::tgamma(1.0 - t) /
         boost::math::tgamma_delta_ratio(count + 1.0 - t, t);
}

}  // namespace

MaximumMoments maximum_moments(FactorLaw const& law, double count) {
  KURVE_EXPECT(count >= 1.0);
  if (law.scale == 0.0) return {};
  if (law.variate == Variate::exponential && !law.exponentiated)  // H_K, and the sum of 1/i^2
    return {law.location + law.scale * (boost::math::digamma(count + 1.0) + egamma),
            law.scale * std::sqrt(pi * pi / 6.0 - boost::math::trigamma(count + 1.0))};
  if (law.variate == Variate::exponential) {
    double const mean = pareto_moment(law, count, 1.0);
    return {mean, std::sqrt(pareto_moment(law, count, 2.0) - mean * mean)};
  }
  if (law.variate == Variate::gumbel)
    return {law.location + law.scale * (std::log(count) + egamma), law.scale * pi / std::sqrt(6.0)};
  return elementary::has_hardware_fma() ? moments_fma(law, count) : moments_plain(law, count);
}

double maximum_quantile(FactorLaw const& law, double count, double level) {
  KURVE_EXPECT(count >= 1.0 && level > 0.0 && level < 1.0);
  return maximum_at(law, -std::log(level), count);
}

/// E[max(0,X)] = E[X] + integral of P(X <= x) dx and E[max(0,X)^2] = E[X^2] + integral of 2 x P(X <= x) dx, both from
/// -inf to 0.
MaximumMoments clipped_moments(FactorLaw const& law, double cv) {
  constexpr double least = 1e-18;
  if (law.scale == 0.0 || law.exponentiated || cdf(law, 0.0) < least) return {1.0, law.scale == 0.0 ? 0.0 : cv};
  constexpr int panels = 512;
  double const low = quantile(law, least, 1.0 - least), width = -low / panels;
  double first = 0.0, second = 0.0;
  for (int i = 0; i <= panels; ++i) {
    double const x = low + i * width, weight = i == 0 || i == panels ? 1.0 : i % 2 == 1 ? 4.0 : 2.0;
    first += weight * cdf(law, x) * width / 3.0;
    second += weight * 2.0 * x * cdf(law, x) * width / 3.0;
  }
  double const mean = 1.0 + first;
  return {mean, std::sqrt(1.0 + cv * cv + second - mean * mean)};
}

}  // namespace kurve::model
