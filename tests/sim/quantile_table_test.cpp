// SPDX-License-Identifier: Apache-2.0
#include "sim/quantile_table.hpp"

#include <algorithm>
#include <vector>

#include "tests/support/checks.hpp"
#include "tests/support/skewed_noise.hpp"

using namespace kurve;
using namespace kurve::sim;
using model::Shape;

TEST_SUITE("unit") {
  TEST_CASE("a table's quantiles err by no more than stated") {
    struct Bound {
      double cv, relative;
    };
    for (auto const& bound :
         {Bound{0.01, 1.5e-7}, Bound{0.1, 3e-7}, Bound{0.5, 1.2e-6}, Bound{1.0, 2e-6}, Bound{3.0, 1.5e-5}})
      for (auto const shape : {Shape::normal, Shape::lognormal, Shape::exponential, Shape::gumbel, Shape::weibull,
                               Shape::pareto, Shape::measured}) {
        auto const law = shape == Shape::measured ? model::noise_law(test::with_skewed_noise({}), bound.cv)
                                                  : model::factor_law(shape, bound.cv);
        QuantileTable const table(law);
        double worst = 0.0, total = 0.0;
        long words = 0;
        auto const check = [&](std::uint32_t w) {
          double const exact =
              std::max(0.0, model::quantile(law, (w + 0.5) * 0x1p-32, (static_cast<double>(~w) + 0.5) * 0x1p-32));
          double const error = static_cast<double>(table.value(w)) - exact;
          worst = std::max(worst, std::abs(error) / std::max(bound.relative * exact, 3e-6 * bound.cv));
          total += error;
          ++words;
        };
        for (std::uint64_t w = 0; w < 0x100000000u; w += 40'009) check(static_cast<std::uint32_t>(w));
        double const mean_error = total / static_cast<double>(words);
        for (int bit = 15; bit < 32; ++bit)  // ends of the segments
          for (std::int64_t d = -3; d <= 3; ++d) {
            check(static_cast<std::uint32_t>((std::int64_t{1} << bit) + d));
            check(~static_cast<std::uint32_t>((std::int64_t{1} << bit) + d));
            check(static_cast<std::uint32_t>((std::int64_t{3} << (bit - 1)) + d));
          }
        for (std::uint32_t const w : {0u, 1u, 0x7fffffffu, 0x7fffff80u, 0x80000000u, 0xffffffffu}) check(w);
        INFO("shape ", static_cast<int>(shape), " cv ", bound.cv, " worst ", worst, " mean ", mean_error);
        CHECK(worst <= 1.0);
        CHECK(std::abs(mean_error) <= 2e-6 * bound.cv);  // at cv 0.01 the rounding of a float near 1, 1e-8, shows
      }
  }

  TEST_CASE("a constant is constant") {
    QuantileTable const table(model::FactorLaw{});
    for (std::uint32_t const w : {0u, 1u << 20, 1u << 31, 0xffffffffu}) CHECK(table.value(w) == 1.0f);
  }
}
