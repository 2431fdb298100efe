// SPDX-License-Identifier: Apache-2.0
#include "calibrate/variability.hpp"

#include <cmath>

#include "calibrate/random.hpp"
#include "calibrate/slowest_mean.hpp"
#include "tests/support/checks.hpp"

using namespace kurve;
using namespace kurve::calibrate;

namespace {

struct Truth {
  double noise = 0.02, imbalance = 0.0, straggling = 0.0;
};

/// Ten timings of each of `runs` runs on four workers; stragglers take twice as long.
std::vector<data::Sample> rows_of(Truth const& truth, int runs, std::uint64_t seed) {
  std::uint64_t draw = 0;
  auto const z = [&] { return random_normal(seed, 0, draw++); };
  std::vector<data::Sample> rows;
  for (int run = 0; run < runs; ++run) {
    double share[4], machine = 1.0 + 0.1 * z();  // the whole machine is slow for a run: neither noise nor imbalance
    for (auto& s : share) s = 1.0 + truth.imbalance * z();
    for (int step = 0; step < 10; ++step)
      for (int rank = 0; rank < 4; ++rank) {
        data::Sample row;
        row.op = data::Operation::compute;
        row.ranks = 4;
        row.run = run;
        row.step = 10 * run + step;
        row.rank = rank;
        row.time_s = 1e-2 * machine * share[rank] * (1.0 + truth.noise * z());
        if (random_uniform(seed, 1, draw++) < truth.straggling) row.time_s *= 2.0;
        rows.push_back(row);
      }
  }
  return rows;
}

Variability variability(Truth const& truth, int runs, std::uint64_t seed) {
  std::vector<std::vector<data::Sample>> const points{rows_of(truth, runs, seed)};
  return variability_of(points);
}

}  // namespace

TEST_SUITE_BEGIN("stat");

TEST_CASE("variability: noise imbalance and stragglers are told apart") {
  auto const v = variability({.noise = 0.02, .imbalance = 0.05, .straggling = 0.02}, 20, 1);
  // 600 degrees of freedom of noise, 60 of imbalance (whose error noise in the means adds to: 0.02/sqrt(10) of 0.05).
  CHECK(std::abs(v.noise_cv - 0.02) < 4.0 * 0.02 / std::sqrt(2.0 * v.noise_n));
  CHECK(std::abs(v.imbalance_cv - 0.05) < 4.0 * 0.051 / std::sqrt(2.0 * v.imbalance_n));
  CHECK(v.imbalance_n == 60);
  CHECK(std::abs(v.straggler_probability - 0.02) < 4.0 * std::sqrt(0.02 * 0.98 / 800));
  // Each is its noise against the median of ten noisy values.
  CHECK(std::abs(v.straggler_slowdown - 2.0) < 4.0 * 2.0 * 0.025 / std::sqrt(v.straggler_n));
  CHECK(v.shared_cv < 0.02 * 0.5);  // none: what is seen is the error of means of four, 0.01, less its expectation
}

TEST_CASE("variability: workers that differ by noise alone are not imbalanced") {
  int found = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) found += variability({}, 3, seed).imbalance_n > 0 ? 1 : 0;
  CHECK(found <= 3);  // three standard errors of a chi square of 9 degrees: 1 in 100, and 4 standard errors of that
}

TEST_SUITE_END();

TEST_SUITE_BEGIN("unit");

TEST_CASE("variability: noise has the shape that its timings have") {
  // One worker, timings in runs of 200: the mean that each is set against errs by 1/200 of the noise's variance.
  std::uint64_t draw = 0;
  std::vector<data::Sample> rows;
  for (int i = 0; i < 2000; ++i) {
    data::Sample row;
    row.op = data::Operation::compute;
    row.run = i / 200;
    row.step = i;
    row.rank = 0;
    row.time_s = 1e-2 * (1.0 + 0.02 * (-std::log(random_uniform(3, 2, draw++)) - 1.0));  // exponential
    rows.push_back(row);
  }
  std::vector<std::vector<data::Sample>> points{rows};
  auto const shape = variability_of(points).noise_shape;
  REQUIRE(shape);
  // quantiles of an exponential less its mean, over its sd; 4 standard errors sqrt(p (1-p) / n) / f
  for (std::size_t const i : {0u, 1u, 3u, 5u}) {
    double const tail = std::ldexp(1.0, -static_cast<int>(i) - 1);
    CHECK(std::abs(shape->value[model::MeasuredShape::centre + i] - (-std::log(tail) - 1.0)) <
          4.0 * std::sqrt((1.0 - tail) / tail / 2000.0) + 0.02);  // 0.02: the sd it is divided by errs by 1/sqrt(2000)
  }
  // No lower tail: never under 1 - 0.02, but for the means that each run's timings are set against (a normal has -3.1).
  CHECK(shape->value[0] > -1.0 - 3.0 / std::sqrt(200.0));
  rows.resize(fewest_for_shape - 1);
  points = {rows};
  CHECK(!variability_of(points).noise_shape);
}

TEST_CASE("hop jitter: from how far apart two ranks end, in proportion to the hop and beside it") {
  std::vector<data::Sample> rows;
  auto const time = [&](std::int64_t bytes, double hop_s, double sd_s) {
    for (int step = 0; step < 10; ++step)
      for (int rank = 0; rank < 2; ++rank) {
        data::Sample row;
        row.op = data::Operation::allreduce;
        row.ranks = 2;
        row.bytes = bytes;
        row.step = step;
        row.rank = rank;
        // Two hops; the ends of two ranks differ by 2/sqrt(pi) of a hop's sd, and the last one's time is the ring's.
        row.time_s = 2.0 * hop_s - (rank == 0 ? 2.0 / std::sqrt(M_PI) * sd_s : 0.0);
        rows.push_back(row);
      }
  };
  time(1000, 10e-3, 1e-3);
  auto const one = hop_jitter_of(rows);  // one length tells no parts: all is in proportion
  CHECK_CLOSE(one.variance.value(0), 0.1 * 0.1, 1e-3);
  CHECK(one.variance.value(1) == 0.0);
  CHECK(one.n == 10);
  time(100, 1e-3, std::hypot(0.05e-3, 0.4e-3));
  rows.erase(rows.begin(), rows.begin() + 20);
  time(1000, 10e-3, std::hypot(0.5e-3, 0.4e-3));
  auto const two = hop_jitter_of(rows);
  CHECK_CLOSE(std::sqrt(two.variance.value(0)), 0.05, 1e-3);
  CHECK_CLOSE(std::sqrt(two.variance.value(1)), 0.4e-3, 1e-3);
  CHECK(two.n == 20);
  for (auto& row : rows) row.rank.reset();
  CHECK(hop_jitter_of(rows).n == 0);
}

TEST_CASE("slowest of K: closed forms") {
  SlowestMean const slowest;
  model::StepParameters p;
  CHECK(slowest(p, 8) == 1.0);
  p.straggler_probability = 0.1;
  p.straggler_slowdown = 3.0;
  CHECK_CLOSE(slowest(p, 1), 1.2, 1e-12);
  CHECK_CLOSE(slowest(p, 4), 1.0 + 2.0 * (1.0 - std::pow(0.9, 4)), 1e-9);
  p.straggler_probability = 0.0;
  p.noise_cv = 0.1;
  p.noise_shape = model::Shape::normal;
  // E[max] of two normals is 1/sqrt(pi), of 16 1.76599 (Harter 1961); a thousand points cut 0.4 % off the tail's share.
  CHECK_CLOSE(slowest(p, 2) - 1.0, 0.1 / std::sqrt(M_PI), 0.01);
  CHECK_CLOSE(slowest(p, 16) - 1.0, 0.1 * 1.76599, 0.01);
  p.noise_cv = 0.0;
  p.imbalance_cv = 0.1;  // Gumbel: the largest of K is sd sqrt(6)/pi ln K higher; none at K = 1
  CHECK(slowest(p, 1) == 1.0);
  CHECK_CLOSE(slowest(p, 16) - 1.0, 0.1 * std::sqrt(6.0) / M_PI * std::log(16.0), 0.02);
}

TEST_SUITE_END();
