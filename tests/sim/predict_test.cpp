// SPDX-License-Identifier: Apache-2.0
#include "sim/predict.hpp"

#include <algorithm>
#include <limits>

#include "sim/draws.hpp"
#include "sim/expected.hpp"
#include "tests/support/checks.hpp"

using namespace kurve;
using namespace kurve::sim;
using model::Knowledge;
using model::Model;
using model::Source;

namespace {

Model example() {
  Model m;
  m.global_batch = 1024;
  m.parameters = {.serial_s = 0.01, .compute_per_sample_s = 1e-3, .inter_latency_s = 1e-5, .noise_cv = 0.02};
  m.parameters.gradient_bytes = 4e8;
  m.parameters.inter_bandwidth_Bps = 1e10;
  return m;
}

std::vector<double> column(std::vector<double> values, auto&& f) {
  for (auto& v : values) v = f(v);
  return values;
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("known parameters predict the expected step in every draw") {
    auto const m = example();
    Target const targets[] = {{1, 1024}, {64, 1024}};
    auto const t = predict(m, targets, {.draws = 3});
    for (std::size_t i = 0; i < 2; ++i)
      for (double const time_s : t[i]) CHECK(time_s == expected_step(m.parameters, targets[i].ranks, 1024, {}).mean_s);
  }

  TEST_CASE("posterior draws are cycled through and targets do not disturb each other") {
    auto m = example();
    m.draws = {m.parameters, m.parameters};
    m.draws[1].serial_s = 0.02;
    m.parameters.noise_run_cv = m.draws[0].noise_run_cv = m.draws[1].noise_run_cv = 0.01;
    Target const both[] = {{8, 1024}, {64, 1024}};
    Target const one[] = {{64, 1024}};
    auto const t = predict(m, both, {.draws = 5, .seed = 9}), alone = predict(m, one, {.draws = 5, .seed = 9});
    CHECK(t[1] == alone[0]);
    auto const calm = predict(m, both, {.draws = 4, .seed = 9, .runs = std::numeric_limits<double>::infinity()});
    CHECK(calm[0][0] == calm[0][2]);
    CHECK_CLOSE(calm[0][1] - calm[0][0], 0.01, 1e-12);
  }

  TEST_CASE("draws of differing variability keep to the exact law of each") {
    auto m = example();
    auto& p = m.parameters;
    p.workers_per_node = 8;
    p.noise_cv = 0.05;
    p.noise_node_cv = 0.03;
    p.imbalance_cv = 0.08;
    p.straggler_probability = 0.003;
    p.straggler_slowdown = 1.7;
    p.straggler_spread_cv = 0.4;
    for (auto const* name : {"variability.noise.cv", "variability.noise.node_cv", "variability.imbalance.cv",
                             "variability.stragglers.probability"})
      m.knowledge[name] = {.source = Source::fitted,
                           .sd = 0.2 * p.*(model::find_parameter(name)->member),
                           .identified = true,
                           .note = ""};
    Target const targets[] = {{1, 1024}, {8, 1024}, {512, 1024}, {100'000, 1024}};
    int const draws = 20;
    auto const predicted_s = predict(m, targets, {.draws = draws, .seed = 4});
    // predict() takes each draw from a lattice whose cells are up to h = 4.3 / 256 wide in ln M. A cell adds h^2 / 12
    // to the variance of ln M: at most 1 % of that of the finest factor here (sd 0.05), whose part of E[M] - 1, 0.25 at
    // the most, so grows by 0.5 %; the like error at the central values is divided out, so that a fifth of it is left.
    for (std::size_t i = 0; i < std::size(targets); ++i)
      for (int d = 0; d < draws; ++d) {
        auto const drawn = draw_parameters(m, static_cast<std::uint32_t>(d), 4);
        double const exact_s = expected_step(drawn, targets[i].ranks, 1024, {}).mean_s;
        CHECK_CLOSE(predicted_s[i][static_cast<std::size_t>(d)], exact_s, 0.25 * 0.005 / 5.0);
      }
  }
}

TEST_SUITE("stat") {
  TEST_CASE("drawn parameters have their value and sd inside their range") {
    auto m = example();
    m.parameters.overlap_fraction = 0.5;
    m.parameters.straggler_slowdown = 1.2;
    m.parameters.straggler_probability = 0.1;
    m.knowledge["serial"] = {.source = Source::measured, .sd = 0.0005, .note = {}};               // normal
    m.knowledge["network.inter.latency"] = {.source = Source::measured, .sd = 6e-6, .note = {}};  // lognormal: 60 %
    m.knowledge["variability.stragglers.slowdown"] = {
        .source = Source::assumed, .sd = 0.5, .note = {}};  // excess lognormal
    std::vector<double> serial, latency, slowdown;
    for (std::uint32_t d = 0; d < 20'000; ++d) {
      auto const p = draw_parameters(m, d, 3);
      model::check(p);
      serial.push_back(p.serial_s);
      latency.push_back(p.inter_latency_s);
      slowdown.push_back(p.straggler_slowdown);
    }
    CHECK_MEAN(serial, 0.01);
    CHECK_CLOSE(test::moments(serial).sd, 0.0005, 4 * std::sqrt(0.5 / 20'000));  // SE of an sd, normal: 1/sqrt(2n)
    CHECK_MEAN(latency, 1e-5);
    CHECK_MEAN(slowdown, 1.2);
    CHECK(*std::min_element(slowdown.begin(), slowdown.end()) >= 1.0);
  }

  TEST_CASE("run noise shrinks with runs and the discrepancy grows with doublings beyond the measured") {
    auto m = example();
    m.parameters.noise_run_cv = 0.02;
    m.knowledge["discrepancy.log_growth"] = {.source = Source::fitted, .sd = 0.03, .note = {}};
    m.parameters.discrepancy_from_ranks = 8;
    Target const targets[] = {{8, 1024}, {128, 1024}};
    int const n = 20'000;
    double const sd_error = 4 * std::sqrt(0.5 / n);
    auto const log_sd = [](std::vector<double> const& t) {
      return test::moments(column(t, [](double v) { return std::log(v); })).sd;
    };
    auto const one = predict(m, targets, {.draws = n});
    double const run = std::sqrt(std::log1p(0.02 * 0.02)), beyond = 0.03 * 4;
    CHECK_CLOSE(log_sd(one[0]), run, sd_error);
    CHECK_CLOSE(log_sd(one[1]), std::hypot(run, beyond), sd_error);
    auto const four = predict(m, targets, {.draws = n, .runs = 4.0});
    CHECK_CLOSE(log_sd(four[0]), run / 2, sd_error + 1e-3);  // lognormal of half the cv: equal to second order, 0.02^2
  }

  TEST_CASE("the misfit of one configuration is independent from K to K and absent from a ratio with itself") {
    auto m = example();
    m.knowledge["discrepancy.configuration_log"] = {.source = Source::fitted, .sd = 0.05, .note = {}};
    Target const targets[] = {{8, 1024}, {128, 1024}, {8, 1024}};
    int const n = 20'000;
    auto const t = predict(m, targets, {.draws = n});
    std::vector<double> logs, products;
    double const a = std::log(expected_step(m.parameters, 8, 1024, {}).mean_s),
                 b = std::log(expected_step(m.parameters, 128, 1024, {}).mean_s);
    for (std::size_t d = 0; d < n; ++d) {
      logs.push_back(std::log(t[0][d]) - a);
      products.push_back(logs.back() * (std::log(t[1][d]) - b));
    }
    CHECK(t[0] == t[2]);
    CHECK_MEAN(logs, 0.0);
    CHECK_CLOSE(test::moments(logs).sd, 0.05, 4 * std::sqrt(0.5 / n));
    CHECK_MEAN(products, 0.0);
  }
}
