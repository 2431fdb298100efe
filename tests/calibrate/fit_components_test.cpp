// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <map>

#include "calibrate/fit.hpp"
#include "calibrate/fit_inputs.hpp"
#include "model/error.hpp"
#include "tests/calibrate/synthetic_machine.hpp"
#include "tests/support/checks.hpp"

using namespace kurve;
using namespace kurve::calibrate;
using model::StepParameters;

namespace {

constexpr char const* recovered[] = {"serial",
                                     "compute.fixed",
                                     "compute.per_sample",
                                     "network.intra.latency",
                                     "network.intra.bandwidth_Bps",
                                     "network.inter.latency",
                                     "network.inter.bandwidth_Bps",
                                     "variability.noise.cv"};

FitResult fit_of(SyntheticTruth const& truth, std::uint64_t seed, int draws) {
  auto const c = run_calibration(*make_synthetic_backend(truth), test::quick_options(seed));
  return fit_components(c.components, c.steps, {.draws = draws, .seed = seed});
}

double value(StepParameters const& p, char const* name) { return p.*(model::find_parameter(name)->member); }

data::Sample row(data::Operation op, int ranks, double time_s, std::int64_t bytes = 0) {
  data::Sample r;
  r.op = op;
  r.ranks = ranks;
  r.time_s = time_s;
  if (op == data::Operation::allreduce) r.bytes = bytes;
  if (op == data::Operation::compute) r.local_batch = 8.0;
  return r;
}

/// Sd of the drift beyond the measured K, fitted to whole steps alone, whose ring is exactly as the law has it.
double drift_of_steps(std::vector<int> const& ranks) {
  data::Study components, steps;
  components.set("serial", "inside compute");
  components.set("gradient_bytes", "1000000");
  auto const add = [](data::Study& study, data::Operation op, int k, int step, double batch) {
    auto r = row(
        op, k,
        (2e-4 + 2.5e-5 * batch + 2.0 * (k - 1.0) * 1e-5 + 2.0 * (k - 1.0) / k * 2e-4) * (1.0 + 0.002 * (step % 5 - 2)));
    op == data::Operation::compute ? r.local_batch = batch : r.global_batch = batch * k;
    r.run = 0, r.step = step;
    study.samples.push_back(r);
  };
  for (int step = 0; step < 50; ++step) {
    for (double const batch : {8.0, 16.0}) add(components, data::Operation::compute, 1, step, batch);
    for (int const k : ranks) add(steps, data::Operation::step, k, step, 16.0);
  }
  return fit_components(components, steps, {.draws = 400}).model.knowledge.at("discrepancy.log_growth").sd;
}

}  // namespace

TEST_SUITE_BEGIN("unit");

TEST_CASE("fit: an all-reduce log alone is told what it lacks") {
  data::Study study;
  study.path = "all_reduce.log";
  study.samples = {row(data::Operation::allreduce, 8, 1e-3, 1024)};
  auto const text = test::message_of<DataError>([&] { return fit_components(study, {}, {}); });
  CHECK(text.find("all_reduce.log: no rows of op serial and compute") == 0);
  study.samples.push_back(row(data::Operation::serial, 1, 1e-3));
  CHECK(test::message_of<DataError>([&] {
          return fit_components(study, {}, {});
        }).find("all_reduce.log: no rows of op compute") == 0);
}

TEST_CASE("fit: one rank gives a Model that says its communication is not measured") {
  data::Study study;
  for (int i = 0; i < 5; ++i) {
    study.samples.push_back(row(data::Operation::serial, 1, 1e-3));
    study.samples.push_back(row(data::Operation::compute, 1, 8e-3));
  }
  auto const fit = fit_components(study, {}, {.draws = 10});
  CHECK_CLOSE(fit.model.parameters.serial_s, 1e-3, 1e-9);
  CHECK_CLOSE(fit.model.parameters.compute_per_sample_s, 1e-3, 1e-9);
  CHECK_FALSE(fit.model.knowledge.at("compute.fixed").identified);
  CHECK_FALSE(fit.model.knowledge.at("network.intra.latency").identified);
  CHECK(fit.messages.size() == 2);
}

TEST_CASE("fit: an all-reduce that bends times the step as it was measured") {
  data::Study study;
  study.set("gradient_bytes", "4194304");
  study.set("workers_per_node", "4");
  std::map<std::pair<int, std::int64_t>, double> truth;
  for (int i = 0; i < 5; ++i) {
    study.samples.push_back(row(data::Operation::serial, 1, 1e-3));
    study.samples.push_back(row(data::Operation::compute, 1, 8e-3));
    for (int const k : {2, 4})  // a step of protocol at 64 KiB that no alpha and beta have
      for (std::int64_t n = 4096; n <= 4194304; n *= 4) {
        double const t = 2.0 * (k - 1) * (1e-5 + static_cast<double>(n) / k / 1e9) + (n > 65536 ? 1e-4 : 0.0);
        study.samples.push_back(row(data::Operation::allreduce, k, t, n));
        truth[{k, n}] = t;
      }
  }
  auto const m = fit_components(study, {}, {.draws = 50}).model;
  REQUIRE(m.parameters.measured_allreduce);
  for (auto const& [at, time_s] : truth)
    CHECK_CLOSE(model::one_allreduce_s(m.parameters, at.first, static_cast<double>(at.second)), time_s, 1e-9);
  CHECK_CLOSE(model::step_time(m.parameters, 4, 4).exposed_comm_s, truth.at({4, 4194304}), 1e-9);
  CHECK(m.draws.front().measured_allreduce == m.parameters.measured_allreduce);
  CHECK(m.draws.front().allreduce_error != m.draws.back().allreduce_error);
  CHECK(m.knowledge.at("network.allreduce_error").source == model::Source::measured);
}

TEST_CASE("fit: a published network stands beside compute that was measured on one card") {
  data::Study machine, network;
  machine.set("gradient_bytes", "4194304");
  machine.set("workers_per_node", "1");
  machine.set("accelerator", "some card");
  for (int i = 0; i < 5; ++i) {
    machine.samples.push_back(row(data::Operation::serial, 1, 1e-3));
    machine.samples.push_back(row(data::Operation::compute, 1, 8e-3));
  }
  network.set("published", "some network");
  network.set("workers_per_node", "8");
  for (std::int64_t n = 1024; n <= 1 << 26; n *= 4)
    network.samples.push_back(row(data::Operation::allreduce, 16, 50e-6 + static_cast<double>(n) / 50e9, n));
  auto const m = fit_model(sort_inputs({machine, network}), {.draws = 50}).model;
  CHECK_CLOSE(model::step_time(m.parameters, 16, 16).exposed_comm_s, 50e-6 + 4194304 / 50e9, 1e-9);
  CHECK(m.parameters.workers_per_node == 8.0);
  CHECK(m.knowledge.at("network.inter.bandwidth_Bps").source == model::Source::assumed);  // two nodes were published
  CHECK(m.knowledge.at("network.allreduce_error").source == model::Source::published);
  CHECK(m.knowledge.at("serial").source == model::Source::measured);
  CHECK(m.draws.front().measured_allreduce == m.parameters.measured_allreduce);
}

TEST_CASE("fit: links between nodes that were not measured are assumed widened and named") {
  auto truth = test::synthetic_machine(11);
  truth.parameters.workers_per_node = 8;
  auto const m = fit_of(truth, 11, 400).model;
  CHECK(m.parameters.inter_latency_s > m.parameters.intra_latency_s);
  CHECK(m.parameters.inter_bandwidth_Bps < m.parameters.intra_bandwidth_Bps);
  CHECK(m.knowledge.at("network.inter.latency").source == model::Source::assumed);
  CHECK_FALSE(m.knowledge.at("network.inter.latency").identified);
  CHECK(m.knowledge.at("network.inter.latency").sd > 0.3 * m.parameters.inter_latency_s);
  CHECK(m.knowledge.at("network.intra.latency").source == model::Source::measured);
}

TEST_CASE("fit: draws are valid parameters as many as asked for the same for one seed") {
  auto const a = fit_of(test::synthetic_machine(12), 12, 50), b = fit_of(test::synthetic_machine(12), 12, 50);
  REQUIRE(a.model.draws.size() == 50);
  for (std::size_t i = 0; i < 50; ++i) {
    CHECK_NOTHROW(model::check(a.model.draws[i]));
    CHECK(a.model.draws[i].serial_s == b.model.draws[i].serial_s);
  }
}

TEST_CASE("fit: what whole steps take beyond components is fitted and marked as fitted") {
  auto truth = test::synthetic_machine(13);
  truth.parameters.extra_multi_s = 5e-3;
  auto const fit = fit_of(truth, 13, 400);
  // Three K > 1 cannot fully tell a constant from a logarithm; on K = 4, between them, all laws agree.
  double const total = model::extra_time_s(fit.model.parameters, 4, 1.0);
  CHECK(std::abs(total - 5e-3) < 0.5e-3);
  CHECK(fit.model.knowledge.at("extra.multi").source == model::Source::fitted);
  for (auto const& point : fit.model.origin.fitted) CHECK_CLOSE(point.fitted_s, point.measured_s, 0.02);
}

TEST_CASE("fit: two K that a ring was fitted to do not say how well it foretells others and five do") {
  // Two parameters pass through two points whatever is true: the drift is that of unknown laws, 3 % a doubling, to the
  // error of an sd of 400 draws, 3.5 %. Five points of that law bear it out, as well as they are known: 2 % of compute
  // (workers' waiting), at most 0.73 of the step, half of its square over 5 - 2 degrees of freedom.
  CHECK_CLOSE(drift_of_steps({1, 2, 4}), 0.03, 4 * 0.035);
  CHECK(drift_of_steps({1, 2, 4, 8, 16, 32}) < 0.02 * 0.73 * std::sqrt(0.5 * 5.0 / 3.0) * (1 + 4 * 0.035));
}

TEST_CASE("fit: stragglers are found as stragglers not as noise") {
  auto truth = test::synthetic_machine(14);
  truth.parameters.straggler_probability = 0.05;
  truth.parameters.straggler_slowdown = 3.0;
  auto const p = fit_of(truth, 14, 50).model.parameters;
  // 40 timings of 8 workers: 320 draws, SE of the share sqrt(.05 .95 / 320) = 1.2 %; one in ten exponentials lies below
  // the limit of 10 %/200 %.
  CHECK(std::abs(p.straggler_probability - 0.05) < 4 * 0.012 + 0.005);
  CHECK(p.straggler_slowdown > 1.8);
  CHECK(p.noise_cv < 0.03);
}

TEST_SUITE_END();

TEST_SUITE_BEGIN("stat");

TEST_CASE("fit: synthetic truth comes back within 4 standard errors") {
  for (std::uint64_t seed = 21; seed < 26; ++seed) {
    auto const truth = test::synthetic_machine(seed);
    auto const m = fit_of(truth, seed, 400).model;
    for (char const* name : recovered) {
      INFO(name, " seed ", seed, " estimate ", value(m.parameters, name), " truth ", value(truth.parameters, name),
           " sd ", m.knowledge.at(name).sd);
      CHECK(std::abs(value(m.parameters, name) - value(truth.parameters, name)) <= 4.0 * m.knowledge.at(name).sd);
    }
  }
}

TEST_CASE("fit: over 400 repeats the 95 % interval covers the truth in 95 +- 4 %") {
  constexpr int repeats = 400;
  std::map<std::string, int> covered;
  for (std::uint64_t seed = 1; seed <= repeats; ++seed) {
    auto const truth = test::synthetic_machine(1000 + seed);
    auto const m = fit_of(truth, seed, 200).model;  // 200 draws know their sd to 5 %
    for (char const* name : recovered)
      covered[name] +=
          std::abs(value(m.parameters, name) - value(truth.parameters, name)) <= 1.96 * m.knowledge.at(name).sd ? 1 : 0;
  }
  // Binomial SE at 400 is 1.1 %; 4 of them either side.
  for (auto const& [name, count] : covered) {
    INFO(name, " covered ", count, " of ", repeats);
    CHECK(std::abs(count / static_cast<double>(repeats) - 0.95) <= 4 * 0.011);
  }
}

TEST_SUITE_END();
