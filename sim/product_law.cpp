// SPDX-License-Identifier: Apache-2.0
#include "sim/product_law.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numbers>

#include "model/elementary.hpp"

namespace kurve::sim {
namespace {

double upper_tail(double score) { return 0.5 * std::erfc(score / std::numbers::sqrt2); }

double score_of(double level, double tail) {
  return tail <= 0.5 ? model::elementary::normal_upper(tail) : -model::elementary::normal_upper(level);
}

/// Z Y with Y at the points of a trapezoidal rule.
class Product {
 public:
  Product(model::FactorLaw const& z, Quantile const& y) : z_(z) {
    constexpr double reach = 8.8, step = 0.2;  // phi(8.8) is 6e-18
    for (double b = -reach; b <= reach; b += step) {
      weight_.push_back(step / std::sqrt(2.0 * std::numbers::pi) * std::exp(-0.5 * b * b));
      y_.push_back(std::max(1e-9, y(upper_tail(-b), upper_tail(b))));
    }
  }

  /// The t at which the normal score of P(Z Y <= t) is `score`, from a guess: regula falsi (Illinois) on the score.
  [[nodiscard]] double at_score(double score, double guess, double spread) const {
    double low = guess, high = guess, at_low = score_at(low) - score, at_high = at_low;
    for (double step = spread; at_low > 0.0; step *= 2.0) at_low = score_at(low -= step) - score;
    for (double step = spread; at_high < 0.0; step *= 2.0) at_high = score_at(high += step) - score;
    int last_side = 0;
    for (int i = 0; i < 60 && high - low > 1e-11 * (1.0 + std::abs(low)); ++i) {
      double const t = low + (high - low) * (at_low / (at_low - at_high)), at = score_at(t) - score;
      if (std::abs(at) < 1e-10) return t;
      if (at < 0.0) {
        low = t;
        at_low = at;
        at_high *= last_side < 0 ? 0.5 : 1.0;
        last_side = -1;
      } else {
        high = t;
        at_high = at;
        at_low *= last_side > 0 ? 0.5 : 1.0;
        last_side = 1;
      }
    }
    return 0.5 * (low + high);
  }

 private:
  [[nodiscard]] double score_at(double t) const {
    double above = 0.0, below = 0.0;
    for (std::size_t i = 0; i < y_.size(); ++i) {
      above += weight_[i] * model::survival(z_, t / y_[i]);
      below += weight_[i] * model::cdf(z_, t / y_[i]);
    }
    constexpr double least = 1e-300;
    return score_of(std::max(least, below), std::max(least, above));
  }

  model::FactorLaw z_;
  std::vector<double> weight_, y_;
};

}  // namespace

Quantile quantile_of(model::FactorLaw const& law) {
  return [law](double level, double tail) { return model::quantile(law, level, tail); };
}

Quantile slowdown_of(model::FactorLaw const& law, double gain) {
  return [law, gain](double level, double tail) {
    return std::fma(gain, std::max(0.0, model::quantile(law, level, tail)), 1.0);
  };
}

Quantile product_of(model::FactorLaw const& z, Quantile const& y) {
  if (z.scale == 0.0) return y;
  constexpr double reach = 8.0, step = 0.125;
  constexpr int points = static_cast<int>(2 * reach / step) + 1;
  Product const product(z, y);
  auto const table = std::make_shared<std::vector<double>>();
  double spread = 0.01;
  for (int i = 0; i < points; ++i) {
    std::size_t const n = table->size();
    double const guess = n < 2 ? 1.0 : 2.0 * table->back() - (*table)[n - 2];
    table->push_back(product.at_score(-reach + i * step, guess, spread));
    if (n > 1) spread = std::max(1e-9, 0.25 * std::abs(table->back() - guess));
  }
  return [table](double level, double tail) {
    auto const& t = *table;
    double const at = std::clamp((score_of(level, tail) + reach) / step, 1.0, points - 2.0 - 1e-9);
    auto const i = static_cast<std::size_t>(at);
    double const u = at - static_cast<double>(i);
    // the cubic through the four points around
    double const a = t[i - 1], b = t[i], c = t[i + 1], d = t[i + 2];
    return b + u * (c - b) + u * (u - 1.0) * ((a - 2.0 * b + c) * (2.0 - u) + (b - 2.0 * c + d) * (1.0 + u)) / 6.0;
  };
}

}  // namespace kurve::sim
