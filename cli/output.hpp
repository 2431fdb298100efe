// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "cli/options.hpp"

namespace kurve::cli {

/// The result: to --out (whole or not at all) if given, else to stdout.
/// @throws InputError where the file cannot be written
void write_result(CommandLine const& line, std::string const& text);

/// The same, to a named file.
void write_file(std::string const& path, std::string const& text);

/// Notes about how the input was read, to stderr unless --quiet.
void warn(CommandLine const& line, std::vector<std::string> const& notes);

/// Width of the terminal on stdout; 80 where there is none.
[[nodiscard]] int terminal_width();

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
  std::chrono::steady_clock::time_point last_;
};

}  // namespace kurve::cli
