// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "cli/options.hpp"
#include "cli/terminal.hpp"
#include "validate/plot.hpp"

namespace kurve::cli {

/// The result, its control characters escaped: to --out (whole or not at all) if given and not `-`, else to stdout.
/// @throws InputError or DeviceError where it cannot be written
void write_result(CommandLine const& line, std::string const& text);

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

}  // namespace kurve::cli
