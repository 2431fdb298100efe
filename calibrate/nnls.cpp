// SPDX-License-Identifier: Apache-2.0
#include "calibrate/nnls.hpp"

#include <Eigen/Dense>
#include <algorithm>

#include "model/contract.hpp"

namespace kurve::calibrate {

std::vector<double> non_negative_least_squares(std::span<double const> gram, std::span<double const> rhs) {
  auto const p = static_cast<Eigen::Index>(rhs.size());
  KURVE_EXPECT(gram.size() == rhs.size() * rhs.size());
  Eigen::Map<Eigen::MatrixXd const> const g(gram.data(), p, p);
  Eigen::Map<Eigen::VectorXd const> const h(rhs.data(), p);
  Eigen::VectorXd x = Eigen::VectorXd::Zero(p);
  std::vector<Eigen::Index> free;  // indices that may be positive
  double const tolerance = 1e-12 * (1.0 + h.cwiseAbs().maxCoeff());

  // Each pass frees one index; a finite number of active sets exists, and the bound ends a cycle made by rounding.
  for (Eigen::Index pass = 0; pass < 3 * p; ++pass) {
    Eigen::VectorXd const gain = h - g * x;
    Eigen::Index best = -1;
    for (Eigen::Index j = 0; j < p; ++j)
      if (std::find(free.begin(), free.end(), j) == free.end() && gain[j] > tolerance &&
          (best < 0 || gain[j] > gain[best]))
        best = j;
    if (best < 0) break;
    free.push_back(best);
    while (!free.empty()) {
      Eigen::MatrixXd const sub = g(free, free);
      Eigen::VectorXd const z = sub.ldlt().solve(h(free));
      double step = 1.0;  // how far towards z before a coefficient reaches 0
      for (std::size_t i = 0; i < free.size(); ++i) {
        auto const at = static_cast<Eigen::Index>(i);
        if (z[at] <= 0.0) step = std::min(step, x[free[i]] > 0.0 ? x[free[i]] / (x[free[i]] - z[at]) : 0.0);
      }
      for (std::size_t i = 0; i < free.size(); ++i) x[free[i]] += step * (z[static_cast<Eigen::Index>(i)] - x[free[i]]);
      if (step >= 1.0) break;
      std::erase_if(free, [&](Eigen::Index j) {
        bool const at_bound = x[j] <= 1e-14 * x.cwiseAbs().maxCoeff() || x[j] <= 0.0;
        if (at_bound) x[j] = 0.0;
        return at_bound;
      });
    }
  }
  return {x.data(), x.data() + p};
}

}  // namespace kurve::calibrate
