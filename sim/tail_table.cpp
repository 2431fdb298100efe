// SPDX-License-Identifier: Apache-2.0
#include "sim/tail_table.hpp"

#include <algorithm>
#include <cmath>

#include "sim/chebyshev.hpp"

namespace kurve::sim {

TailTable::TailTable(Quantile law) : coefficient_{}, law_(std::move(law)) {
  for (int binade = 0; binade < upper_binades; ++binade)
    for (int half = 0; half < 2; ++half) {
      auto const p_at = [&](double v) { return std::ldexp(1.25 + 0.5 * half + v, -binade - 1); };
      std::ranges::copy(chebyshev_polynomial<degree + 1>(0.25, [&](double v) { return law_(1.0 - p_at(v), p_at(v)); }),
                        coefficient_[2 * binade + half]);
      if (binade < lower_binades)
        std::ranges::copy(
            chebyshev_polynomial<degree + 1>(0.25, [&](double v) { return law_(p_at(v), 1.0 - p_at(v)); }),
            coefficient_[2 * (upper_binades + binade) + half]);
    }
}

}  // namespace kurve::sim
