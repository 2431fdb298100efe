// SPDX-License-Identifier: Apache-2.0
#include "data/logs/step_lines.hpp"

#include <re2/re2.h>

#include <array>
#include <cmath>
#include <istream>
#include <optional>
#include <string_view>
#include <utility>

#include "data/csv.hpp"
#include "data/quantity_text.hpp"
#include "model/error.hpp"

namespace kurve::data {
namespace {

constexpr std::size_t most_last_lines = 5;
constexpr std::size_t longest_pattern = 1000;  // in bytes; nobody writes a longer one, and it is said in errors
constexpr std::array<std::pair<std::string_view, double>, 3> named{
    {{"step_time_s", 1.0}, {"step_time_ms", 1e-3}, {"step_time_us", 1e-6}}};

/// The number at the beginning of `text`, and nothing that would make it another word.
std::optional<double> leading_number(std::string_view text) {
  auto const end = text.find_first_not_of("+-.0123456789eE");
  return number_from_text(trimmed(text.substr(0, end)));
}

/// `step_time_s=0.12`, `step_time_s: 0.12`, `"step_time_s": 0.12`, anywhere in the line.
std::optional<double> named_time(std::string_view line) {
  for (auto const& [name, unit_s] : named) {
    auto const at = line.find(name);
    if (at == std::string_view::npos) continue;
    auto rest = line.substr(at + name.size());
    auto const value = rest.find_first_not_of("\"' \t=:");
    if (value == 0 || value == std::string_view::npos) continue;  // step_time_seconds, or nothing follows
    if (auto const number = leading_number(rest.substr(value))) return *number * unit_s;
  }
  return std::nullopt;
}

struct Found {
  std::vector<double> times_s;
  void add(double time_s, std::string const& path, long line) {
    if (!(time_s > 0.0) || !std::isfinite(time_s))
      throw DataError(path, line, "step time " + number_text(time_s) + " s (must be positive)");
    times_s.push_back(time_s);
  }
};

}  // namespace

struct StepPattern::Expression {
  Expression(std::string const& text, RE2::Options const& options) : re(text, options) {}
  RE2 re;
};

StepPattern::StepPattern(std::string const& text) : text_(text) {
  auto const fail = [&](std::string const& why) { throw InputError("--pattern '" + text.substr(0, 80) + "' " + why); };
  if (text.size() > longest_pattern)
    fail("has " + std::to_string(text.size()) + " characters (at most " + std::to_string(longest_pattern) + ")");
  RE2::Options options;
  options.set_log_errors(false);
  expression_ = std::make_shared<Expression const>(text, options);
  auto const& re = expression_->re;
  if (!re.ok()) fail("(" + re.error() + ")");
  if (re.NumberOfCapturingGroups() != 1)
    fail("has " + std::to_string(re.NumberOfCapturingGroups()) +
         " groups (must be one, around the time). Write (?: ) for the others?");
}

bool StepPattern::find_in(std::string const& line, std::string& time) const {
  return RE2::PartialMatch(line, expression_->re, &time);
}

StepLines read_step_lines(std::istream& in, std::string const& path, StepPattern const& pattern, double unit_s) {
  StepLines result;
  Found by_pattern, by_name, bare;
  LineReader lines(in, path);
  for (std::string line, found; lines.next(line);) {
    auto const text = trimmed(line);
    if (text.empty()) continue;
    if (result.last_lines.size() == most_last_lines) result.last_lines.erase(result.last_lines.begin());
    result.last_lines.emplace_back(text.substr(0, 200));
    if (pattern.given()) {
      if (!pattern.find_in(line, found)) continue;
      auto const value = number_from_text(found);
      if (!value) throw DataError(path, lines.number(), "--pattern found '" + found.substr(0, 80) + "' (not a number)");
      by_pattern.add(*value * unit_s, path, lines.number());
    } else if (auto const time = named_time(text)) {
      by_name.add(*time, path, lines.number());
    } else if (auto const number = number_from_text(text)) {
      // Only what could be a time: a program that prints step_time_s may print a bare 0 too.
      double const time_s = *number * unit_s;
      if (time_s > 0.0 && std::isfinite(time_s)) bare.times_s.push_back(time_s);
    }
  }
  auto use = [&](Found& found, std::string const& how) {
    result.times_s = std::move(found.times_s);
    result.how = how;
  };
  if (pattern.given())
    use(by_pattern, "--pattern '" + pattern.text() + "', in units of " + number_text(unit_s) + " s");
  else if (!by_name.times_s.empty())
    use(by_name, "lines with `step_time_s=...`");
  else
    use(bare, "one number a line, in units of " + number_text(unit_s) + " s");
  return result;
}

}  // namespace kurve::data
