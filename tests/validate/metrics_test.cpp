// SPDX-License-Identifier: Apache-2.0
#include "validate/metrics.hpp"

#include <cmath>
#include <vector>

#include "tests/support/checks.hpp"

using namespace kurve;

TEST_SUITE("unit") {
  TEST_CASE("metrics: signed errors and their summary") {
    CHECK(validate::relative_error(11.0, 10.0) == doctest::Approx(0.1));
    CHECK(validate::relative_error(9.0, 10.0) == doctest::Approx(-0.1));
    std::vector<double> const errors{-0.4, 0.1, 0.2, -0.3, 0.0};
    auto const s = validate::summarize_errors(errors);
    CHECK(s.n == 5);
    CHECK(s.median == doctest::Approx(0.2));
    CHECK(s.mean == doctest::Approx(0.2));
    CHECK(s.p90 == doctest::Approx(0.36));  // type 7: 0.3 + 0.6 (0.4 - 0.3)
    CHECK(s.max == doctest::Approx(0.4));
    CHECK(std::isnan(validate::summarize_errors({}).mean));
  }

  TEST_CASE("metrics: CRPS of a normal sample meets its closed form") {
    // Quantiles at (i + 1/2)/n stand for a standard normal; y = 0: 2 phi(0) - 1/sqrt(pi) = 0.2337.
    int const n = 20'001;
    std::vector<double> draws;
    for (int i = 0; i < n; ++i) {
      double low = -9.0, high = 9.0;
      double const level = (i + 0.5) / n;
      for (int k = 0; k < 60; ++k) {
        double const x = 0.5 * (low + high);
        (0.5 * std::erfc(-x / std::sqrt(2.0)) < level ? low : high) = x;
      }
      draws.push_back(0.5 * (low + high));
    }
    auto const closed_form = [](double z) {
      double const density = std::exp(-0.5 * z * z) / std::sqrt(2.0 * M_PI);
      double const below = 0.5 * std::erfc(-z / std::sqrt(2.0));
      return z * (2.0 * below - 1.0) + 2.0 * density - 1.0 / std::sqrt(M_PI);
    };
    CHECK(closed_form(0.0) == doctest::Approx(0.2337).epsilon(1e-3));
    // The mid-point rule errs by the spread of the outermost of n cells, about 1/n of the score: 4e-4 is eight times
    // that.
    for (double const z : {0.0, 0.7, -2.0}) CHECK_CLOSE(validate::sample_crps(draws, z), closed_form(z), 4e-4);
  }

  TEST_CASE("metrics: CRPS of one draw is the absolute error and of two by hand") {
    CHECK(validate::sample_crps(std::vector{3.0}, 5.0) == doctest::Approx(2.0));
    CHECK(validate::sample_crps(std::vector{1.0, 0.0}, 0.5) == doctest::Approx(0.5 - 0.25));
  }

  TEST_CASE("metrics: interval score charges a miss 2/alpha times") {
    CHECK(validate::interval_score(1.0, 3.0, 2.0, 0.9) == doctest::Approx(2.0));
    CHECK(validate::interval_score(1.0, 3.0, 3.5, 0.9) == doctest::Approx(2.0 + 20.0 * 0.5));
    CHECK(validate::interval_score(1.0, 3.0, 0.9, 0.8) == doctest::Approx(2.0 + 10.0 * 0.1));
  }

  TEST_CASE("metrics: coverage with its Clopper-Pearson interval") {
    // 0 of 10: upper end 1 - 0.025^(1/10) = 0.3085; 9 of 10: 0.5550 to 0.9975 (Clopper and Pearson 1934).
    auto const none = validate::coverage_of(0, 10);
    CHECK(none.interval.low == 0.0);
    CHECK_CLOSE(none.interval.high, 1.0 - std::pow(0.025, 0.1), 1e-9);
    auto const nine = validate::coverage_of(9, 10);
    CHECK(nine.share == doctest::Approx(0.9));
    CHECK(nine.interval.low == doctest::Approx(0.5550).epsilon(1e-3));
    CHECK(nine.interval.high == doctest::Approx(0.9975).epsilon(1e-3));
    CHECK(validate::coverage_of(10, 10).interval.high == 1.0);
    CHECK(std::isnan(validate::coverage_of(0, 0).share));
  }

  TEST_CASE("metrics: PIT counts draws below and half of the ties") {
    CHECK(validate::pit(std::vector{1.0, 2.0, 3.0, 4.0}, 2.5) == doctest::Approx(0.5));
    CHECK(validate::pit(std::vector{1.0, 2.0, 3.0, 4.0}, 4.0) == doctest::Approx(0.875));
  }
}
