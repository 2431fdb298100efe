// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "cli/options.hpp"

namespace kurve::cli {

/// Text for people, to stdout, its control characters escaped. @throws DeviceError where it cannot be written
void print(std::string const& text);

/// Width of the terminal on stdout; 80 where there is none.
[[nodiscard]] int terminal_width();

/// While one lives, a line on stderr every 10 s says that the program is at work, and how far where a ProgressBar
/// knows: for runs in a batch job or a pipe, and for parts without a bar. One at a time.
class Heartbeat {
 public:
  explicit Heartbeat(std::string verb);
  ~Heartbeat();
  Heartbeat(Heartbeat const&) = delete;
  Heartbeat& operator=(Heartbeat const&) = delete;
  /// What the next line says. Safe from any thread, and without a Heartbeat.
  static void note(std::string text);
  /// While a bar is drawn no line is written.
  static void hold(bool is_held);

 private:
  void run();
  std::string verb_, note_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_over_ = false, is_held_ = false;
  std::thread thread_;  // last: it uses all of the others
};

/// A bar on stderr, only on a terminal and without --quiet; erased when done.
class ProgressBar {
 public:
  ProgressBar(CommandLine const& line, std::string label);
  ~ProgressBar();
  ProgressBar(ProgressBar const&) = delete;
  ProgressBar& operator=(ProgressBar const&) = delete;
  /// @param fraction in [0, 1] @param detail what is in hand
  void show(double fraction, std::string const& detail = {});

 private:
  std::string label_;
  bool visible_;
  std::chrono::steady_clock::time_point start_, last_;
};

}  // namespace kurve::cli
