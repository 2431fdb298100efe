// SPDX-License-Identifier: Apache-2.0
#include "model/maxima.hpp"

#include "tests/support/checks.hpp"

using namespace kurve::model;

namespace {

constexpr Shape shapes[] = {Shape::normal, Shape::lognormal, Shape::exponential,
                            Shape::gumbel, Shape::weibull,   Shape::pareto};

/// E[X^n] over the quantile function, x(level), in logit space: a second route to the moments, trapezoid of step 0.05.
double moment(FactorLaw const& law, int n) {
  double sum = 0.0;
  for (double t = -36.0; t < 36.0; t += 0.05) {
    double const level = 1.0 / (1.0 + std::exp(-t)), tail = 1.0 / (1.0 + std::exp(t));
    double const x = quantile(law, level, tail);
    sum += std::pow(x, n) * level * tail * 0.05;
  }
  return sum;
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("every shape has mean one and the cv asked for") {
    for (auto const shape : shapes)
      for (double const cv : {0.005, 0.1, 0.5}) {
        auto const law = factor_law(shape, cv);
        INFO("shape ", static_cast<int>(shape), " cv ", cv);
        CHECK_CLOSE(moment(law, 1), 1.0, 1e-9);
        // Pareto: the integrand falls as exp(-t (1 - 2/a)), a = 3.2 at cv 0.5: cut at t = 36 it loses 1e-6
        CHECK_CLOSE(std::sqrt(moment(law, 2) - 1.0), cv, 1e-4);
        CHECK_CLOSE(maximum_moments(law, 1).mean, 1.0, 1e-9);
        CHECK_CLOSE(maximum_moments(law, 1).sd, cv, 1e-6);
      }
  }

  TEST_CASE("quantile cdf and survival invert each other far into the tail") {
    for (auto const shape : shapes) {
      auto const law = factor_law(shape, 0.2);
      for (double const tail : {0.9, 0.5, 0.1, 1e-3, 1e-9, 1e-15}) {
        double const upper = quantile(law, 1.0 - tail, tail), lower = quantile(law, tail, 1.0 - tail);
        // an ulp of x moves log(tail) by up to x f/S, under 100 here: 100 * 2^-52 times a few
        CHECK_CLOSE(survival(law, upper), tail, 1e-12);
        // at its lower end a density f moves P by f x 2^-52, f at most 5 here
        CHECK(std::abs(cdf(law, lower) - tail) <= 4e-15 + 1e-12 * tail);
      }
    }
  }

  TEST_CASE("elementary functions agree with the C library to two units in the last place") {
    namespace el = elementary;
    double const ulp = 0x1p-52;
    for (double x = -700.3; x < 700.0; x += 0.7371) CHECK_CLOSE(el::exp(x), std::exp(x), 2 * ulp);
    for (double x = 1e-300; x < 1e300; x *= 3.7371) CHECK_CLOSE(el::log(x), std::log(x), 2 * ulp);
    for (double x = 0.5; x < 2.0; x += 0.00371) CHECK_CLOSE(el::log(x), std::log(x), 2 * ulp);
    for (double x = 1e-18; x < 3.0; x *= 1.371) CHECK_CLOSE(el::expm1(-x), std::expm1(-x), 4 * ulp);
    CHECK(el::exp(-1e9) == 0.0);
    CHECK(el::exp(1e9) == std::numeric_limits<double>::infinity());
  }

  TEST_CASE("largest of K normals against published values") {
    // Harter, Biometrika 48 (1961), and the exact integrals of the reference table; given to 5 digits
    double const expected[][3] = {
        {2, .5642, .826},     {4, 1.0294, .701},     {8, 1.4236, .611},     {16, 1.7660, .543},  {32, 2.0697, .492},
        {64, 2.3437, .451},   {128, 2.5946, .419},   {256, 2.8269, .392},   {512, 3.0439, .370}, {1024, 3.2482, .351},
        {4096, 3.6261, .320}, {16384, 3.9714, .296}, {131072, 4.4430, .269}};
    auto const law = factor_law(Shape::normal, 1.0);
    for (auto const& [k, mean, sd] : expected) {
      auto const m = maximum_moments(law, k);
      CHECK(std::abs(m.mean - 1.0 - mean) <= 0.51e-4);
      CHECK(std::abs(m.sd - sd) <= 0.51e-3);
    }
    CHECK_CLOSE(maximum_moments(law, 2).mean - 1.0, 1.0 / std::sqrt(std::acos(-1.0)),
                2e-8);  // exactly 1/sqrt(pi), quadrature error 1e-8
  }

  TEST_CASE("largest of K exponentials is the harmonic number") {
    auto const law = factor_law(Shape::exponential, 1.0);
    double harmonic = 0.0, squares = 0.0;
    for (int k = 1; k <= 16384; ++k) {
      harmonic += 1.0 / k;
      squares += 1.0 / (static_cast<double>(k) * k);
      if ((k & (k - 1)) != 0) continue;
      CHECK_CLOSE(maximum_moments(law, k).mean, harmonic, 1e-12);
      CHECK_CLOSE(maximum_moments(law, k).sd, std::sqrt(squares), 1e-12);
    }
  }

  TEST_CASE("largest of K lognormals against the reference table") {
    double const k[] = {8, 64, 512, 4096};
    struct Row {
      double sigma, ratio[4], half_unit;
    };
    for (auto const& row :
         {Row{.05, {1.073, 1.123, 1.163, 1.197}, .51e-3}, Row{.1, {1.149, 1.259, 1.350, 1.431}, .51e-3},
          Row{.3, {1.49, 1.95, 2.40, 2.85}, .51e-2}, Row{.5, {1.89, 2.93, 4.12, 5.48}, .51e-2}})
      for (int i = 0; i < 4; ++i) {
        auto const law = factor_law(Shape::lognormal, std::sqrt(std::expm1(row.sigma * row.sigma)));
        CHECK(std::abs(maximum_moments(law, k[i]).mean - row.ratio[i]) <= row.half_unit);
      }
  }

  TEST_CASE("largest of K Paretos with index three") {
    auto const law = factor_law(Shape::pareto, 1.0 / std::sqrt(3.0));  // 1/cv^2 = 3 (3 - 2)
    CHECK_CLOSE(law.scale, 1.0 / 3.0, 1e-14);
    double const scale = 2.0 / 3.0;  // x_m of the law of mean 1
    CHECK(std::abs(maximum_moments(law, 8).mean / scale - 2.75) <= .51e-2);
    CHECK(std::abs(maximum_moments(law, 64).mean / scale - 5.43) <= .51e-2);
    CHECK(std::abs(maximum_moments(law, 512).mean / scale - 10.84) <= .51e-2);
  }

  TEST_CASE("largest of K Weibulls by inclusion and exclusion") {
    for (double const cv : {0.1, 0.5, 2.0}) {
      auto const law = factor_law(Shape::weibull, cv);
      for (int const k : {2, 5, 10}) {
        double sum = 0.0, choose = 1.0;  // sum_j (-1)^(j+1) C(K,j) j^(-1/k): cancellation below C(10,5) ulps
        for (int j = 1; j <= k; ++j) {
          choose *= static_cast<double>(k - j + 1) / j;
          sum += (j % 2 == 1 ? choose : -choose) * std::pow(j, -law.scale);
        }
        CHECK_CLOSE(maximum_moments(law, k).mean, sum, 1e-8);
      }
    }
  }

  TEST_CASE("quantiles of the maximum and a billion workers") {
    for (auto const shape : shapes) {
      auto const law = factor_law(shape, 0.1);
      double const x = maximum_quantile(law, 1e9, 0.5);
      CHECK_CLOSE(-std::log1p(-survival(law, x)) * 1e9, std::log(2.0), 1e-9);
      auto const m = maximum_moments(law, 1e9);
      CHECK(std::abs(m.mean - x) < m.sd);
      CHECK(maximum_quantile(law, 1, 0.3) == doctest::Approx(quantile(law, 0.3, 0.7)).epsilon(1e-12));
    }
    CHECK(maximum_moments(factor_law(Shape::gumbel, 0.0), 64).mean == 1.0);
  }
}
