// SPDX-License-Identifier: Apache-2.0
#include "cli/output.hpp"

#include <iostream>

#include "data/atomic_file.hpp"
#include "data/printable.hpp"
#include "model/error.hpp"

namespace kurve::cli {

void write_result(CommandLine const& line, std::string const& text) {
  auto const path = line.find<std::string>("out");
  if (path && *path != "-")
    data::write_file(*path, data::printable(text));
  else
    print(text);
}

std::optional<std::string> plot_path(CommandLine const& line) {
  auto path = line.find<std::string>("plot");
  if (path && validate::plot_format_of(*path) == validate::PlotFormat::terminal && line.json() &&
      line.find<std::string>("out").value_or("-") == "-")
    throw InputError("--plot - with --json (both would go to standard output). Add --out FILE?");
  return path;
}

void write_picture(std::string const& bytes, validate::PlotFormat format, std::string const& path) {
  if (format != validate::PlotFormat::terminal) return data::write_file(path, bytes);
  std::string drawn = "\n" + bytes;
  std::erase(drawn, '\f');  // gnuplot begins each page with one
  print(drawn);
}

bool wants(CommandLine const& line, std::string const& ending) {
  if (ending == ".json" && line.json()) return true;
  auto const path = line.find<std::string>("out");
  return path && path->ends_with(ending);
}

void warn(CommandLine const& line, std::vector<std::string> const& notes) {
  if (line.quiet()) return;
  for (auto const& note : notes) std::cerr << "note: " << data::printable(note) << "\n";
}

}  // namespace kurve::cli
