// SPDX-License-Identifier: Apache-2.0
#include "sim/quantile_table.hpp"

#include "sim/chebyshev.hpp"

namespace kurve::sim {

QuantileTable::QuantileTable(model::FactorLaw const& of, double most_of) : coefficient{}, law(of), count(most_of) {
  for (std::size_t segment = 0; segment < segments; ++segment) {
    bool const upper = segment >= segments / 2;
    auto const exponent = static_cast<int>(segment % (segments / 2)) + least_exponent;
    auto const c = chebyshev_polynomial<degree + 1>(0.5, [&](double v) {
      double const distance = std::ldexp(1.5 + v, exponent);
      double const p = (upper ? distance - 0.5 : distance + 0.5) * 0x1p-32;
      return upper ? exact(1.0 - p, p) : exact(p, 1.0 - p);
    });
    for (std::size_t power = 0; power < c.size(); ++power) coefficient[power][segment] = static_cast<float>(c[power]);
  }
}

}  // namespace kurve::sim
