// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "data/study.hpp"
#include "validate/text_table.hpp"

namespace kurve::validate {

/// Means over the steps of one rank [s].
struct RankTimes {
  int ranks = 1, rank = 0, steps = 0;
  std::optional<int> stage;  ///< of the pipeline, where the Study has stages
  double step_s = 0.0, compute_s = 0.0;
  double comm_s = 0.0;         ///< exposed
  double hidden_comm_s = 0.0;  ///< under compute
  bool has_hidden = false;     ///< whether the Study tells
  /// Hidden share of its communication; 0 where it does not communicate.
  [[nodiscard]] double overlap() const;
};

/// One row a (K, stage, rank), ascending. @param study  rows that are not the part of one rank do not count
[[nodiscard]] std::vector<RankTimes> rank_times(data::Study const& study);

[[nodiscard]] TextTable table_of(std::vector<RankTimes> const& ranks);

}  // namespace kurve::validate
