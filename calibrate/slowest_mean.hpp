// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "model/step.hpp"

namespace kurve::calibrate {

/// E[max over K workers of noise_k imbalance_k slow_k], the factor by which compute is longer than the mean worker's
/// (persistent stragglers and what workers share left out; no imbalance at K = 1, as in the step model).
///
/// From a fixed set of points spread evenly over the unit cube, stragglers as a stratum of their own, so it is the same
/// function of p for every draw of a posterior. Errs by under 1 % of what waiting adds for K up to 64, and by the tail
/// beyond the points' largest at K of thousands.
class SlowestMean {
 public:
  SlowestMean();
  [[nodiscard]] double operator()(model::StepParameters const& p, double ranks) const;

 private:
  struct Point {
    double noise, imbalance, straggler;  // uniforms
  };
  std::vector<Point> points_;
};

}  // namespace kurve::calibrate
