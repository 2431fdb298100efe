// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "cli/options.hpp"
#include "validate/plot.hpp"

namespace kurve::cli {

/// The result: to --out (whole or not at all) if given, else to stdout.
/// @throws InputError where the file cannot be written
void write_result(CommandLine const& line, std::string const& text);

/// Text for people, to stdout. @throws InputError where it cannot be written
void print(std::string const& text);

/// Value of --plot, if given. @throws InputError on a wrong ending, or where two results would go to standard output
[[nodiscard]] std::optional<std::string> plot_path(CommandLine const& line);
/// A picture's bytes to a file; in the terminal where it was drawn for that.
void write_picture(std::string const& bytes, validate::PlotFormat format, std::string const& path);
/// A picture to a file; `-` draws it in the terminal. @param shown  what validate::render_plot draws
template <typename Shown>
void draw(Shown const& shown, std::string const& path) {
  auto const format = validate::plot_format_of(path);
  write_picture(render_plot(shown, format), format, path);
}

/// Whether the result is to be in the format of a file ending (".json", ".csv"): by the name of --out, or by --json.
[[nodiscard]] bool wants(CommandLine const& line, std::string const& ending);

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
