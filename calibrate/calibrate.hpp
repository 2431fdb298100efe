// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "calibrate/backend.hpp"
#include "calibrate/card_rates.hpp"
#include "calibrate/design.hpp"
#include "calibrate/stopping.hpp"
#include "data/study.hpp"

namespace kurve::calibrate {

class Journal;

/// Where a calibration is.
struct Progress {
  std::string what;       ///< the point or run in hand
  double fraction = 0.0;  ///< of the work or of the time, whichever is further; [0, 1]
};

struct CalibrateOptions {
  DesignOptions design;
  StoppingRule stopping;
  int runs =
      3;  ///< fewest runs of whole steps, each from a fresh workload state; at least 2, for a spread between runs
  int max_runs = 10;  ///< at least runs; they go on while the mean of their means is less precise than `stopping` asks
  int steps_per_run = 30;                         ///< warm-up included; at least 3
  double time_limit_s = 120.0;                    ///< for everything; positive. What is finished by then is kept.
  std::function<bool()> stop;                     ///< asked before each timing; true ends it as if time were out
  double sleep_s = 2e-3;                          ///< the known sleep
  std::uint64_t seed = 1;                         ///< of the order of points and of workload states
  std::function<void(Progress const&)> progress;  ///< called before each block; may be empty
  Journal* journal = nullptr;  ///< keeps every finished block and run at once, and may hold those of an earlier process
};
/// @throws InputError on a value outside its range
void check(CalibrateOptions const& options);

/// How a component point came out.
struct PointReport {
  Point point;
  std::string description;
  Termination termination = Termination::out_of_time;
  int timings = 0, repeats = 1, warmup_dropped = 0, stragglers = 0;
  int throttled = 0;     ///< timings discarded because the device was throttled
  bool suspect = false;  ///< over a fifth of them: then none was discarded
  double median_s = 0.0, low_quartile_s = 0.0, high_quartile_s = 0.0;  ///< of all timings
  double mean_s = 0.0, standard_error_s = 0.0;                         ///< of the timings that did not straggle
};

/// How a calibration ended. Whatever was finished by then is in the result.
enum class Ended { complete, out_of_time, stopped, failed };

/// What a calibration measured. Raw samples are in the Studies.
struct Calibration {
  Ended ended = Ended::complete;
  std::exception_ptr failure{};  ///< where it failed midway: DeviceError, or InputError (a full disk)
  bool drives = true;            ///< false in an MPI rank that only followed: nothing else is set then
  data::Study components{};      ///< op serial, compute, allreduce
  data::Study steps{};           ///< whole steps: one row a step, until the last rank ends
  data::Study per_rank{};        ///< of the largest K: each rank's compute_s and comm_s, for `analyze`
  std::vector<PointReport> points{};
  double sleep_bias_s = 0.0;  ///< how much too long a known sleep measured through the same path
  double elapsed_s = 0.0;
  std::vector<model::Rating> rates{};   ///< achieved beside what the device can do; empty where it does not say
  std::vector<std::string> warnings{};  ///< for people: points cut short, points that straggle too much to trust
};

/// Verifies every all-reduce once, then measures in rounds, each a block of every component and a run of whole steps at
/// every K in an order of its own, until each is known well enough or time is out. In a process that does not drive it
/// serves the one that does, and returns when that one is done.
/// @throws InputError (options), DeviceError (wrong sums, a device or rank that failed) where nothing was measured yet
[[nodiscard]] Calibration run_calibration(Backend& backend, CalibrateOptions const& options);

/// What the journal of such a calibration belongs to: machine, device, workload, points, rules and seed; not the time
/// limit, so that more time can be given to one that ran out of it.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> journal_identity(BackendInfo const& info,
                                                                                CalibrateOptions const& options);

/// One line of a dry run.
struct PlannedPoint {
  Point point;
  std::string description;
  double least_s = 0.0;     ///< at the fewest samples the options allow
  double estimate_s = 0.0;  ///< at as many as the spread of a first few asks for
};
/// What run_calibration would measure, and how long that takes; executes a few timings of every point to know.
/// Empty in a process that does not drive.
[[nodiscard]] std::vector<PlannedPoint> plan_calibration(Backend& backend, CalibrateOptions const& options);

}  // namespace kurve::calibrate
