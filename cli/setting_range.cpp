// SPDX-License-Identifier: Apache-2.0
#include "cli/setting_range.hpp"

#include <sstream>

#include "data/quantity_text.hpp"
#include "model/error.hpp"
#include "model/step.hpp"

namespace kurve::cli {
namespace {

constexpr std::size_t most_values = 1000;  // a Curve each

/// A value of `name` in SI. @throws InputError
double number_of(std::string const& name, std::string const& text) {
  auto const* info = model::find_parameter(name);
  return data::value_from_text(name, info == nullptr ? "1" : info->unit, text);
}

std::vector<std::string> values_of(std::string const& setting, std::string const& name, std::string const& list) {
  std::vector<std::string> values;
  std::istringstream in(list);
  for (std::string piece; std::getline(in, piece, ',');) {
    if (values.size() > most_values)
      throw InputError("--set '" + setting.substr(0, 64) + "...' (must have at most 1000 values)");
    auto const dots = piece.find("..");
    if (dots == std::string::npos) {
      values.push_back(piece);
      continue;
    }
    double const first = number_of(name, piece.substr(0, dots)), last = number_of(name, piece.substr(dots + 2));
    if (!(first > 0.0) || !(last >= first && last <= 1e12 * first))
      throw InputError("--set '" + setting + "' (a..b doubles from a > 0 up to b >= a, b at most 1e12 a)");
    for (double x = first; x <= last * (1.0 + 1e-12); x *= 2.0) values.push_back(data::number_text(x));
  }
  return values;
}

}  // namespace

SortedSettings sort_settings(Arguments const& settings) {
  SortedSettings sorted;
  for (auto const& setting : settings) {
    auto const equals = setting.find('=');
    std::string const name = setting.substr(0, equals),
                      value = equals == std::string::npos ? "" : setting.substr(equals + 1);
    if (name == "K") {
      sorted.ranks = value;
    } else if (value.find(',') == std::string::npos && value.find("..") == std::string::npos) {
      sorted.single.push_back(setting);
    } else if (sorted.range) {
      throw InputError("--set '" + setting + "' (one parameter can range, and " + sorted.range->name + " does)");
    } else {
      sorted.range = Range{name, values_of(setting, name, value)};
    }
  }
  return sorted;
}

}  // namespace kurve::cli
