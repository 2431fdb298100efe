// SPDX-License-Identifier: Apache-2.0
#include "sim/advise.hpp"

#include <algorithm>

#include "data/philox.hpp"
#include "model/elementary.hpp"
#include "model/error.hpp"
#include "sim/preposterior.hpp"
#include "tests/support/checks.hpp"

using namespace kurve;
using namespace kurve::sim;

namespace {

double normal(std::uint32_t draw, std::uint32_t quantity) {
  double const u = data::uniforms(11, draw, quantity, 0, data::Stream::parameters).first;
  return u <= 0.5 ? -model::elementary::normal_upper(u) : model::elementary::normal_upper(1.0 - u);
}

std::vector<double> normals(std::size_t n, std::uint32_t quantity) {
  std::vector<double> z;
  for (std::uint32_t d = 0; d < n; ++d) z.push_back(normal(d, quantity));
  return z;
}

std::vector<double> sum(std::vector<double> a, std::vector<double> const& b, double scale) {
  for (std::size_t d = 0; d < a.size(); ++d) a[d] += scale * b[d];
  return a;
}

/// Relative error of an interval's expected width. A 90 % quantile of N(0, 1) has SE sqrt(0.05 0.95 / n) / 0.103 = 2.1
/// / sqrt(n), the width of two (3.29) 0.9 / sqrt(n); each outcome has at least n = draws / 10, and outcomes that
/// overlap share draws, so the mean of them gains nothing for sure: 4 SE at 20 000 draws.
constexpr double width_tolerance = 4.0 * 0.9 / 44.7;

double gain_of(std::vector<Advice> const& advice, std::string const& part) {
  double gain = -1.0;
  for (auto const& a : advice)
    if (a.what.find(part) != std::string::npos) gain = std::max(gain, a.gain);
  return gain;
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("the interval of equal weights is that of the sample") {
    std::vector<double> x;
    for (int i = 0; i < 1000; ++i) x.push_back((i * 7919) % 1000);
    CHECK_CLOSE(interval_width(x, {}, 0.9), 900.0, 1e-12);  // quantiles of 0..999 at middles of shares: 1000 p - 0.5
    std::vector<double> left(1000);
    for (int i = 0; i < 1000; ++i) left[static_cast<std::size_t>(i)] = x[static_cast<std::size_t>(i)] < 500 ? 2.0 : 0.0;
    CHECK_CLOSE(interval_width(x, left, 0.9), 450.0, 1e-12);
  }

  TEST_CASE("advice is the same for the same seed and says so when nothing helps") {
    model::Model m;
    m.global_batch = 64;
    m.parameters = {.serial_s = 0.01, .compute_per_sample_s = 1e-3};
    m.parameters.noise_run_cv = 0.05;  // all there is: no measurement narrows the mean of a new run
    auto const a = advise(m, {64, 64}, {}), b = advise(m, {64, 64}, {});
    REQUIRE(a.size() == b.size());
    REQUIRE(!a.empty());
    for (std::size_t i = 0; i < a.size(); ++i) {
      CHECK(a[i].gain == b[i].gain);
      CHECK(a[i].what == b[i].what);
      CHECK(a[i].gain < worthwhile_gain);
      CHECK(a[i].sentence.find("would not narrow") != std::string::npos);
    }
    CHECK_THROWS_AS(static_cast<void>(advise(m, {0.5, 64}, {})), InputError);
    CHECK_THROWS_AS(static_cast<void>(advise(m, {2, 0}, {})), InputError);
  }
}

TEST_SUITE("stat") {
  // quantity q = t + r, observable x = t, noise n: the posterior of q is normal with variance 1/(1/T^2 + 1/n^2) + R^2,
  // whatever the outcome, so the expected width is its sd times that of N(0, 1).
  TEST_CASE("expected width of a linear Gaussian model is the exact one") {
    std::size_t const draws = 20'000;
    auto const t = normals(draws, 1), r = normals(draws, 2);
    for (double const rest : {0.0, 0.5})
      for (double const noise : {0.01, 0.1, 1.0, 10.0}) {
        Observable const x[] = {{t, noise}};
        double const exact = 2.0 * 1.6448536 * std::sqrt(1.0 / (1.0 + 1.0 / (noise * noise)) + rest * rest);
        INFO("rest ", rest, " noise ", noise);
        CHECK_CLOSE(expected_width(sum(t, r, rest), x, {}), exact, width_tolerance);
      }
  }

  // q = t1 + t2, both observed with noise n: variance 2/(1 + 1/n^2).
  TEST_CASE("two observables of a linear Gaussian model") {
    std::size_t const draws = 20'000;
    auto const t1 = normals(draws, 3), t2 = normals(draws, 4);
    for (double const noise : {0.1, 1.0}) {
      Observable const both[] = {{t1, noise}, {t2, noise}};
      double const exact = 2.0 * 1.6448536 * std::sqrt(2.0 / (1.0 + 1.0 / (noise * noise)));
      INFO("noise ", noise);
      CHECK_CLOSE(expected_width(sum(t1, t2, 1.0), both, {}), exact, width_tolerance);
    }
  }

  // Two laws, far apart: a measurement that tells them apart leaves the width within one law; a linear fit would not
  // see it, for the law's mean of x is that of the other (x = +-1 by law against q = |x|'s sign lost).
  TEST_CASE("telling two laws apart leaves the width of one") {
    std::size_t const draws = 20'000;
    auto const r = normals(draws, 5);
    std::vector<double> q(draws), x(draws);
    for (std::size_t d = 0; d < draws; ++d) {
      q[d] = (d % 2 == 0 ? 10.0 : 0.0) + r[d];
      x[d] = d % 2 == 0 ? (d % 4 == 0 ? 1.0 : -1.0) : 0.0;  // correlation with q is 0
    }
    Observable const seen[] = {{x, 0.1}};
    CHECK_CLOSE(expected_width(q, seen, {}), 2.0 * 1.6448536, width_tolerance);
  }

  // Only the time of a sample is unknown, by s = 20 % (lognormal): log T(target) is its log. Compute alone, known to
  // n = 2 %, leaves 1/sqrt(1/s^2 + 1/n^2).
  TEST_CASE("compute alone tells the target when nothing else is unknown") {
    model::Model m;
    m.global_batch = 1024;
    m.parameters.compute_per_sample_s = 1e-3;
    for (std::uint32_t d = 0; d < 20'000; ++d) {
      m.draws.push_back(m.parameters);
      m.draws.back().compute_per_sample_s *= std::exp(0.2 * normal(d, 6));
    }
    auto const advice = advise(m, {64, 1024}, {.draws = 20'000});
    double const left = 1.0 / std::sqrt(1.0 + 0.2 * 0.2 / (0.02 * 0.02));
    CHECK(std::abs(gain_of(advice, "compute alone") - (1.0 - left)) < width_tolerance * left);
    CHECK(gain_of(advice, "serial") < 0.01);
  }

  // Only the drift is unknown, g by doubling with power 1/2: log T(K) has variance g^2 D, and a measurement at 4 Kf
  // with run noise n leaves 1/(1/(2 g^2) + 1/n^2) + g^2 (D - 2) of it; repeats and components leave all.
  TEST_CASE("a whole step beyond the measured range takes the drift up to there") {
    model::Model m;
    m.global_batch = 1024;
    m.parameters.compute_per_sample_s = 1e-3;
    m.parameters.discrepancy_power = 0.5;
    m.parameters.discrepancy_from_ranks = 8;
    for (std::uint32_t d = 0; d < 20'000; ++d) {
      m.draws.push_back(m.parameters);
      m.draws.back().discrepancy_log_growth = 0.1 * normal(d, 7);
    }
    auto const advice = advise(m, {128, 1024}, {.draws = 20'000, .runs = 1});
    double const noise = 0.02, left = std::sqrt((1.0 / (1.0 / 0.02 + 1.0 / (noise * noise)) + 0.02) / 0.04);
    CHECK(std::abs(gain_of(advice, "K = 32") - (1.0 - left)) < width_tolerance);
    CHECK(gain_of(advice, "again") < 0.01);
    CHECK(advice[0].what.find("K = 32") != std::string::npos);
  }
}
