// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "calibrate/backend.hpp"
#include "calibrate/design.hpp"
#include "calibrate/stopping.hpp"

namespace kurve::calibrate {

/// One timing: each rank's time of one execution.
struct Timing {
  int round = 0;
  std::vector<double> rank_s{};
  Observation observation{};
};

/// All that was measured at a point.
struct Series {
  Point point{};
  int repeats = 0;  ///< executions a timing, 0 before the first: work under 10 us is timed in batches
  std::vector<Timing> timings{};
  std::vector<Timing> throttled{};  ///< discarded because of it (observation.hpp)
  int warmup_dropped = 0;
  bool suspect = false;  ///< over a fifth was throttled: then all timings count, because the card is like that
  bool done = false;
  Termination termination = Termination::out_of_time;

  /// What the point is about, in the order measured: the last rank's time of a collective, each rank's of other work.
  [[nodiscard]] std::vector<double> values() const;
};

/// What one visit to a component timed, throttled timings too: the unit in which components are measured, kept in a
/// journal and gone on from.
struct BlockRecord {
  Point point{};
  int round = 0;
  int repeats = 0, warmup_dropped = 0;
  std::vector<Timing> timings{};
};

/// Takes the timings of component points, a block of each per round.
class Sampler {
 public:
  /// @param out_of_time  asked before each timing
  Sampler(Backend& backend, StoppingRule const& rule, std::function<bool()> out_of_time)
      : backend_(backend), rule_(rule), out_of_time_(std::move(out_of_time)) {}

  /// One block: warms up (dropped), then times until the block is full, the point has all it may have, or time is out.
  /// The block is not in the series until it is taken.
  [[nodiscard]] BlockRecord visit(Series const& series, int round);
  /// Adds a block to its series, and says there whether the point is known well enough or has all the timings it may.
  void take(Series& series, BlockRecord const& record) const;

 private:
  std::vector<double> time_once(Point const& point, int repeats);
  static void keep(Series& series, Timing timing);
  void update_done(Series& series) const;

  Backend& backend_;
  StoppingRule rule_;
  std::function<bool()> out_of_time_;
};

/// How much too long a sleep of `length` measures, median of several: timer, wake-up, call path.
[[nodiscard]] double sleep_bias_s(Backend& backend, Seconds length);

}  // namespace kurve::calibrate
