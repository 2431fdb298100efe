// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <vector>

#include "data/philox.hpp"
#include "model/maxima.hpp"
#include "tests/support/checks.hpp"

using namespace kurve;
using data::philox4x32;
using data::Stream;
using data::uniforms;
using model::Shape;

namespace {

constexpr Shape shapes[] = {Shape::normal, Shape::lognormal, Shape::exponential,
                            Shape::gumbel, Shape::weibull,   Shape::pareto};

std::vector<double> draw_maxima(model::FactorLaw const& law, double count, std::uint32_t n) {
  std::vector<double> x(n);
  for (std::uint32_t i = 0; i < n; ++i)
    x[i] = model::maximum_at(law, -std::log(data::uniforms(42, i, 0, 0, data::Stream::noise).first), count);
  return x;
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("philox known answers") {
    // Random123, tests/kat_vectors: philox4x32 10 rounds
    using Block = std::array<std::uint32_t, 4>;
    CHECK(data::philox4x32({0, 0, 0, 0}, {0, 0}) == Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
    CHECK(data::philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}) ==
          Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
    CHECK(data::philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
          Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
  }
}

TEST_SUITE("stat") {
  TEST_CASE("uniforms are uniform: mean spread and shape on every coordinate of the counter") {
    std::uint32_t const n = 100'000;
    for (int coordinate = 0; coordinate < 3; ++coordinate) {
      std::vector<double> u(n), squares(n);
      for (std::uint32_t i = 0; i < n; ++i) {
        std::uint32_t at[3] = {7, 7, 7};
        at[coordinate] = i;
        u[i] = data::uniforms(1, at[0], at[1], at[2], data::Stream::noise).second;
        squares[i] = u[i] * u[i];
      }
      CHECK_MEAN(u, 0.5);
      CHECK_MEAN(squares, 1.0 / 3.0);
      std::sort(u.begin(), u.end());
      double distance = 0.0;
      for (std::uint32_t i = 0; i < n; ++i) distance = std::max(distance, std::abs(u[i] - (i + 0.5) / n));
      CHECK(distance <= 1.95 / std::sqrt(n));  // KS, alpha = 0.001
      CHECK((u.front() > 0.0 && u.back() < 1.0));
    }
  }

  TEST_CASE("sampled maxima of every shape have the mean of the quadrature") {
    // n = 40,000: SE is 0.5 % of the spread of the maximum
    for (auto const shape : shapes)
      for (double const cv : {0.05, 0.4})
        for (double const k : {1.0, 8.0, 512.0, 1e6}) {
          INFO("shape ", static_cast<int>(shape), " cv ", cv, " K ", k);
          auto const law = model::factor_law(shape, cv);
          CHECK_MEAN(draw_maxima(law, k, 40'000), model::maximum_moments(law, k).mean);
        }
  }

  TEST_CASE("maxima by one draw have the law of maxima by K draws") {
    for (auto const shape : shapes) {
      auto const law = model::factor_law(shape, 0.3);
      int const k = 16;
      std::uint32_t const n = 5'000;
      auto once = draw_maxima(law, k, n);
      std::vector<double> brute(n, -1e300);
      for (std::uint32_t i = 0; i < n; ++i)
        for (std::uint32_t rank = 0; rank < k; ++rank) {
          double const u = data::uniforms(43, i, rank, 0, data::Stream::noise).first;
          brute[i] = std::max(brute[i], model::quantile(law, u, 1.0 - u));
        }
      std::sort(once.begin(), once.end());
      std::sort(brute.begin(), brute.end());
      double distance = 0.0;
      for (std::uint32_t i = 0, j = 0; i < n; ++i) {
        while (j < n && brute[j] <= once[i]) ++j;
        distance = std::max(distance, std::abs(static_cast<double>(i + 1) - j) / n);
      }
      CHECK(distance <= 1.95 * std::sqrt(2.0 / n) + 1.0 / n);  // two samples of n: effective size n/2
    }
  }
}
