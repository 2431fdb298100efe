// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
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

/// Takes the timings of component points, a block of each per round.
class Sampler {
 public:
  /// @param deadline_s  on the backend's clock
  Sampler(Backend& backend, StoppingRule const& rule, double deadline_s)
      : backend_(backend), rule_(rule), deadline_s_(deadline_s) {}

  /// One block: warm up (dropped), then time until the block is full, the point known well enough, or time out.
  void visit(Series& series, int round);

  [[nodiscard]] bool out_of_time() const { return backend_.now_s() >= deadline_s_; }

 private:
  std::vector<double> time_once(Point const& point, int repeats);
  static void keep(Series& series, Timing timing);
  void update_done(Series& series) const;

  Backend& backend_;
  StoppingRule rule_;
  double deadline_s_;
};

/// How much too long a sleep of `length` measures, median of several: timer, wake-up, call path.
[[nodiscard]] double sleep_bias_s(Backend& backend, Seconds length);

}  // namespace kurve::calibrate
