// SPDX-License-Identifier: Apache-2.0
#include "validate/normal_form.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "model/contract.hpp"

namespace kurve::validate {
namespace {

using Values = std::span<double const>;

constexpr std::array<double, 20> powers{0.0,       1.0 / 4.0, 1.0 / 3.0, 1.0 / 2.0, 2.0 / 3.0,  3.0 / 4.0, 4.0 / 5.0,
                                        1.0,       5.0 / 4.0, 4.0 / 3.0, 3.0 / 2.0, 5.0 / 3.0,  7.0 / 4.0, 2.0,
                                        9.0 / 4.0, 7.0 / 3.0, 5.0 / 2.0, 8.0 / 3.0, 11.0 / 4.0, 3.0};
constexpr double least_contribution = 5e-4;  // Extra-P's phi
constexpr std::size_t none_left_out = std::numeric_limits<std::size_t>::max();

double term(NormalForm const& form, double p) {
  return std::pow(p, form.power) * std::pow(std::log2(p), form.log_power);
}

/// Least squares of the form's two coefficients without point `left_out`; false where the term is the same at all
/// points.
bool solve(NormalForm& form, bool has_term, Values x, Values y, std::size_t left_out) {
  double n = 0.0, mean_x = 0.0, mean_y = 0.0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    if (i == left_out) continue;
    n += 1.0;
    mean_x += x[i];
    mean_y += y[i];
  }
  mean_x /= n;
  mean_y /= n;
  form.coefficient = 0.0;
  form.constant = mean_y;
  if (!has_term) return true;
  double xx = 0.0, xy = 0.0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    if (i == left_out) continue;
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    xy += (x[i] - mean_x) * (y[i] - mean_y);
  }
  if (!(xx > 1e-18 * n * mean_x * mean_x)) return false;
  form.coefficient = xy / xx;
  form.constant = mean_y - form.coefficient * mean_x;
  return true;
}

/// Leave-one-out SMAPE; infinite where a fit is not determined.
double cross_validated(NormalForm form, bool has_term, Values x, Values y) {
  double sum = 0.0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    if (!solve(form, has_term, x, y, i)) return std::numeric_limits<double>::infinity();
    double const predicted = form.constant + form.coefficient * x[i];
    sum += 2.0 * std::abs(predicted - y[i]) / (std::abs(predicted) + y[i]);
  }
  return sum / static_cast<double>(y.size());
}

}  // namespace

double NormalForm::operator()(double p) const {
  return coefficient == 0.0 ? constant : constant + coefficient * term(*this, p);
}

std::optional<NormalForm> fit_normal_form(Values p, Values values) {
  KURVE_EXPECT(p.size() == values.size());
  if (p.size() < 3) return std::nullopt;
  std::vector<double> x(p.size());
  NormalForm best;
  solve(best, false, x, values, none_left_out);
  double best_smape = cross_validated(best, false, x, values);
  for (double const sign : {1.0, -1.0})
    for (double const power : powers)
      for (int log_power = 0; log_power <= 2; ++log_power) {
        if (power == 0.0 && (log_power == 0 || sign < 0.0)) continue;
        NormalForm form{.power = sign * power, .log_power = log_power};
        for (std::size_t i = 0; i < p.size(); ++i) x[i] = term(form, p[i]);
        double const smape = cross_validated(form, true, x, values);
        if (!(smape < best_smape) || !solve(form, true, x, values, none_left_out)) continue;
        double contribution = 0.0;
        for (double const xi : x)
          contribution =
              std::max(contribution, std::abs(form.coefficient * xi / (form.constant + form.coefficient * xi)));
        if (contribution < least_contribution) continue;
        best = form;
        best_smape = smape;
      }
  return best;
}

}  // namespace kurve::validate
