// SPDX-License-Identifier: Apache-2.0
#include "data/quantity_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "data/csv.hpp"
#include "data/money_text.hpp"
#include "model/error.hpp"
#include "model/near_miss.hpp"

namespace kurve::data {
namespace {

struct Unit {
  std::string_view name;
  double si;
};

constexpr double kib = 1024.0;
constexpr std::array<Unit, 11> byte_units{{{"", 1},
                                           {"B", 1},
                                           {"KiB", kib},
                                           {"MiB", kib* kib},
                                           {"GiB", kib* kib* kib},
                                           {"TiB", kib* kib* kib* kib},
                                           {"kB", 1e3},
                                           {"KB", 1e3},
                                           {"MB", 1e6},
                                           {"GB", 1e9},
                                           {"TB", 1e12}}};
/// The first ones are named in messages.
constexpr std::size_t named_times = 8, named_rates = 13;
constexpr double year = 12.0 * month_s;
constexpr std::array time_units{
    Unit{"s", 1},           Unit{"ms", 1e-3},        Unit{"us", 1e-6},     Unit{"ns", 1e-9},
    Unit{"min", 60},        Unit{"h", 3600},         Unit{"d", 86400},     Unit{"w", 604800},
    Unit{"\u00b5s", 1e-6},  Unit{"\u03bcs", 1e-6},   Unit{"sec", 1},       Unit{"second", 1},
    Unit{"seconds", 1},     Unit{"mins", 60},        Unit{"minute", 60},   Unit{"minutes", 60},
    Unit{"hr", 3600},       Unit{"hrs", 3600},       Unit{"hour", 3600},   Unit{"hours", 3600},
    Unit{"day", 86400},     Unit{"days", 86400},     Unit{"week", 604800}, Unit{"weeks", 604800},
    Unit{"month", month_s}, Unit{"months", month_s}, Unit{"year", year},   Unit{"years", year}};
constexpr std::array rate_units{
    Unit{"B/s", 1},        Unit{"kB/s", 1e3},   Unit{"MB/s", 1e6},       Unit{"GB/s", 1e9},
    Unit{"TB/s", 1e12},    Unit{"KiB/s", kib},  Unit{"MiB/s", kib* kib}, Unit{"GiB/s", kib* kib* kib},
    Unit{"bit/s", 0.125},  Unit{"kbit/s", 125}, Unit{"Mbit/s", 125e3},   Unit{"Gbit/s", 125e6},
    Unit{"Tbit/s", 125e9}, Unit{"Bps", 1},      Unit{"MBps", 1e6},       Unit{"GBps", 1e9},
    Unit{"TBps", 1e12},    Unit{"bps", 0.125},  Unit{"Mbps", 125e3},     Unit{"Gbps", 125e6},
    Unit{"Tbps", 125e9},   Unit{"Mb/s", 125e3}, Unit{"Gb/s", 125e6},     Unit{"Tb/s", 125e9}};
constexpr std::array watt_units{Unit{"", 1}, Unit{"W", 1}, Unit{"kW", 1e3}, Unit{"MW", 1e6}};
constexpr std::array plain_units{Unit{"", 1},    Unit{"%", 0.01}, Unit{"k", 1e3}, Unit{"M", 1e6},
                                 Unit{"B", 1e9}, Unit{"G", 1e9},  Unit{"T", 1e12}};

[[noreturn]] void reject(std::string_view what, std::string_view text, std::string const& reason) {
  throw InputError(std::string(what) + " '" + std::string(text) + "' (" + reason + ")");
}

/// A number and what stands behind it. @return none where no number is in front
struct Parts {
  double value;
  std::string_view unit;
};
std::optional<Parts> parts_of(std::string_view text) {
  std::string_view const body = trimmed(text);
  double value = 0.0;
  auto const [end, error] = std::from_chars(body.data(), body.data() + body.size(), value);
  if (error != std::errc{}) return std::nullopt;
  return Parts{value, trimmed(body.substr(static_cast<std::size_t>(end - body.data())))};
}

/// Exact where the unit is one in a whole number: 70 % is 0.7.
double in_si(double value, double si) { return si < 1.0 ? value / std::round(1.0 / si) : value * si; }

std::optional<double> size_of(std::string_view unit, std::span<Unit const> units) {
  auto const found = std::find_if(units.begin(), units.end(), [&](Unit const& u) { return u.name == unit; });
  return found == units.end() ? std::nullopt : std::optional(found->si);
}

/// A finite, non-negative number with one of `units` behind it, in SI. @param named  so many of them a message names
double quantity(std::string_view what, std::string_view text, std::span<Unit const> units, std::size_t named) {
  auto const parts = parts_of(text);
  if (!parts) reject(what, text, "expected a number with a unit");
  if (!std::isfinite(parts->value) || parts->value < 0.0) reject(what, text, "must be finite and not negative");
  if (auto const size = size_of(parts->unit, units)) return in_si(parts->value, *size);
  std::string names;
  std::vector<std::string_view> known;
  for (auto const& u : units.first(named)) {
    known.push_back(u.name);
    if (!u.name.empty()) names += (names.empty() ? "" : ", ") + std::string(u.name);
  }
  std::string const unit(parts->unit);
  throw InputError(std::string(what) + " '" + std::string(text) + "' (" +
                   (unit.empty() ? "a unit is missing" : "unknown unit '" + unit + "'") + "; expected " + names + ")" +
                   did_you_mean(unit, known));
}

constexpr std::size_t most_ranks = 1000;
constexpr int largest_rank = 1'000'000'000;

int rank_from_text(std::string_view piece, std::string_view whole) {
  auto const value = plain_from_text(piece);
  if (!value || *value < 1.0 || *value > largest_rank || *value != std::floor(*value))
    reject("K list", whole, "'" + std::string(trimmed(piece)) + "' is not a whole number from 1 to 10^9");
  return static_cast<int>(*value);
}

constexpr std::size_t most_sizes = 1000;

/// Adds one comma-separated piece: a number, first..last or first:last:step.
void append_ranks(std::vector<int>& ranks, std::string_view piece, std::string_view whole) {
  std::int64_t first = 0, last = 0, step = 0;
  if (auto const dots = piece.find(".."); dots != std::string_view::npos) {
    first = rank_from_text(piece.substr(0, dots), whole);
    last = rank_from_text(piece.substr(dots + 2), whole);
  } else if (auto const colon = piece.find(':'); colon != std::string_view::npos) {
    auto const second = piece.find(':', colon + 1);
    first = rank_from_text(piece.substr(0, colon), whole);
    last =
        rank_from_text(piece.substr(colon + 1, second == std::string_view::npos ? second : second - colon - 1), whole);
    step = second == std::string_view::npos ? 1 : rank_from_text(piece.substr(second + 1), whole);
  } else {
    first = last = rank_from_text(piece, whole);
  }
  if (last < first) reject("K list", whole, "'" + std::string(trimmed(piece)) + "' runs downwards");
  for (std::int64_t k = first; k <= last; k = step > 0 ? k + step : 2 * k) {
    if (ranks.size() == most_ranks) reject("K list", whole, "more than 1000 values");
    ranks.push_back(static_cast<int>(k));
  }
}

}  // namespace

std::optional<double> number_from_text(std::string_view text) {
  double value = 0.0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string number_text(double value) {
  std::array<char, 32> buffer{};
  auto const [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return {buffer.data(), end};
}

Bytes bytes_from_text(std::string_view text) {
  double const bytes = quantity("size", text, byte_units, byte_units.size());
  double const whole = std::round(bytes);  // 4.35GB is whole but for the rounding of 4.35
  if (std::abs(bytes - whole) > 1e-15 * bytes) reject("size", text, "must be a whole number of bytes");
  if (bytes >= static_cast<double>(std::numeric_limits<std::int64_t>::max())) reject("size", text, "over 2^63 bytes");
  return {static_cast<std::int64_t>(whole)};
}

std::string bytes_text(Bytes bytes) {
  constexpr std::array<std::string_view, 5> names{"B", "KiB", "MiB", "GiB", "TiB"};
  std::int64_t count = bytes.count;
  std::size_t unit = 0;
  while (count != 0 && count % 1024 == 0 && unit + 1 < names.size()) {
    count /= 1024;
    ++unit;
  }
  return std::to_string(count) + std::string(names[unit]);
}

Seconds seconds_from_text(std::string_view text) {
  return Seconds{quantity("duration", text, time_units, named_times)};
}

std::string duration_text(Seconds duration) {
  constexpr std::array<Unit, 7> steps{
      {{"d", 86400}, {"h", 3600}, {"min", 60}, {"s", 1}, {"ms", 1e-3}, {"us", 1e-6}, {"ns", 1e-9}}};
  double const s = duration.count();
  if (!(s <= never_s)) return "never";
  auto const* unit = std::find_if(steps.begin(), steps.end() - 1, [&](Unit const& u) { return s >= 0.9995 * u.si; });
  double const shown = s / unit->si;
  int const decimals = shown >= 99.95 ? 0 : shown >= 9.995 ? 1 : 2;
  std::array<char, 64> buffer{};
  auto const [end, error] =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), shown, std::chars_format::fixed, decimals);
  return std::string(buffer.data(), end) + " " + std::string(unit->name);
}

BytesPerSecond rate_from_text(std::string_view text) { return {quantity("rate", text, rate_units, named_rates)}; }

double watts_from_text(std::string_view text) { return quantity("power", text, watt_units, watt_units.size()); }

std::optional<double> plain_from_text(std::string_view text) {
  auto const parts = parts_of(text);
  if (!parts || !std::isfinite(parts->value)) return std::nullopt;
  auto const size = size_of(parts->unit, plain_units);
  return size ? std::optional(in_si(parts->value, *size)) : std::nullopt;
}

double value_from_text(std::string_view name, std::string_view unit, std::string_view text) {
  if (auto const number = number_from_text(trimmed(text))) return *number;
  if (unit == "s") return quantity(name, text, time_units, named_times);
  if (unit == "B") return quantity(name, text, byte_units, byte_units.size());
  if (unit == "B/s") return quantity(name, text, rate_units, named_rates);
  if (unit == "s/B" && trimmed(text).ends_with("/B"))
    return quantity(name, trimmed(text).substr(0, trimmed(text).size() - 2), time_units, named_times);
  auto const plain = unit == "1" ? plain_from_text(text) : std::nullopt;
  if (!plain)
    throw InputError(std::string(name) + "='" + std::string(text) + "' (must be a number" +
                     (unit == "1" ? ", such as 1e4, 10k or 70%)" : " in " + std::string(unit) + ")"));
  return *plain;
}

std::vector<double> numbers_from_text(std::string_view name, std::string_view text) {
  std::vector<double> values;
  for (std::size_t start = 0; start <= text.size();) {
    std::size_t const end = std::min(text.find(',', start), text.size());
    auto const value = plain_from_text(text.substr(start, end - start));
    if (!value) reject(name, text, "must be numbers separated by commas, such as 1024,2k");
    values.push_back(*value);
    start = end + 1;
  }
  return values;
}

std::vector<int> ranks_from_text(std::string_view text) {
  std::vector<int> ranks;
  for (std::size_t start = 0; start <= text.size();) {
    std::size_t const end = std::min(text.find(',', start), text.size());
    append_ranks(ranks, text.substr(start, end - start), text);
    start = end + 1;
  }
  std::sort(ranks.begin(), ranks.end());
  ranks.erase(std::unique(ranks.begin(), ranks.end()), ranks.end());
  return ranks;
}

std::vector<Bytes> sizes_from_text(std::string_view text) {
  std::vector<Bytes> sizes;
  for (std::size_t start = 0; start <= text.size();) {
    std::size_t const end = std::min(text.find(',', start), text.size());
    std::string_view const piece = text.substr(start, end - start);
    auto const dots = piece.find("..");
    Bytes const first = bytes_from_text(piece.substr(0, dots));
    Bytes const last = dots == std::string_view::npos ? first : bytes_from_text(piece.substr(dots + 2));
    if (last < first || first.count == 0)
      reject("size list", text, "'" + std::string(trimmed(piece)) + "' does not run upwards from 1 byte or more");
    for (std::int64_t n = first.count; n <= last.count; n *= 2) {
      if (sizes.size() == most_sizes) reject("size list", text, "more than 1000 values");
      sizes.push_back({n});
      if (n > last.count / 2) break;
    }
    start = end + 1;
  }
  std::sort(sizes.begin(), sizes.end());
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  return sizes;
}

}  // namespace kurve::data
