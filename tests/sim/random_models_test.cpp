// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <sstream>
#include <vector>

#include "data/philox.hpp"
#include "sim/expected.hpp"
#include "sim/hop_step.hpp"
#include "sim/step.hpp"
#include "tests/sim/step_samples.hpp"
#include "tests/support/checks.hpp"
#include "tests/support/instruction_sets.hpp"

using namespace kurve;
using namespace kurve::sim;
using model::Shape;
using test::by_order_statistics;
using test::by_workers;

namespace {

constexpr int models = 200;

/// A Model at some K, varied in all that makes workers differ.
struct RandomModel {
  model::StepParameters p{.serial_s = 0.1, .compute_per_sample_s = 1.0};
  double ranks = 1.0;

  explicit RandomModel(std::uint32_t number) : number_(number) {
    ranks = std::floor(logarithmic(1.0, 600.0));
    p.noise_shape = shape();
    p.noise_cv = likely(0.9) ? logarithmic(0.005, 0.4) : 0.0;
    if (likely(0.3)) {  // of a phase, noise has up to sqrt(8) times the cv: 0.4 is clipped at 0 then
      p.barriers_per_step = std::floor(logarithmic(2.0, 9.0));
      if (p.noise_shape == Shape::pareto) p.noise_cv = std::min(p.noise_cv, 0.15);
    }
    if (likely(0.5)) {
      p.straggler_probability = logarithmic(1e-3, 0.3);
      p.straggler_slowdown = 1.0 + logarithmic(0.05, 2.0);
      p.straggler_shape = shape();
      // wider Pareto tails have no third moment, and then a mean's standard error is not known from thousands of trials
      if (likely(0.5)) p.straggler_spread_cv = logarithmic(0.2, p.straggler_shape == Shape::pareto ? 0.5 : 1.0);
    }
    if (likely(0.3)) {
      p.persistent_probability = logarithmic(1e-3, 0.1);
      p.persistent_slowdown = 1.0 + logarithmic(0.05, 0.5);
    }
    if (likely(0.3)) {
      p.imbalance_shape = shape();
      p.imbalance_cv = logarithmic(0.01, 0.3);
      if (likely(0.5)) p.imbalance = model::Imbalance::per_run;
    }
    if (likely(0.3)) {
      p.noise_node_cv = logarithmic(0.005, 0.2);
      p.workers_per_node = std::floor(logarithmic(1.0, 17.0));
    }
    if (likely(0.2)) p.noise_step_cv = logarithmic(0.005, p.noise_shape == Shape::pareto ? 0.3 : 1.0);
    if (likely(0.2)) p.noise_run_cv = logarithmic(0.005, 0.5);
  }

  [[nodiscard]] std::string text() const {
    std::ostringstream out;
    out << "model " << number_ << " K " << ranks << " noise " << static_cast<int>(p.noise_shape) << " " << p.noise_cv
        << " stragglers " << p.straggler_probability << " " << p.straggler_slowdown << " "
        << static_cast<int>(p.straggler_shape) << " " << p.straggler_spread_cv << " persistent "
        << p.persistent_probability << " " << p.persistent_slowdown << " imbalance "
        << static_cast<int>(p.imbalance_shape) << " " << p.imbalance_cv << " node " << p.noise_node_cv << " of "
        << p.workers_per_node << " barriers " << p.barriers_per_step << " step " << p.noise_step_cv << " run "
        << p.noise_run_cv;
    return out.str();
  }

 private:
  double uniform() { return data::uniforms(20'26, number_, next_++, 0, data::Stream::bootstrap).first; }
  bool likely(double probability) { return uniform() < probability; }
  double logarithmic(double low, double high) { return low * std::pow(high / low, uniform()); }
  Shape shape() { return static_cast<Shape>(std::min(5, static_cast<int>(6.0 * uniform()))); }

  std::uint32_t number_, next_ = 0;
};

double share_up_to(std::vector<double> const& values, double limit) {
  auto const up_to = std::count_if(values.begin(), values.end(), [&](double x) { return x <= limit; });
  return static_cast<double>(up_to) / static_cast<double>(values.size());
}

}  // namespace

TEST_SUITE("stat") {
  TEST_CASE("order statistics workers and closed form agree on 200 random Models") {
    // Three checks of 4 standard errors for each: of 600, one in 27 such tests has a failure by chance. A trial's SE is
    // 2 % of the spread, a lattice's error of 2e-3 of the excess well below it.
    std::size_t const trials = 2500;
    double const levels[] = {0.05, 0.5, 0.95};
    double sum_of_squares = 0.0, varied = 0.0;
    for (std::uint32_t number = 0; number < models; ++number) {
      RandomModel const random(number);
      INFO(random.text());
      StepSampler const sampler(random.p, random.ranks, random.ranks, 4);
      auto const workers = by_workers(sampler, trials), maxima = by_order_statistics(sampler, trials);
      auto const expected = expected_step(random.p, random.ranks, random.ranks, levels);
      double const closed_s = expected.mean_s;
      CHECK_MEAN(workers, closed_s);
      CHECK_MEAN(maxima, closed_s);
      for (auto const& [level, time_s] : expected.quantiles_s) {
        // 4 SE, half a lattice step of cv / 13 where the density is 0.4 / cv, and a constant's rounding on either side;
        // a factor clipped at 0 stands at 1e-3
        double const tolerance = 4.0 * std::sqrt(level * (1.0 - level) / static_cast<double>(trials)) + 0.017;
        INFO("level ", level, " at ", time_s);
        CHECK(share_up_to(maxima, 0.999 * time_s - 1.1e-3) <= level + tolerance);
        CHECK(share_up_to(maxima, 1.001 * time_s) >= level - tolerance);
      }
      auto const a = test::moments(workers), b = test::moments(maxima);
      if (a.standard_error == 0.0) {  // nothing varies
        CHECK(a.mean == b.mean);
        continue;
      }
      double const score = (a.mean - b.mean) / std::hypot(a.standard_error, b.standard_error);
      CHECK(std::abs(score) <= 4.0);
      sum_of_squares += score * score;
      varied += 1.0;
    }
    // The scores themselves are standard normal: chi squared.
    CHECK(varied > 0.95 * models);
    CHECK(std::abs(sum_of_squares - varied) <= 4.0 * std::sqrt(2.0 * varied));
  }
}

TEST_SUITE("unit") {
  TEST_CASE("every sampler draws identical bytes on every instruction set and in any range") {
    for (std::uint32_t number = 0; number < models; number += 2) {
      RandomModel const random(number);
      INFO(random.text());
      StepSampler const sampler(random.p, random.ranks, random.ranks, 9);
      auto const workers = by_workers(sampler, 40), maxima = by_order_statistics(sampler, 200);
      test::on_each_instruction_set([&](char const* name) {
        INFO(name);
        CHECK(by_workers(sampler, 40) == workers);
        CHECK(by_order_statistics(sampler, 200) == maxima);
      });
      // a range from the middle, across the ends of groups, and one trial alone
      CHECK(std::equal(maxima.begin() + 37, maxima.begin() + 170, by_order_statistics(sampler, 133, 37).begin()));
      CHECK(by_order_statistics(sampler, 1, 64)[0] == maxima[64]);
      CHECK(by_workers(sampler, 1, 17)[0] == workers[17]);
    }
  }
}
