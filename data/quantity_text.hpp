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

/// `30s`, `500ms`, `20us`, `15min`, `12h`, `7d`, `2w`; a number without a unit is refused. @throws InputError
[[nodiscard]] Seconds seconds_from_text(std::string_view text);
/// Three digits in the largest unit of which there is more than one: `6.25 d`, `3.10 h`, `45.0 min`, `12.0 s`, `1.50
/// ms`.
[[nodiscard]] std::string duration_text(Seconds duration);

/// `100Gbit/s`, `12.5GB/s`, `900e9 B/s`; decimal prefixes for bits, both kinds for bytes. @throws InputError
[[nodiscard]] BytesPerSecond rate_from_text(std::string_view text);

/// Size lists: `8B,1MiB..1GiB`, `..` doubling from the size before it; ascending, unique, at most 1000. @throws
/// InputError
[[nodiscard]] std::vector<Bytes> sizes_from_text(std::string_view text);

/// K lists: `1,2,4..1024` (`..` doubles from the number before it) and `1:64:8` (first:last:step, first always
/// included).
/// @return ascending, unique, at most 100 000 values from 1 to 10^9
/// @throws InputError on anything else
[[nodiscard]] std::vector<int> ranks_from_text(std::string_view text);

}  // namespace kurve::data
