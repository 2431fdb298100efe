// SPDX-License-Identifier: Apache-2.0
#include "sim/simulate.hpp"

#include <algorithm>
#include <bit>
#include <sstream>
#include <stdexcept>

#include "model/allreduce.hpp"
#include "model/error.hpp"
#include "sim/step.hpp"
#include "sim/trials.hpp"
#include "tests/support/checks.hpp"

using namespace kurve;
using namespace kurve::sim;
using model::Model;
using model::Regime;
using model::Source;

namespace {

Model example() {
  Model m;
  m.workload = "example";
  m.global_batch = 1024;
  m.parameters = {.serial_s = 0.01,
                  .compute_per_sample_s = 1e-3,
                  .gradient_bytes = 1e9,
                  .workers_per_node = 8,
                  .intra_latency_s = 5e-6,
                  .intra_bandwidth_Bps = 2e11,
                  .inter_latency_s = 1e-5,
                  .inter_bandwidth_Bps = 5e10,
                  .noise_cv = 0.02,
                  .noise_node_cv = 0.01,
                  .straggler_probability = 1e-3,
                  .straggler_slowdown = 1.5,
                  .straggler_spread_cv = 0.5};
  for (auto const& info : model::parameter_table())
    m.knowledge[std::string(info.name)] = {.source = Source::measured, .note = {}};
  m.knowledge["network.inter.bandwidth_Bps"].sd = 1e10;
  return m;
}

SimulateOptions options(Method method = Method::automatic) {
  SimulateOptions o;
  o.ranks = {1, 4, 16, 64, 256};
  o.trials = 500;
  o.draws = 300;
  o.method = method;
  return o;
}

/// Every bit of a Curve, as text.
std::string bytes_of(model::Curve const& c) {
  std::ostringstream text;
  auto const put = [&](double x) { text << std::hex << std::bit_cast<std::uint64_t>(x) << ' '; };
  for (auto const& p : c.points) {
    for (double const x : {p.ranks, p.global_batch, p.mean_s, p.standard_error_s, p.sd_s, p.low_s, p.high_s,
                           p.speedup.value_or(-1), p.jitter_tax.value_or(-1), p.efficiency.centre, p.efficiency.low,
                           p.efficiency.high, p.p_pays, p.contributions.noise_s, p.contributions.straggler_s})
      put(x);
    for (auto const& [level, time_s] : p.quantiles_s) put(time_s);
  }
  if (c.bend) put(c.bend->ranks);
  return text.str();
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("one two and seven threads give identical bytes") {
    for (auto const method : {Method::closed_form, Method::order_statistics, Method::workers, Method::ring}) {
      auto m = example();
      m.parameters.hop_jitter_cv = 0.1;
      auto o = options(method);
      if (method == Method::ring) o.ranks = {1, 7, 64};
      o.threads = 1;
      auto const once = bytes_of(simulate(m, o));
      for (int const threads : {2, 7}) {
        o.threads = threads;
        CHECK(bytes_of(simulate(m, o)) == once);
      }
      o.seed = 2;
      CHECK(bytes_of(simulate(m, o)) != once);
    }
  }

  TEST_CASE("a trial by ring replayed alone is the trial of the run") {
    auto m = example();
    m.parameters.hop_jitter_cv = 0.1;
    auto o = options(Method::ring);
    o.ranks = {24};
    o.trials = 20;
    m.knowledge.clear();  // nothing uncertain: T is the mean of the steps drawn
    double sum = 0.0;
    for (std::uint32_t t = 0; t < 20; ++t) sum += replay_trial(m, 24, 1024, Method::ring, o.seed, t).step_s;
    CHECK_CLOSE(simulate(m, o).points[0].mean_s, sum / 20, 1e-14);  // 20 additions in another order
  }

  TEST_CASE("a trial replayed alone is the trial of the run") {
    auto m = example();
    m.knowledge.clear();  // nothing uncertain: T is the mean of the steps drawn
    for (auto const method : {Method::order_statistics, Method::workers}) {
      StepSampler const sampler(m.parameters, 64, 1024, 7);
      auto const run = run_trials(50, 3, 20,
                                  [&](std::uint32_t first, std::span<double> steps_s) {
                                    method == Method::workers ? sampler.by_workers_s(first, steps_s)
                                                              : sampler.by_order_statistics_s(first, steps_s);
                                  },
                                  {});
      for (std::uint32_t const t : {0u, 17u, 49u}) CHECK(replay_trial(m, 64, 1024, method, 7, t).step_s == run[t]);
      auto o = options(method);
      o.ranks = {64};
      o.seed = 7;
      o.trials = 50;
      double sum = 0.0;
      for (double const x : run) sum += x;
      CHECK_CLOSE(simulate(m, o).points[0].mean_s, sum / 50, 1e-14);  // 50 additions in another order
    }
    auto const trial = replay_trial(m, 64, 1024, Method::workers, 7, 17);
    CHECK(trial.worker_s.size() == 64);
    CHECK(replay_trial(m, 64, 1024, Method::order_statistics, 7, 17).worker_s.empty());
  }

  TEST_CASE("without noise every method gives the formula and nothing is uncertain") {
    auto m = example();
    auto& p = m.parameters;
    p.noise_cv = p.noise_node_cv = p.straggler_probability = 0.0;
    m.knowledge["network.inter.bandwidth_Bps"].sd = 0.0;
    for (auto const method : {Method::closed_form, Method::order_statistics, Method::workers})
      for (auto const& point : simulate(m, options(method)).points) {
        double const truth = model::step_time(p, point.ranks, 1024).total_s();
        CHECK_CLOSE(point.mean_s, truth, 1e-15);
        CHECK(point.sd_s <= 1e-15);
        CHECK_CLOSE(point.low_s, truth, 1e-15);
        CHECK_CLOSE(point.high_s, truth, 1e-15);
      }
  }

  TEST_CASE("efficiency speedup bend and pay-off of the example") {
    auto const c = simulate(example(), options());
    CHECK(c.method == "closed-form");
    CHECK(c.points[0].efficiency.centre == 1.0);
    CHECK(c.points[0].efficiency.low == 1.0);  // the baseline against itself in every draw
    for (auto const& p : c.points) {
      CHECK_CLOSE(*p.speedup, p.efficiency.centre * p.ranks, 1e-14);  // strong scaling from K0 = 1: E = S/K
      CHECK((p.low_s <= p.mean_s && p.mean_s <= p.high_s));
      CHECK((p.efficiency.low <= p.efficiency.centre && p.efficiency.centre <= p.efficiency.high));
      auto const& parts = p.contributions;
      CHECK_CLOSE(parts.serial_s + parts.compute_s + parts.noise_s + parts.straggler_s + parts.imbalance_s +
                      parts.exposed_comm_s,
                  p.mean_s, 1e-14);
    }
    REQUIRE(c.bend);
    CHECK(c.points.back().p_pays == 0.0);
    CHECK(c.bend->low_ranks.value() <= c.bend->ranks);
    CHECK(c.bend->high_ranks.value() >= c.bend->ranks);
  }

  TEST_CASE("an interval holds the sampled value that it stands beside") {
    for (auto const& point : simulate(example(), options(Method::workers)).points) {
      CHECK(point.low_s < point.mean_s);
      CHECK(point.high_s > point.mean_s);
      CHECK(point.efficiency.low <= point.efficiency.centre);
      CHECK(point.efficiency.high >= point.efficiency.centre);
    }
  }
  TEST_CASE("contributions add up to a sampled mean too") {
    for (auto const& p : simulate(example(), options(Method::workers)).points) {
      auto const& c = p.contributions;
      CHECK_CLOSE(c.serial_s + c.compute_s + c.noise_s + c.straggler_s + c.imbalance_s + c.exposed_comm_s, p.mean_s,
                  1e-14);
      CHECK(p.standard_error_s > 0.0);
    }
  }

  TEST_CASE("weak and mixed regimes") {
    auto m = example();
    m.regime = Regime::weak;
    auto c = simulate(m, options());
    CHECK(c.points[2].global_batch == 16 * 1024);
    CHECK_FALSE(c.points[2].speedup);
    // T(1)/T(K), but for the median of 1/T between its two middle draws, some 1e-3 apart: off by a square of that
    CHECK_CLOSE(c.points[2].efficiency.centre, c.points[0].mean_s / c.points[2].mean_s, 1e-5);
    m.regime = Regime::mixed;
    CHECK_THROWS_AS(static_cast<void>(simulate(m, options())), InputError);
    auto o = options();
    o.global_batches = {1024, 1024, 2048, 2048, 8192};
    c = simulate(m, o);
    CHECK(c.points[4].global_batch == 8192);
    CHECK_FALSE(c.points[4].speedup);
  }

  TEST_CASE("what was not measured is named only where it matters") {
    auto m = example();
    CHECK(simulate(m, options()).not_measured.empty());
    m.knowledge["network.inter.bandwidth_Bps"].source = Source::published;  // most of T at K = 256
    m.knowledge["network.intra.latency"].source = Source::assumed;          // 5 us on 100 ms
    m.parameters.discrepancy_from_ranks = 8;
    m.knowledge["discrepancy.log_growth"] = {.source = Source::assumed, .sd = 0.01, .note = {}};  // 5 doublings: 5 %
    auto const names = simulate(m, options()).not_measured;
    CHECK(std::find(names.begin(), names.end(), "network.inter.bandwidth_Bps") != names.end());
    CHECK(std::find(names.begin(), names.end(), "discrepancy.log_growth") != names.end());
    CHECK(std::find(names.begin(), names.end(), "serial") == names.end());
  }

  TEST_CASE("a run can be stopped and gives what it has") {
    for (auto const method : {Method::closed_form, Method::workers}) {
      auto o = options(method);
      o.threads = 1;
      int calls = 0;
      double last = 0.0;
      o.progress = [&](double done) {
        CHECK(done >= last);
        last = done;
        return ++calls < 3;
      };
      auto const c = simulate(example(), o);
      CHECK(calls == 3);
      CHECK(c.points.size() >= 1);
      CHECK(c.points.size() < o.ranks.size());
    }
  }

  TEST_CASE("an exception in a thread reaches the caller") {
    for (int const threads : {1, 4})
      CHECK_THROWS_AS(static_cast<void>(run_trials(100, threads, 7,
                                                   [](std::uint32_t first, std::span<double>) {
                                                     if (first > 80) throw std::runtime_error("x");
                                                   },
                                                   {})),
                      std::runtime_error);
  }

  TEST_CASE("bad options are named") {
    auto const message = [](auto&& change) {
      auto o = options();
      change(o);
      return test::message_of<InputError>([&] { return simulate(example(), o).points.size(); });
    };
    CHECK(message([](auto& o) { o.threshold = 2; }) == "threshold=2 (must be above 0 and below 1)");
    CHECK(message([](auto& o) { o.ranks = {0}; }) == "K=0 (must be from 1 to 1e9)");
    CHECK(message([](auto& o) {
            o.ranks = {4, 4};
            o.global_batches = {1, 2};
          }) == "K=4 (must be given once)");
    CHECK(message([](auto& o) { o.ranks = {}; }).find("number of K") == 0);
    CHECK(message([](auto& o) { o.trials = 1; }).find("trials=1") == 0);
    CHECK(message([](auto& o) { o.quantile_levels = {1.0}; }).find("quantile=1") == 0);
    CHECK(message([](auto& o) {
            o.ranks = {2.5};
            o.method = Method::workers;
          }).find("closed-form") != std::string::npos);
    CHECK(method_from_text("order_statistics") == Method::order_statistics);
    CHECK_THROWS_AS(static_cast<void>(method_from_text("magic")), InputError);
  }

  TEST_CASE("one all-reduce: the model's time and an interval that holds it") {
    auto const m = example();
    int const draws = 20'000;
    auto const points = simulate_allreduce(m, {.ranks = {1, 16, 64}, .bytes = {0x1p20, 0x1p33}, .draws = draws});
    REQUIRE(points.size() == 6);
    CHECK(points[0].time_s == 0.0);
    auto const& p = points[3];
    CHECK((p.ranks == 16 && p.bytes == 0x1p33));
    model::Link const intra{.alpha = Seconds{5e-6}, .beta = {1 / 2e11}, .gamma = {}},
        inter{.alpha = Seconds{1e-5}, .beta = {1 / 5e10}, .gamma = {}};
    CHECK_CLOSE(p.time_s,
                model::allreduce_time(model::AllreduceAlgorithm::ring, 16, 8, Bytes{1LL << 33}, intra, inter).count(),
                4.0 * 1.2533 * 0.2 / std::sqrt(draws));  // 4 SE of the median, of a bandwidth known to 20 %
    CHECK((p.low_s < p.time_s && p.time_s < p.high_s));
    CHECK_CLOSE(p.busbw_Bps, 0x1p33 / p.time_s * 30.0 / 16.0, 1e-14);
  }
}
