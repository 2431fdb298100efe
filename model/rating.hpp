// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace kurve::model {

/// Something measured beside the best it could be: a rate, or a latency.
struct Rating {
  std::string what;  ///< "compute, local batch 32", "alpha between nodes"
  std::string unit;  ///< "FLOP/s", "B/s"; "s" of a latency
  double achieved = 0.0;
  double ceiling = 0.0;    ///< of a latency, the least to expect; 0 where neither is known
  std::string ceiling_is;  ///< "the best product measured here", "published, NVIDIA H100 data sheet"
  std::string verdict;     ///< plain words, and where to look when it is low
  /// How much of the ceiling is reached; a latency of three times the least reaches a third. 0 where not known.
  [[nodiscard]] double share() const {
    if (!(ceiling > 0.0 && achieved > 0.0)) return 0.0;
    return unit == "s" ? ceiling / achieved : achieved / ceiling;
  }
};

}  // namespace kurve::model
