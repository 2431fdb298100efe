// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "model/model.hpp"
#include "sim/summary.hpp"

namespace kurve::sim {

/// What one cause costs: T less T without it, everything else as it is.
struct AttributedCause {
  std::string_view
      name;  ///< serial | noise | stragglers | imbalance | latency | bandwidth | hop jitter | other exposed
  double cost_s = 0.0;
};

/// What two causes cost together beyond the sum of each alone; negative where one hides the other.
struct Interaction {
  std::string_view first, second;
  double cost_s = 0.0;
};

/// How much of T(K) - ideal each cause explains. mean_s - ideal_s is the sum of the causes, of all interactions (of two
/// causes, and higher_order_s of more) and of rest_s.
struct Attribution {
  double mean_s = 0.0;                    ///< T as simulate() has it
  double ideal_s = 0.0;                   ///< T at the baseline's per-worker throughput, E T
  std::vector<AttributedCause> causes;    ///< largest first; those that cost nothing are left out
  std::vector<Interaction> interactions;  ///< largest first by size; under 1e-9 of the mean left out
  double higher_order_s = 0.0;
  double rest_s =
      0.0;  ///< without any cause, less ideal: small batches' compute floor, less what the baseline pays too
};

/// In closed form, on average over the draws about the median of T (middle_draws): the mean step with causes removed
/// one at a time, two at a time, and all.
/// @throws InputError if target is out of range
[[nodiscard]] Attribution attribute(model::Model const& model, Target target, SummaryOptions const& options = {});

}  // namespace kurve::sim
