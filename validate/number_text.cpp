// SPDX-License-Identifier: Apache-2.0
#include "validate/number_text.hpp"

#include <array>
#include <cmath>
#include <iomanip>
#include <locale>
#include <sstream>

namespace kurve::validate {
namespace {

constexpr double widest_fixed = 1e7;  // as wide as its exponent form: a table keeps its columns

std::ostringstream plain_stream() {
  std::ostringstream out;
  out.imbue(std::locale::classic());
  return out;
}

}  // namespace

std::string fixed_text(double value, int digits) {
  auto out = plain_stream();
  if (std::abs(value) < widest_fixed)
    out << std::fixed << std::setprecision(digits) << value;
  else
    out << std::scientific << std::setprecision(2) << value;
  return out.str();
}

std::string number_text(double value, int digits) {
  bool const whole = value == std::round(value) || std::abs(value) >= std::pow(10.0, digits) - 0.5;
  auto out = plain_stream();
  if (whole && std::abs(value) < 1e15) {
    out << std::fixed << std::setprecision(0) << value;
    return out.str();
  }
  out << std::setprecision(digits) << value;
  return out.str();
}

std::string percent_text(double share, int digits) { return fixed_text(100.0 * share, digits) + " %"; }

std::string signed_percent_text(double share, int digits) {
  auto const size = percent_text(std::abs(share), digits);
  bool const is_zero = size.find_first_of("123456789") == std::string::npos;
  return (is_zero ? "" : share < 0.0 ? "-" : "+") + size;
}

TimeUnit time_unit_for(double smallest_s, double largest_s) {
  // 0.05 of a unit with four decimals still shows three digits.
  static std::array<TimeUnit, 4> const units{{{"s", 1.0}, {"ms", 1e3}, {"us", 1e6}, {"ns", 1e9}}};
  std::size_t i = 0;
  while (i + 1 < units.size() && smallest_s * units[i].per_second < 0.05) ++i;
  TimeUnit unit = units[i];
  double const largest = largest_s * unit.per_second;
  unit.decimals = largest < 100.0 ? 4 : largest < 1e3 ? 3 : largest < 1e4 ? 2 : 1;
  return unit;
}

std::string list_of_ranks(std::vector<double> const& ranks) {
  std::string text = "K = ";
  static constexpr std::size_t most = 6;
  for (std::size_t i = 0; i < std::min(most, ranks.size()); ++i) {
    if (i > 0) text += i + 1 == ranks.size() ? " and " : ", ";
    text += number_text(ranks[i], 9);
  }
  if (ranks.size() > most) text += " and " + std::to_string(ranks.size() - most) + " more";
  return text;
}

std::string bytes_text(double bytes) {
  constexpr double KiB = 1024.0;
  if (bytes >= KiB * KiB * KiB) return number_text(bytes / (KiB * KiB * KiB), 4) + " GiB";
  if (bytes >= KiB * KiB) return number_text(bytes / (KiB * KiB), 4) + " MiB";
  if (bytes >= KiB) return number_text(bytes / KiB, 4) + " KiB";
  return number_text(bytes, 4) + " B";
}

}  // namespace kurve::validate
