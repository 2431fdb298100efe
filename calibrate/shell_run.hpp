// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

namespace kurve::calibrate {

/// How a shell command ended.
struct ShellRun {
  int exit_code = 0;       ///< 128 + signal where a signal ended it
  bool timed_out = false;  ///< killed because it took too long
  bool stopped = false;    ///< killed because the caller wished so
  double elapsed_s = 0.0;
};

/// Runs a command by `/bin/sh -c`, in a process group of its own, with its output in a file and no input. Killed, it
/// goes with its group: SIGTERM, so that launchers take their ranks along, and SIGKILL 5 s later. What it leaves behind
/// in its group when it ends is killed too. Where this process is killed the shell, or the one command it became, gets
/// SIGTERM.
/// @param log_path   stdout and stderr, made anew
/// @param timeout_s  positive
/// @param stop       asked 50 times a second
/// @throws InputError where the log cannot be written; DeviceError where no process can be made
[[nodiscard]] ShellRun run_shell(std::string const& command, std::string const& log_path, double timeout_s,
                                 std::function<bool()> const& stop);

}  // namespace kurve::calibrate
