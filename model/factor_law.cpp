// SPDX-License-Identifier: Apache-2.0
#include "model/factor_law.hpp"

#include <boost/math/special_functions/digamma.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <numbers>

#include "model/contract.hpp"

namespace kurve::model {
namespace {

using Variate = FactorLaw::Variate;

double standardize(FactorLaw const& law, double x) {
  if (!law.exponentiated) return (x - law.location) / law.scale;
  return x > 0.0 ? (std::log(x) - law.location) / law.scale : -std::numeric_limits<double>::infinity();
}

/// s = 1/k of the Weibull law with this cv: Newton's steps on log(1 + cv^2) = lgamma(1+2s) - 2 lgamma(1+s).
double weibull_scale(double cv) {
  using boost::math::digamma;
  using boost::math::lgamma;
  double const target = std::log1p(cv * cv);
  double s = cv < 1.0 ? cv : 1.0 + std::log(cv);
  for (int i = 0; i < 60; ++i) {
    double const miss = lgamma(1.0 + 2.0 * s) - 2.0 * lgamma(1.0 + s) - target;
    double const step = miss / (2.0 * digamma(1.0 + 2.0 * s) - 2.0 * digamma(1.0 + s));
    s -= step;
    if (std::abs(step) <= 1e-14 * s) break;
  }
  return s;
}

}  // namespace

FactorLaw factor_law(Shape shape, double cv) {
  KURVE_EXPECT(cv >= 0.0 && std::isfinite(cv) && shape != Shape::measured);
  if (cv == 0.0 || (shape == Shape::weibull && cv < 1e-4)) return {};
  switch (shape) {
    case Shape::normal:
      return {Variate::normal, false, 1.0, cv};
    case Shape::lognormal: {
      double const variance = std::log1p(cv * cv);
      return {Variate::normal, true, -0.5 * variance, std::sqrt(variance)};
    }
    case Shape::exponential:
      return {Variate::exponential, false, 1.0 - cv, cv};
    case Shape::gumbel: {
      double const scale = cv * std::sqrt(6.0) / std::numbers::pi;
      return {Variate::gumbel, false, 1.0 - std::numbers::egamma * scale, scale};
    }
    case Shape::pareto: {
      double const index = 1.0 + std::sqrt(1.0 + 1.0 / (cv * cv));
      return {Variate::exponential, true, std::log1p(-1.0 / index), 1.0 / index};
    }
    case Shape::weibull: {
      double const scale = weibull_scale(cv);
      return {Variate::log_exponential, true, -boost::math::lgamma(1.0 + scale), scale};
    }
    case Shape::measured:
      break;
  }
  return {};
}

FactorLaw noise_law(StepParameters const& p, double cv) {
  if (p.noise_shape != Shape::measured) return factor_law(p.noise_shape, cv);
  KURVE_EXPECT(cv >= 0.0 && std::isfinite(cv) && p.measured_noise != nullptr);
  if (cv == 0.0) return {};
  return {Variate::measured, false, 1.0, cv, *p.measured_noise};
}

double survival(FactorLaw const& law, double x) {
  if (law.scale == 0.0) return x < 1.0 ? 1.0 : 0.0;
  double const b = standardize(law, x);
  switch (law.variate) {
    case Variate::normal:
      return 0.5 * std::erfc(b / std::numbers::sqrt2);
    case Variate::exponential:
      return b > 0.0 ? std::exp(-b) : 1.0;
    case Variate::gumbel:
      return -std::expm1(-std::exp(-b));
    case Variate::log_exponential:
      return std::exp(-std::exp(b));
    case Variate::measured:
      return 0.5 * std::erfc(normal_of(law.shape, b) / std::numbers::sqrt2);
  }
  return 0.0;
}

double cdf(FactorLaw const& law, double x) {
  if (law.scale == 0.0) return x < 1.0 ? 0.0 : 1.0;
  double const b = standardize(law, x);
  switch (law.variate) {
    case Variate::normal:
      return 0.5 * std::erfc(-b / std::numbers::sqrt2);
    case Variate::exponential:
      return b > 0.0 ? -std::expm1(-b) : 0.0;
    case Variate::gumbel:
      return std::exp(-std::exp(-b));
    case Variate::log_exponential:
      return -std::expm1(-std::exp(b));
    case Variate::measured:
      return 0.5 * std::erfc(-normal_of(law.shape, b) / std::numbers::sqrt2);
  }
  return 0.0;
}

}  // namespace kurve::model
