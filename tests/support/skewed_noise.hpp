// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <memory>
#include <vector>

#include "model/step.hpp"

namespace kurve::test {

/// A measured shape with a heavy upper tail and a kink at every knot, as samples have.
inline std::shared_ptr<model::MeasuredShape const> skewed_noise() {
  auto const z = model::MeasuredShape::normal_knots();
  std::vector<double> knots;
  for (std::size_t i = z.size(); i-- > 1;) knots.push_back(std::exp(-0.5 * z[i]) + (i % 2 == 0 ? -0.005 : 0.005));
  for (std::size_t i = 0; i < z.size(); ++i) knots.push_back(std::exp(0.5 * z[i]) + (i % 2 == 0 ? -0.005 : 0.005));
  return std::make_shared<model::MeasuredShape>(model::standardized_shape(knots));
}

/// The same parameters with noise of that shape.
inline model::StepParameters with_skewed_noise(model::StepParameters p) {
  p.noise_shape = model::Shape::measured;
  p.measured_noise = skewed_noise();
  return p;
}

}  // namespace kurve::test
