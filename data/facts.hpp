// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/study.hpp"

namespace kurve::data {

/// One fact that a user gives because no file states it: `ranks=16`, or `osu.txt:ranks=16` for one of several files.
struct Assumption {
  std::string file;  ///< as the input is given; "" for all
  std::string key, value;
};

/// `[FILE:]KEY=VALUE`. @throws InputError on another form or a key that no reader asks for, naming the near miss
[[nodiscard]] Assumption assumption_from_text(std::string const& text);

/// The facts that hold for one input. A reader looks one up only where the file itself is silent, and what it looked up
/// is remembered: it goes to the Study's header, and a fact that no input used is an error.
class Facts {
 public:
  Facts() = default;
  Facts(std::string const& path, std::span<Assumption const> given);

  [[nodiscard]] std::optional<std::string> text(std::string const& key);
  /// @throws InputError unless a whole number from `least` to 10^9
  [[nodiscard]] std::optional<int> whole(std::string const& key, int least = 1);
  /// @throws InputError unless a positive finite number
  [[nodiscard]] std::optional<double> positive(std::string const& key);

  /// Fills what the Study lacks of header keys, and of the batch of whole steps.
  /// @throws DataError where the file states another value of a header key
  void complete(Study& study);

  /// Facts looked up, as `key=value` by key.
  [[nodiscard]] std::map<std::string, std::string> const& used() const { return used_; }

 private:
  std::map<std::string, std::string> given_, used_;
};

/// Refuses a file for want of a fact, naming the option that supplies it.
/// @param problem  "the file does not say how many ranks ran"
/// @param example  "ranks=16"
[[noreturn]] void ask_for(std::string const& path, std::string const& problem, std::string const& example);

}  // namespace kurve::data
