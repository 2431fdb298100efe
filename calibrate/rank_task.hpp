// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "calibrate/backend.hpp"
#include "calibrate/workload.hpp"

namespace kurve::calibrate {

/// How one rank reaches the others; the only thing in which backends that run real ranks differ.
class Communicator {
 public:
  virtual ~Communicator() = default;
  [[nodiscard]] virtual int rank() const = 0;
  [[nodiscard]] virtual int ranks() const = 0;
  virtual void barrier() = 0;
  /// Sums `values` over all ranks, in place, by the `algorithm`-th algorithm of the backend's info.
  virtual void allreduce(std::span<float> values, int algorithm) = 0;
};

/// Something all ranks do together. Trivially copyable: an MPI backend broadcasts it as bytes.
struct Task {
  enum class Kind : std::int32_t { stop, begin_run, sleep, serial, compute, allreduce, verify, step };
  Kind kind = Kind::stop;
  std::int32_t ranks = 1, local_batch = 0, algorithm = 0, launch = 0, repeats = 1;
  std::int64_t bytes = 0;
  std::uint64_t seed = 0;
  double sleep_s = 0.0;
};

/// One rank's answer: seconds; in `verify`, step_s counts wrong elements instead.
using RankResult = RankStep;

/// One rank's part of a task: allocate, meet at the barrier, then time. The protocol of every backend that runs real
/// ranks.
///
/// The step's optimizer ends inside the timing; data pool, weights and buffers are set up outside it.
[[nodiscard]] RankResult run_task(Task const& task, Workload& workload, Communicator& communicator);

/// A Backend whose calls are tasks run by real ranks.
class RankedBackend : public Backend {
 public:
  void begin_run(std::uint64_t seed) override;
  double time_sleep(Seconds length) override;
  std::vector<double> time_serial(int ranks, int repeats) override;
  std::vector<double> time_compute(int ranks, int local_batch, int repeats) override;
  std::vector<double> time_allreduce(Collective const& collective, int repeats) override;
  void verify_allreduce(Collective const& collective) override;
  std::vector<RankStep> time_step(int ranks, int local_batch) override;
  void use_launch(int launch) override;

 protected:
  /// Runs the task on its first task.ranks ranks (begin_run: on all). @return [ranks], in rank order
  virtual std::vector<RankResult> run(Task const& task) = 0;

 private:
  std::vector<double> totals(Task const& task);

  int launch_ = 0;
};

/// Sends the first span to the right neighbour while receiving the second from the left one.
using Exchange = std::function<void(std::span<float const>, std::span<float>)>;

/// Ring all-reduce in place: K-1 steps of reduce-scatter, K-1 of all-gather, chunks of n/K elements.
/// @param incoming  scratch of at least ceil(n/K) elements
/// Source: Patarasuk & Yuan, J. Parallel Distrib. Comput. 69 (2009) 117-124.
void ring_allreduce(int rank, int ranks, std::span<float> values, std::span<float> incoming, Exchange const& exchange);

}  // namespace kurve::calibrate
