// SPDX-License-Identifier: Apache-2.0
#include "sim/quantile_table.hpp"

#include "sim/half_binade.hpp"

namespace kurve::sim {

QuantileTable::QuantileTable(model::FactorLaw const& of, double most_of) : coefficient{}, law(of), count(most_of) {
  for (std::uint32_t upper = 0; upper < 2; ++upper)
    for (int exponent = 15; exponent < 31; ++exponent)
      for (std::uint32_t half = 0; half < 2; ++half) {
        auto const c = half_binade_polynomial<degree + 1>([&](double v) {
          double const p = (std::ldexp(1.25 + 0.5 * half + v, exponent) + 0.5) * 0x1p-32;
          return upper != 0 ? exact(1.0 - p, p) : exact(p, 1.0 - p);
        });
        std::size_t const segment = ((static_cast<std::uint32_t>(127 + exponent) << 1 | half) & 31u) | upper << 5;
        for (std::size_t power = 0; power < c.size(); ++power)
          coefficient[power][segment] = static_cast<float>(c[power]);
      }
}

}  // namespace kurve::sim
