// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/options.hpp"

namespace kurve::cli {

/// A parameter that takes several values in turn.
struct Range {
  std::string name;
  std::vector<std::string> values;
};

/// `--set` sorted: settings of one value for apply_settings(), `K=LIST`, and at most one parameter that ranges.
struct SortedSettings {
  Arguments single;
  std::optional<std::string> ranks;
  std::optional<Range> range;
};

/// A range is `NAME=1,2,4` or `NAME=1..64` (doubling). @throws InputError on two ranges, or a range that is none
[[nodiscard]] SortedSettings sort_settings(Arguments const& settings);

}  // namespace kurve::cli
