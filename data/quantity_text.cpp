// SPDX-License-Identifier: Apache-2.0
#include "data/quantity_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <span>

#include "data/csv.hpp"
#include "model/error.hpp"

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
constexpr std::array<Unit, 8> time_units{
    {{"s", 1}, {"ms", 1e-3}, {"us", 1e-6}, {"ns", 1e-9}, {"min", 60}, {"h", 3600}, {"d", 86400}, {"w", 604800}}};
constexpr std::array<Unit, 13> rate_units{{{"B/s", 1},
                                           {"kB/s", 1e3},
                                           {"MB/s", 1e6},
                                           {"GB/s", 1e9},
                                           {"TB/s", 1e12},
                                           {"KiB/s", kib},
                                           {"MiB/s", kib* kib},
                                           {"GiB/s", kib* kib* kib},
                                           {"bit/s", 0.125},
                                           {"kbit/s", 125},
                                           {"Mbit/s", 125e3},
                                           {"Gbit/s", 125e6},
                                           {"Tbit/s", 125e9}}};

[[noreturn]] void reject(std::string_view what, std::string_view text, std::string const& reason) {
  throw InputError(std::string(what) + " '" + std::string(text) + "' (" + reason + ")");
}

/// A finite, non-negative number with one of `units` behind it, in SI.
double quantity(std::string_view what, std::string_view text, std::span<Unit const> units) {
  std::string_view const body = trimmed(text);
  double value = 0.0;
  auto const [end, error] = std::from_chars(body.data(), body.data() + body.size(), value);
  std::string_view const unit = trimmed(body.substr(static_cast<std::size_t>(end - body.data())));
  if (error != std::errc{}) reject(what, text, "expected a number with a unit");
  if (!std::isfinite(value) || value < 0.0) reject(what, text, "must be finite and not negative");
  auto const found = std::find_if(units.begin(), units.end(), [&](Unit const& u) { return u.name == unit; });
  if (found != units.end()) return value * found->si;
  std::string names;
  for (auto const& u : units)
    if (!u.name.empty()) names += (names.empty() ? "" : ", ") + std::string(u.name);
  reject(what, text,
         (unit.empty() ? std::string("a unit is missing") : "unknown unit '" + std::string(unit) + "'") +
             "; expected " + names);
}

constexpr std::size_t most_ranks = 1000;
constexpr int largest_rank = 1'000'000'000;

int rank_from_text(std::string_view piece, std::string_view whole) {
  std::string_view const body = trimmed(piece);
  int value = 0;
  auto const [end, error] = std::from_chars(body.data(), body.data() + body.size(), value);
  if (error != std::errc{} || end != body.data() + body.size() || value < 1 || value > largest_rank)
    reject("K list", whole, "'" + std::string(body) + "' is not a whole number from 1 to 10^9");
  return value;
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
  double const bytes = quantity("size", text, byte_units);
  if (bytes != std::floor(bytes)) reject("size", text, "must be a whole number of bytes");
  if (bytes >= static_cast<double>(std::numeric_limits<std::int64_t>::max())) reject("size", text, "over 2^63 bytes");
  return {static_cast<std::int64_t>(bytes)};
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

Seconds seconds_from_text(std::string_view text) { return Seconds{quantity("duration", text, time_units)}; }
std::string duration_text(Seconds duration) {
  constexpr std::array<Unit, 7> steps{
      {{"d", 86400}, {"h", 3600}, {"min", 60}, {"s", 1}, {"ms", 1e-3}, {"us", 1e-6}, {"ns", 1e-9}}};
  double const s = duration.count();
  if (!std::isfinite(s)) return "for ever";
  auto const* unit = std::find_if(steps.begin(), steps.end() - 1, [&](Unit const& u) { return s >= 0.9995 * u.si; });
  double const shown = s / unit->si;
  int const decimals = shown >= 99.95 ? 0 : shown >= 9.995 ? 1 : 2;
  std::array<char, 64> buffer{};
  auto const [end, error] =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), shown, std::chars_format::fixed, decimals);
  return std::string(buffer.data(), end) + " " + std::string(unit->name);
}

BytesPerSecond rate_from_text(std::string_view text) { return {quantity("rate", text, rate_units)}; }

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
