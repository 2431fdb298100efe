// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>

namespace kurve::validate {

/// Extra-P's performance-model normal form with one term: f(p) = constant + coefficient p^power log2(p)^log_power.
struct NormalForm {
  double constant = 0.0, coefficient = 0.0;  ///< coefficient 0: the constant model
  double power = 0.0;
  int log_power = 0;
  [[nodiscard]] double operator()(double p) const;
};

/// The hypothesis of smallest leave-one-out SMAPE. Hypotheses: a constant, and a constant with one term of power
/// +-{0, 1/4, 1/3, 1/2, 2/3, 3/4, 4/5, 1, 5/4, 4/3, 3/2, 5/3, 7/4, 2, 9/4, 7/3, 5/2, 8/3, 11/4, 3} (negative powers are
/// Extra-P's option for strong scaling) and log power 0, 1, 2; least squares of the values as they are, coefficients of
/// either sign; a term below 5e-4 of the value at every point is dropped. Extra-P asks for 5 points and warns below;
/// here 3 are enough, the fewest whose leave-one-out fits are determined.
///
/// @param p       [n], positive, all different
/// @param values  [n], positive
/// @return        none for n < 3
/// Source: Calotoiu et al., SC'13; building blocks and selection as in extra-p/extrap, modelers/single_parameter.
[[nodiscard]] std::optional<NormalForm> fit_normal_form(std::span<double const> p, std::span<double const> values);

}  // namespace kurve::validate
