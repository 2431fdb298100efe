// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/units.hpp"

namespace kurve::data {

/// `name: key=value,key=value`, the way options describe a workload. Each value is taken once, by its type; what nobody
/// took is a mistake of the writer's.
class KeyedText {
 public:
  /// @throws InputError without a name, on a piece that is no key=value, and on a key that is there twice
  explicit KeyedText(std::string_view text);

  [[nodiscard]] std::string const& name() const { return name_; }
  [[nodiscard]] std::optional<std::string> find(std::string_view key);
  [[nodiscard]] std::string text(std::string_view key, std::string otherwise);
  [[nodiscard]] Seconds seconds(std::string_view key, Seconds otherwise);
  [[nodiscard]] Bytes bytes(std::string_view key, Bytes otherwise);
  /// @throws InputError outside [low, high]
  [[nodiscard]] double number(std::string_view key, double otherwise, double low, double high);
  /// @throws InputError outside [low, high], or with a fraction
  [[nodiscard]] int whole(std::string_view key, int otherwise, int low, int high);
  /// @throws InputError naming the keys that were not asked for, and those that were
  void expect_no_more() const;

 private:
  std::string name_;
  std::map<std::string, std::string, std::less<>> values_;
  std::vector<std::string> asked_;
};

}  // namespace kurve::data
