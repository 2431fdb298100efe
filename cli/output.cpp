// SPDX-License-Identifier: Apache-2.0
#include "cli/output.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <iostream>

#include "data/atomic_file.hpp"
#include "model/error.hpp"

namespace kurve::cli {
void print(std::string const& text) {
  if (!(std::cout << text << std::flush)) throw InputError("cannot write to standard output (is the disk full?)");
}

void write_result(CommandLine const& line, std::string const& text) {
  if (auto const path = line.find<std::string>("out"))
    data::write_file(*path, text);
  else
    print(text);
}

std::optional<std::string> plot_path(CommandLine const& line) {
  auto path = line.find<std::string>("plot");
  if (path && validate::plot_format_of(*path) == validate::PlotFormat::terminal && line.json() && !line.has("out"))
    throw InputError("--plot - with --json (both would go to standard output). Add --out FILE?");
  return path;
}

void write_picture(std::string const& bytes, validate::PlotFormat format, std::string const& path) {
  if (format == validate::PlotFormat::terminal)
    print("\n" + bytes);
  else
    data::write_file(path, bytes);
}

bool wants(CommandLine const& line, std::string const& ending) {
  if (ending == ".json" && line.json()) return true;
  auto const path = line.find<std::string>("out");
  return path && path->ends_with(ending);
}

void warn(CommandLine const& line, std::vector<std::string> const& notes) {
  if (line.quiet()) return;
  for (auto const& note : notes) std::cerr << "note: " << note << "\n";
}

int terminal_width() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

ProgressBar::ProgressBar(CommandLine const& line, std::string label)
    : label_(std::move(label)), visible_(!line.quiet() && isatty(STDERR_FILENO) == 1), last_() {}

ProgressBar::~ProgressBar() {
  if (visible_) std::cerr << "\r\033[K" << std::flush;
}

void ProgressBar::show(double fraction, std::string const& detail) {
  if (!visible_) return;
  auto const now = std::chrono::steady_clock::now();
  if (now - last_ < std::chrono::milliseconds(100)) return;  // a slow terminal must not slow the work
  last_ = now;
  constexpr int cells = 24;
  int const full = static_cast<int>(std::lround(cells * std::clamp(fraction, 0.0, 1.0)));
  std::string text = label_ + " [" + std::string(static_cast<std::size_t>(full), '#') +
                     std::string(static_cast<std::size_t>(cells - full), '.') + "] " +
                     std::to_string(static_cast<int>(100.0 * std::clamp(fraction, 0.0, 1.0))) + "% " + detail;
  std::cerr << "\r\033[K" << text.substr(0, static_cast<std::size_t>(terminal_width() - 1)) << std::flush;
}

}  // namespace kurve::cli
