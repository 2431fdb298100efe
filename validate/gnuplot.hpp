// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace kurve::validate {

/// Standard output of gnuplot running `script`.
/// @throws NotBuilt where there is no gnuplot, naming the package; InputError with its words where it fails
[[nodiscard]] std::string run_gnuplot(std::string const& script);

/// Text as a gnuplot constant: nothing in it is expanded, and it stays on one line.
[[nodiscard]] std::string gnuplot_quoted(std::string const& text);

/// Powers of two (a power of four, eight, ... where the range is long) as `set xtics` wants them: ("1" 1, "4" 4).
[[nodiscard]] std::string power_of_two_tics(double low, double high);

}  // namespace kurve::validate
