// SPDX-License-Identifier: Apache-2.0
#include "data/keyed_text.hpp"

#include <algorithm>
#include <cmath>

#include "data/csv.hpp"
#include "data/quantity_text.hpp"
#include "model/error.hpp"
#include "model/near_miss.hpp"

namespace kurve::data {

KeyedText::KeyedText(std::string_view text) {
  auto const colon = text.find(':');
  name_ = trimmed(text.substr(0, colon));
  if (name_.empty() || name_.find('=') != std::string::npos)
    throw InputError("'" + std::string(text) + "' (expected name: key=value,key=value)");
  if (colon == std::string_view::npos) return;
  std::string_view rest = text.substr(colon + 1);
  while (!trimmed(rest).empty()) {
    std::string_view const piece = trimmed(rest.substr(0, rest.find(',')));
    rest = rest.find(',') == std::string_view::npos ? std::string_view{} : rest.substr(rest.find(',') + 1);
    auto const equals = piece.find('=');
    if (equals == std::string_view::npos || equals == 0)
      throw InputError(name_ + ": '" + std::string(piece) + "' (expected key=value)");
    auto const [at, fresh] =
        values_.emplace(trimmed(piece.substr(0, equals)), std::string(trimmed(piece.substr(equals + 1))));
    if (!fresh) throw InputError(name_ + ": '" + at->first + "' is given twice (one value each)");
  }
}

std::optional<std::string> KeyedText::find(std::string_view key) {
  if (std::find(asked_.begin(), asked_.end(), key) == asked_.end()) asked_.emplace_back(key);
  auto const found = values_.find(key);
  if (found == values_.end()) return std::nullopt;
  return found->second;
}

std::string KeyedText::text(std::string_view key, std::string otherwise) {
  return find(key).value_or(std::move(otherwise));
}

Seconds KeyedText::seconds(std::string_view key, Seconds otherwise) {
  auto const value = find(key);
  return value ? seconds_from_text(*value) : otherwise;
}

Bytes KeyedText::bytes(std::string_view key, Bytes otherwise) {
  auto const value = find(key);
  return value ? bytes_from_text(*value) : otherwise;
}

double KeyedText::number(std::string_view key, double otherwise, double low, double high) {
  auto const text = find(key);
  if (!text) return otherwise;
  auto const value = plain_from_text(*text);
  if (!value || !(*value >= low && *value <= high))
    throw InputError(name_ + ": " + std::string(key) + "='" + *text + "' (must be a number from " + number_text(low) +
                     " to " + number_text(high) + ")");
  return *value;
}

int KeyedText::whole(std::string_view key, int otherwise, int low, int high) {
  double const value = number(key, otherwise, low, high);
  if (value != std::floor(value))
    throw InputError(name_ + ": " + std::string(key) + "=" + number_text(value) + " (must be a whole number)");
  return static_cast<int>(value);
}

void KeyedText::expect_no_more() const {
  for (auto const& [key, value] : values_) {
    if (std::find(asked_.begin(), asked_.end(), key) != asked_.end()) continue;
    std::string text = name_ + ": unknown key '" + key + "' (expected";
    for (auto const& known : asked_) text += (&known == &asked_.front() ? " " : ", ") + known;
    std::vector<std::string_view> const names(asked_.begin(), asked_.end());
    throw InputError(text + ")" + did_you_mean(key, names));
  }
}

}  // namespace kurve::data
