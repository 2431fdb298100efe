// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace kurve::calibrate {

/// How a shell command ended.
struct ShellRun {
  int exit_code = 0;       ///< 128 + signal where a signal ended it
  bool timed_out = false;  ///< killed because it took too long
  bool stopped = false;    ///< killed because the caller wished so
  double elapsed_s = 0.0;
  std::uint64_t bytes_left_out = 0;  ///< of its output, at the least
};

/// What is kept of a program's output: half a million step lines. The rest is counted, and said at the log's end.
inline constexpr std::int64_t largest_output_bytes = std::int64_t{32} << 20;

/// Runs a command by `/bin/sh -c`, in a process group of its own, with the first 32 MiB of
/// its output in a file and no input. Killed, it
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
