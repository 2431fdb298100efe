// SPDX-License-Identifier: Apache-2.0
#include "calibrate/stopping.hpp"

#include <cmath>

#include "calibrate/random.hpp"
#include "calibrate/robust.hpp"
#include "model/error.hpp"
#include "tests/support/checks.hpp"

using namespace kurve;
using namespace kurve::calibrate;

namespace {

/// AR(1) around 1 of sd 0.1: lag-1 correlation rho.
std::vector<double> correlated(int n, double rho, std::uint64_t seed) {
  std::vector<double> series;
  double x = random_normal(seed, 0, 0);
  for (int i = 1; i <= n; ++i) {
    series.push_back(1.0 + 0.1 * x);
    x = rho * x + std::sqrt(1.0 - rho * rho) * random_normal(seed, 0, static_cast<std::uint64_t>(i));
  }
  return series;
}

}  // namespace

TEST_SUITE_BEGIN("unit");

TEST_CASE("stopping: the interval of independent samples is Student's") {
  std::vector<double> const values{9.0, 11.0, 10.0, 10.0, 8.0, 12.0, 9.0, 11.0, 8.0, 12.0};
  auto const p = precision_of(values, 0.95);
  CHECK(p.mean == doctest::Approx(10.0));
  // Alternating samples have no positive autocorrelation: all ten count. s^2 = 20/9, t(9) = 2.262.
  CHECK(p.effective_samples == doctest::Approx(10.0));
  CHECK(p.relative_half_width == doctest::Approx(2.262 * std::sqrt(20.0 / 9.0 / 10.0) / 10.0).epsilon(1e-3));
}

TEST_CASE("stopping: no spread at all is precise one sample never is") {
  StoppingRule const rule{.relative_half_width = 0.01, .min_samples = 3, .max_samples = 10};
  CHECK(precise_enough(std::vector<double>(3, 2.0), rule));
  CHECK_FALSE(precise_enough(std::vector<double>(2, 2.0), rule));
  CHECK(std::isinf(precision_of(std::vector<double>{2.0}, 0.95).relative_half_width));
}

TEST_CASE("stopping: options out of range are named") {
  auto message = [](StoppingRule const& rule) {
    return test::message_of<InputError>([&] {
      check(rule);
      return 0;
    });
  };
  CHECK(message({.relative_half_width = 0.0}).find("ci=0") == 0);
  CHECK(message({.confidence = 1.0}).find("confidence=1") == 0);
  CHECK(message({.min_samples = 2}).find("min_samples=2") == 0);
  CHECK(message({.min_samples = 9, .max_samples = 8}).find("max_samples=8") == 0);
  CHECK(message({}).empty());
}

TEST_CASE("stragglers are set apart ordinary noise and bimodal series are not") {
  std::vector<double> times(100, 1.0);
  for (int i = 0; i < 100; ++i)
    times[static_cast<std::size_t>(i)] += 0.01 * random_normal(1, 0, static_cast<std::uint64_t>(i));
  CHECK(split_stragglers(times).stragglers.empty());
  times[7] = 3.0;
  times[70] = 1.5;
  CHECK(split_stragglers(times).stragglers == std::vector<double>{3.0, 1.5});
  for (std::size_t i = 0; i < 40; ++i) times[i] = 3.0;
  CHECK(split_stragglers(times).core.size() == 100);
  CHECK(split_stragglers({}).core.empty());
}

TEST_SUITE_END();

TEST_SUITE_BEGIN("stat");

TEST_CASE("stopping: correlated samples count less n(1-rho)/(1+rho) of them and the interval covers") {
  int covered = 0;
  std::vector<double> effective;
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    auto const p = precision_of(correlated(200, 0.6, seed), 0.95);
    effective.push_back(p.effective_samples);
    covered += std::abs(p.mean - 1.0) <= p.relative_half_width * p.mean ? 1 : 0;
  }
  // True value 200 * 0.4 / 1.6 = 50; the estimate is biased by some 10 % at this length. Taken as independent it would
  // be 200.
  CHECK(test::moments(effective).mean == doctest::Approx(50.0).epsilon(0.2));
  // Naive intervals cover 67 % here (FACTS 0.10). Binomial SE of 95 % at 400 is 1.1 %; the estimated ESS costs up to 3
  // % more.
  CHECK(covered >= 400 * (0.95 - 4 * 0.011 - 0.03));
}

TEST_SUITE_END();
