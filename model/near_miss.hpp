// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace kurve {

/// The name nearest to `text` among `candidates`: by edit distance within 2 edits (3 of a name of 12 letters and more),
/// else the only one that has `text` among its parts between dots, dashes and underscores; "" where there is none, or
/// `text` is one of them. A typing error is one or two letters: more would suggest names that were never meant.
[[nodiscard]] std::string_view near_miss(std::string_view text, std::span<std::string_view const> candidates);

/// `. Did you mean 'x'?`, the end of a message; "" where nothing is near.
[[nodiscard]] std::string did_you_mean(std::string_view text, std::span<std::string_view const> candidates);

}  // namespace kurve
