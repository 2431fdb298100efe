// SPDX-License-Identifier: Apache-2.0
#include "calibrate/rank_task.hpp"

#include <chrono>
#include <string>
#include <thread>

#include "calibrate/card_rates.hpp"
#include "calibrate/device_math.hpp"
#include "model/contract.hpp"
#include "model/error.hpp"

namespace kurve::calibrate {
namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

double count_wrong_sums(std::span<float> values, int algorithm, Communicator& communicator) {
  int const ranks = communicator.ranks();
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = verification_value(i, communicator.rank());
  communicator.barrier();
  communicator.allreduce(values, algorithm);
  double wrong = 0.0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] != verification_sum(i, ranks)) wrong += 1.0;
  }
  return wrong;
}

template <typename Body>
RankResult timed(Task const& task, Communicator& communicator, Body const& body) {
  communicator.barrier();
  auto const start = Clock::now();
  for (int i = 0; i < task.repeats; ++i) body();
  return {.step_s = since(start)};
}

Place place_of(Communicator const& communicator) { return {communicator.rank(), communicator.ranks()}; }

RankResult timed_step(Task const& task, Workload& workload, Communicator& communicator) {
  RankResult result;
  communicator.barrier();
  auto const start = Clock::now();
  workload.forward_backward(task.local_batch, place_of(communicator));
  result.compute_s = since(start);
  if (communicator.ranks() > 1) communicator.allreduce(workload.gradient(), task.algorithm);
  result.comm_s = since(start) - result.compute_s;
  workload.update(1.0f / static_cast<float>(communicator.ranks()));
  result.step_s = since(start);
  return result;
}

}  // namespace

RankResult run_task(Task const& task, Workload& workload, Communicator& communicator) {
  switch (task.kind) {
    case Task::Kind::stop:
      return {};
    case Task::Kind::begin_run:
      workload.reset(task.seed);
      return {};
    case Task::Kind::sleep:
      return timed(task, communicator,
                   [&] { std::this_thread::sleep_for(std::chrono::duration<double>(task.sleep_s)); });
    case Task::Kind::serial:
      return timed(task, communicator, [&] { workload.update(1.0f); });
    case Task::Kind::compute:
      return timed(task, communicator, [&] { workload.forward_backward(task.local_batch, place_of(communicator)); });
    case Task::Kind::allreduce: {
      // Zeros stay zero however often they are summed: repeats never overflow, and no denormal slows the addition.
      std::vector<float> values(static_cast<std::size_t>(task.bytes) / sizeof(float));
      communicator.allreduce(values, task.algorithm);
      return timed(task, communicator, [&] { communicator.allreduce(values, task.algorithm); });
    }
    case Task::Kind::verify: {
      std::vector<float> values(static_cast<std::size_t>(task.bytes) / sizeof(float));
      return {.step_s = count_wrong_sums(values, task.algorithm, communicator)};
    }
    case Task::Kind::step:
      return timed_step(task, workload, communicator);
  }
  return {};
}

void RankedBackend::begin_run(std::uint64_t seed) {
  run({.kind = Task::Kind::begin_run, .ranks = info().max_ranks, .seed = seed});
}

double RankedBackend::time_sleep(Seconds length) {
  return totals({.kind = Task::Kind::sleep, .sleep_s = length.count()}).front();
}

std::vector<double> RankedBackend::time_serial(int ranks, int repeats) {
  return totals({.kind = Task::Kind::serial, .ranks = ranks, .launch = launch_, .repeats = repeats});
}

std::vector<double> RankedBackend::time_compute(int ranks, int local_batch, int repeats) {
  return totals(
      {.kind = Task::Kind::compute, .ranks = ranks, .local_batch = local_batch, .launch = launch_, .repeats = repeats});
}

std::vector<double> RankedBackend::time_allreduce(Collective const& c, int repeats) {
  return totals({.kind = Task::Kind::allreduce,
                 .ranks = c.ranks,
                 .algorithm = c.algorithm,
                 .repeats = repeats,
                 .bytes = c.message.count});
}

void RankedBackend::verify_allreduce(Collective const& c) {
  auto const results =
      run({.kind = Task::Kind::verify, .ranks = c.ranks, .algorithm = c.algorithm, .bytes = c.message.count});
  for (std::size_t rank = 0; rank < results.size(); ++rank)
    if (results[rank].step_s > 0.0)
      throw DeviceError("all-reduce '" + info().algorithms.at(c.algorithm) + "' of " + std::to_string(c.message.count) +
                        " bytes on " + std::to_string(c.ranks) +
                        " ranks: " + std::to_string(static_cast<long>(results[rank].step_s)) + " wrong sums on rank " +
                        std::to_string(rank) + " (nothing it times would mean anything)");
}

std::vector<RankStep> RankedBackend::time_step(int ranks, int local_batch) {
  return run({.kind = Task::Kind::step, .ranks = ranks, .local_batch = local_batch});
}

std::vector<double> RankedBackend::totals(Task const& task) {
  KURVE_EXPECT(task.ranks >= 1 && task.ranks <= info().max_ranks && task.repeats >= 1);
  std::vector<double> seconds;
  for (auto const& result : run(task)) seconds.push_back(result.step_s);
  return seconds;
}

void RankedBackend::use_launch(int launch) {
  KURVE_EXPECT(launch >= 0 && launch < static_cast<int>(info().launches.size()));
  launch_ = launch;
}

void Backend::use_launch(int launch) { KURVE_EXPECT(launch == 0 && info().launches.size() == 1); }

std::vector<model::Rating> Backend::rates(std::span<TimedPart const>) { return {}; }

double Backend::now_s() const { return std::chrono::duration<double>(Clock::now().time_since_epoch()).count(); }

void ring_allreduce(int rank, int ranks, std::span<float> values, std::span<float> incoming, Exchange const& exchange) {
  auto chunk = [&](int index) {
    auto const i = static_cast<std::size_t>((index % ranks + ranks) % ranks), k = static_cast<std::size_t>(ranks);
    std::size_t const first = values.size() * i / k, end = values.size() * (i + 1) / k;
    return values.subspan(first, end - first);
  };
  for (int step = 0; step < ranks - 1; ++step) {  // reduce-scatter: partial sums travel right, one more addend a hop
    auto const target = chunk(rank - step - 1);
    exchange(chunk(rank - step), incoming.first(target.size()));
    for (std::size_t i = 0; i < target.size(); ++i) target[i] += incoming[i];
  }
  for (int step = 0; step < ranks - 1; ++step)  // all-gather: finished chunks travel right
    exchange(chunk(rank - step + 1), chunk(rank - step));
}

}  // namespace kurve::calibrate
