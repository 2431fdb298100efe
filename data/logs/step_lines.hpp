// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <memory>
#include <string>
#include <vector>

namespace kurve::data {

/// What the line of a step looks like where a program prints its own format: a regular expression (RE2's syntax: Perl's
/// without back references and look-around) whose one group is the step's time. Matching takes time linear in the line,
/// whatever the expression.
class StepPattern {
 public:
  StepPattern() = default;  ///< none: known formats only
  /// @throws InputError where it is no regular expression, or has not one group
  explicit StepPattern(std::string const& text);
  [[nodiscard]] bool given() const { return expression_ != nullptr; }
  [[nodiscard]] std::string const& text() const { return text_; }
  /// Whether the line has the pattern; its group, possibly empty, goes to `time`.
  [[nodiscard]] bool find_in(std::string const& line, std::string& time) const;

 private:
  struct Expression;
  std::string text_;
  std::shared_ptr<Expression const> expression_;
};

/// Step times that a program printed among other lines.
struct StepLines {
  std::vector<double> times_s;          ///< in order, warm-up included
  std::string how;                      ///< "`step_time_s=...`", "one number a line, in seconds"
  std::vector<std::string> last_lines;  ///< of all that was printed, at most 5, for an error to show
};

/// Reads step times by the pattern where one is given; else from `step_time_s=0.12` (also `_ms`, `_us`, `: `, and
/// JSON's `"step_time_s": 0.12`); else from lines that are one number. No time found is a result: none.
/// @param unit_s  of the pattern's group and of bare numbers [s]
/// @throws DataError on a time that is not positive and finite, or bytes that are no lines of text
[[nodiscard]] StepLines read_step_lines(std::istream& in, std::string const& path, StepPattern const& pattern,
                                        double unit_s);

}  // namespace kurve::data
