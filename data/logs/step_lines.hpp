// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <regex>
#include <string>
#include <vector>

namespace kurve::data {

/// What the line of a step looks like where a program prints its own format: a regular expression (ECMAScript) whose
/// one group is the step's time.
class StepPattern {
 public:
  StepPattern() = default;  ///< none: known formats only
  /// @throws InputError where it is no regular expression, or has not one group
  explicit StepPattern(std::string const& text);
  [[nodiscard]] bool given() const { return !text_.empty(); }
  [[nodiscard]] std::string const& text() const { return text_; }
  [[nodiscard]] std::regex const& regex() const { return regex_; }

 private:
  std::string text_;
  std::regex regex_;
};

/// Step times that a program printed among other lines.
struct StepLines {
  std::vector<double> times_s;          ///< in order, warm-up included
  std::string how;                      ///< "`step_time_s=...`", "one number a line, in seconds"
  std::vector<std::string> last_lines;  ///< of all that was printed, at most 5, for an error to show
};

/// Reads step times by the pattern where one is given; else from `step_time_s=0.12` (also `_ms`, `_us`, `: `, and
/// JSON's
/// `"step_time_s": 0.12`); else from lines that are one number. No time found is a result: none.
/// @param unit_s  of the pattern's group and of bare numbers [s]
/// @throws DataError on a time that is not positive and finite, or bytes that are no lines of text
[[nodiscard]] StepLines read_step_lines(std::istream& in, std::string const& path, StepPattern const& pattern,
                                        double unit_s);

}  // namespace kurve::data
