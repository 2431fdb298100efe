// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/units.hpp"

namespace kurve::data {

/// The whole text as a number, whatever the locale; none for anything else. `nan` and `inf` are numbers here: callers
/// that want finite values check.
[[nodiscard]] std::optional<double> number_from_text(std::string_view text);
/// Shortest decimal text that reads back as the same double.
[[nodiscard]] std::string number_text(double value);

/// `512`, `64KiB`, `1.5 MiB`, `4GB`: KiB, MiB, GiB, TiB are powers of 1024, kB, MB, GB, TB of 1000, no unit is bytes.
/// @throws InputError naming the units; if negative, not finite or not whole
[[nodiscard]] Bytes bytes_from_text(std::string_view text);
/// Exact, in the largest binary unit that divides it: `64MiB`, `100B`.
[[nodiscard]] std::string bytes_text(Bytes bytes);

/// `30s`, `500ms`, `20us`, `15min`, `12h`, `7d`, `3weeks`, also in words; a month is 730 h, a year 12 of them. A number
/// without a unit is refused. @throws InputError
[[nodiscard]] Seconds seconds_from_text(std::string_view text);

/// A time beyond it is no time that anybody waits for.
inline constexpr double never_s = 1000.0 * 8760.0 * 3600.0;
/// Three digits in the largest unit of which there is more than one: `6.25 d`, `3.10 h`, `45.0 min`, `12.0 s`, `1.50
/// ms`; `never` beyond a thousand years.
[[nodiscard]] std::string duration_text(Seconds duration);

/// `100Gbit/s`, `12.5GB/s`, `900e9 B/s`; decimal prefixes for bits, both kinds for bytes; Gbps and Gb/s are Gbit/s.
/// @throws InputError
[[nodiscard]] BytesPerSecond rate_from_text(std::string_view text);

/// `500 W`, `0.7kW`, `700`: watts. @throws InputError
[[nodiscard]] double watts_from_text(std::string_view text);

/// A number without a dimension, as every option reads it: `1e4`, `-2`, `10k`, `175B`, `70%`. k, M, B or G, T are
/// powers of 1000. @return none for anything else; finite
[[nodiscard]] std::optional<double> plain_from_text(std::string_view text);

/// A parameter's value, in `unit`, one of the units of a Model ("s", "B", "B/s", "s/B", "1"): with any unit of its kind
/// (`5us`, `2.8GB`, `100Gbit/s`, `10ps/B`, `70%`), or bare in `unit` itself. @throws InputError naming what is expected
[[nodiscard]] double value_from_text(std::string_view name, std::string_view unit, std::string_view text);

/// Size lists: `8B,1MiB..1GiB`, `..` doubling from the size before it; ascending, unique, at most 1000. @throws
/// InputError
[[nodiscard]] std::vector<Bytes> sizes_from_text(std::string_view text);

/// Lists of plain numbers: `1,2.5,4k`. @throws InputError with `name`
[[nodiscard]] std::vector<double> numbers_from_text(std::string_view name, std::string_view text);

/// K lists: `1,2,4..1024` (`..` doubles from the number before it) and `1:64:8` (first:last:step, first always
/// included).
/// @return ascending, unique, at most 100 000 values from 1 to 10^9
/// @throws InputError on anything else
[[nodiscard]] std::vector<int> ranks_from_text(std::string_view text);

}  // namespace kurve::data
