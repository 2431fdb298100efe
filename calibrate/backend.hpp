// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "calibrate/observation.hpp"
#include "model/rating.hpp"
#include "model/units.hpp"

namespace kurve::calibrate {

struct TimedPart;

/// What a backend measures on.
struct BackendInfo {
  std::string name;      ///< "host", "mpi", "cuda", "nccl", "synthetic", "replay"
  std::string device;    ///< what it runs on, for people
  std::string workload;  ///< what one step is
  int max_ranks = 1;     ///< largest K
  int workers_per_node = 1;
  std::int64_t gradient_bytes = 0;              ///< buffer that one step all-reduces
  std::vector<std::string> algorithms;          ///< of the all-reduce; whole steps use the first
  std::vector<std::string> launches{"direct"};  ///< ways in which serial and compute start; whole steps use the first
  std::vector<std::int64_t> message_bytes{};    ///< all-reduce sizes worth measuring; empty: what the design thinks
  int largest_local_batch = 0;                  ///< that a worker can take; 0: no limit is known
  std::string largest_batch_is = "what the device's memory holds; lower the global batch?";  ///< why, and what to try
  std::string accelerator{};         ///< what does the work: a Study's header key; empty: the name
  std::vector<std::string> notes{};  ///< what people should know of measuring here, said once
};

/// One all-reduce: `ranks` buffers of `message` bytes (a multiple of 4: floats) summed by the `algorithm`-th of
/// BackendInfo.
struct Collective {
  int ranks = 2;
  Bytes message;
  int algorithm = 0;
};

/// One rank's share of a whole step.
struct RankStep {
  double step_s = 0.0;     ///< from the common start to this rank's end
  double compute_s = 0.0;  ///< forward and backward
  double comm_s = 0.0;     ///< the all-reduce, waiting for later ranks included
};

/// Runs and times work, blocking, ignorant of statistics. Every timing starts all `ranks` together (barrier) and
/// returns one value a rank, in rank order: the total of `repeats` back-to-back executions in seconds.
///
/// All calls come from one thread of the process that drives. Not copyable; owns its ranks and workload state.
class Backend {
 public:
  Backend() = default;
  Backend(Backend const&) = delete;
  Backend& operator=(Backend const&) = delete;
  virtual ~Backend() = default;

  [[nodiscard]] virtual BackendInfo const& info() const = 0;
  /// Fresh workload state (weights, optimizer), as a new job would have.
  virtual void begin_run(std::uint64_t seed) = 0;
  /// A sleep of known length through the same path as everything else: what comes back too much is our bias.
  [[nodiscard]] virtual double time_sleep(Seconds length) = 0;
  [[nodiscard]] virtual std::vector<double> time_serial(int ranks, int repeats) = 0;
  [[nodiscard]] virtual std::vector<double> time_compute(int ranks, int local_batch, int repeats) = 0;
  [[nodiscard]] virtual std::vector<double> time_allreduce(Collective const& collective, int repeats) = 0;
  /// Sums numbers whose sum is exact in float. @throws DeviceError if any element on any rank is wrong
  virtual void verify_allreduce(Collective const& collective) = 0;
  [[nodiscard]] virtual std::vector<RankStep> time_step(int ranks, int local_batch) = 0;

  /// From now on serial and compute start the `launch`-th way of BackendInfo::launches.
  virtual void use_launch(int launch);
  /// What the device said of the last timing.
  [[nodiscard]] virtual Observation observed() const { return {}; }
  /// Achieved rates of the parts beside what the device can do (card_rates.hpp), measured now; empty where unknown.
  [[nodiscard]] virtual std::vector<model::Rating> rates(std::span<TimedPart const> parts);

  /// The clock that time limits go by [s]; virtual where time is.
  [[nodiscard]] virtual double now_s() const;
  /// False in a process that only lends its rank to another one; it must call follow() and then leave.
  [[nodiscard]] virtual bool drives() const { return true; }
  /// Serves the driving process until that one's backend is destroyed.
  virtual void follow() {}
};

}  // namespace kurve::calibrate
