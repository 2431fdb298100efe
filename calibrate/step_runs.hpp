// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "calibrate/calibrate.hpp"
#include "calibrate/journal.hpp"

namespace kurve::calibrate {

/// Whole steps in runs: each round runs every point that is not known well enough yet, in an order of its own. The run
/// is the unit of replication, so precision is that of the runs' means.
class StepRuns {
 public:
  /// One run from a fresh state; none where time was out before it was whole.
  using Measure = std::function<std::optional<RunRecord>(Point const& point, int run)>;

  /// @param options, journal  outlive this
  StepRuns(std::vector<Point> points, CalibrateOptions const& options, Journal& journal);

  /// Takes each unfinished point's run from the journal, or measures it and adds it there.
  void round(int run, Measure const& measure);

  [[nodiscard]] std::size_t unfinished() const;
  [[nodiscard]] std::vector<Point> const& points() const { return points_; }
  [[nodiscard]] std::vector<StepRow> const& rows() const { return rows_; }
  /// How runs' times were read, each said once.
  [[nodiscard]] std::vector<std::string> const& notes() const { return notes_; }
  /// How many runs each point has. [n_points]
  [[nodiscard]] std::vector<int> runs() const;
  /// Points with fewer runs than asked for, for people. @param described  [n_points] what each is
  [[nodiscard]] std::vector<std::string> shortfalls(std::vector<std::string> const& described) const;

 private:
  [[nodiscard]] bool done(std::size_t i) const;
  void take(std::size_t i, RunRecord const& record);

  std::vector<Point> points_;
  CalibrateOptions const& options_;
  Journal& journal_;
  std::vector<std::vector<double>> means_;  // [n_points][runs so far]
  std::vector<StepRow> rows_;
  std::vector<std::string> notes_;
};

}  // namespace kurve::calibrate
