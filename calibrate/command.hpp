// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "calibrate/calibrate.hpp"
#include "calibrate/record.hpp"
#include "data/logs/step_lines.hpp"

namespace kurve::calibrate {

/// A program of the user's, which trains some steps and prints what each took.
struct CommandOptions {
  std::string command;  ///< for `/bin/sh -c`; `{batch}` becomes the local batch, `{ranks}` K, nothing else is replaced
  std::vector<int> local_batches;  ///< to run on one rank, each at least 1; not empty
  std::vector<int> ranks{1};       ///< K of whole steps, each at least 1
  model::Regime regime = model::Regime::strong;
  std::optional<int> global_batch;  ///< at the smallest K; none: the largest local batch there
  data::StepPattern pattern;        ///< of the line that has a step's time; none: the known ones
  double unit_s = 1.0;              ///< of the pattern's group, and of bare numbers [s]
  double timeout_s = 600.0;         ///< for one run; positive
  std::string log_folder;           ///< every run's output is kept here; made if absent
};

/// What will be run.
struct CommandRun {
  Point point;
  std::string command;
};
/// Every batch on one rank, and every K at its share of the global batch (strong) or at the batch of the smallest
/// (weak).
/// @throws InputError on values out of range, several batches without `{batch}` or several K without `{ranks}`
[[nodiscard]] std::vector<CommandRun> command_runs(CommandOptions const& command);

/// One line of a dry run.
struct PlannedCommand {
  CommandRun run;
  std::optional<double> run_s;  ///< what one run takes, start and end included; none before one has ended
  int runs = 0;                 ///< at least as many, and as many as the means of those there ask for
};
/// What calibrate_command would run, and how long by the runs there already.
/// @param earlier  of the same command, such as runs_in_journal
[[nodiscard]] std::vector<PlannedCommand> plan_command(CommandOptions const& command, CalibrateOptions const& options,
                                                       std::span<RunRecord const> earlier);

/// As journal_identity of a calibration on a device.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> journal_identity(CommandOptions const& command,
                                                                                CalibrateOptions const& options);

/// Runs the program: every point once a round, in an order of the round's own, until its runs' means are precise enough
/// or it has had `max_runs`. The time of every step comes from what it prints; the first is warm-up, and as many more
/// as the series says. The component Study has the whole steps of one rank as op compute, with the header key `serial:
/// inside compute`, because nothing tells them apart; the step Study has the whole steps at every K.
/// @param options  runs, max_runs, stopping, time limit (a run in hand is killed and dropped), stop, progress, journal
/// @throws InputError; DeviceError (the program ends with an error, or not at all: with its last lines) and DataError
/// (no
///         step times in its output) where nothing was measured yet, else they are the Calibration's failure
[[nodiscard]] Calibration calibrate_command(CommandOptions const& command, CalibrateOptions const& options);

}  // namespace kurve::calibrate
