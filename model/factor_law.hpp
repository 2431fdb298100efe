// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/elementary.hpp"
#include "model/host_device.hpp"
#include "model/measured_shape.hpp"
#include "model/step.hpp"

namespace kurve::model {

/// Law of a random factor X with mean 1 and coefficient of variation cv, in one of six shapes or as measured.
///
/// Each shape is a link (the identity or exp) of location + scale b, with b a standard variate:
///
///   normal       1 + cv z                 lognormal  exp(m + s z),          s^2 = log(1 + cv^2)
///   exponential  1 - cv + cv e            pareto     exp(m + e / a),        1/cv^2 = a (a - 2)
///   gumbel       1 + cv sqrt(6)/pi (g-γ)  weibull    exp(m + log(e) / k),   1 + cv^2 = Γ(1+2/k) / Γ(1+1/k)^2
///   measured     1 + cv s
///
/// z normal, e exponential, g = -log(-log U), s a MeasuredShape. The exponential is shifted, as measured stragglers are
/// (Lee et al., IEEE Trans. Inf. Theory 64(3), 2018). Normal, gumbel, measured, and an exponential of cv > 1, reach
/// below 0: who needs a time clips.
struct FactorLaw {
  enum class Variate { normal, exponential, gumbel, log_exponential, measured };
  Variate variate = Variate::normal;
  bool exponentiated = false;
  double location = 1.0, scale = 0.0;  ///< scale 0: the constant 1
  MeasuredShape shape{};               ///< of variate `measured`
};

/// @param cv  sd over mean, >= 0; a weibull below 1e-4 is the constant 1
/// @param shape  not `measured`, which is noise_law's
[[nodiscard]] FactorLaw factor_law(Shape shape, double cv);
/// Of noise, in the shape of these parameters. @param cv  >= 0
[[nodiscard]] FactorLaw noise_law(StepParameters const& p, double cv);

/// P(X > x), accurate in the upper tail.
[[nodiscard]] double survival(FactorLaw const& law, double x);
/// P(X <= x), accurate in the lower tail.
[[nodiscard]] double cdf(FactorLaw const& law, double x);

/// The x with P(X <= x) = level and P(X > x) = tail: both given, so that neither end loses digits. Uses
/// model/elementary.hpp alone: the same bits on every machine. @param level, tail  in (0, 1), adding up to 1
[[nodiscard, gnu::always_inline]] KURVE_HOST_DEVICE inline double quantile(FactorLaw const& law, double level,
                                                                           double tail) {
  namespace el = elementary;
  if (law.scale == 0.0) return 1.0;
  double b = 0.0;
  switch (law.variate) {
    case FactorLaw::Variate::normal:
      b = tail <= 0.5 ? el::normal_upper(tail) : -el::normal_upper(level);
      break;
    case FactorLaw::Variate::exponential:
      b = el::minus_log(tail, level);
      break;
    case FactorLaw::Variate::gumbel:
      b = -el::log(el::minus_log(level, tail));
      break;
    case FactorLaw::Variate::log_exponential:
      b = el::log(el::minus_log(tail, level));
      break;
    case FactorLaw::Variate::measured:
      b = tail <= 0.5 ? variate_at(law.shape, el::normal_upper(tail), tail)
                      : variate_at(law.shape, -el::normal_upper(level), level);
      break;
  }
  double const y = std::fma(law.scale, b, law.location);
  return law.exponentiated ? el::exp(y) : y;
}

/// The value that the largest of K independent factors has where -K log F is w: for a uniform U, w = -log U gives one
/// draw of the maximum, F^-1(U^(1/K)), without losing the tail at any K. @param w > 0, @param count K >= 1
[[nodiscard, gnu::always_inline]] KURVE_HOST_DEVICE inline double maximum_at(FactorLaw const& law, double w,
                                                                             double count) {
  namespace el = elementary;
  double const each = w / count;  // -log level of one factor
  if (law.scale != 0.0 && law.variate == FactorLaw::Variate::gumbel) {
    double const y = std::fma(law.scale, -el::log(each), law.location);
    return law.exponentiated ? el::exp(y) : y;
  }
  return quantile(law, el::exp(-each), -el::expm1(-each));
}

}  // namespace kurve::model
