// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "sim/phase_time.hpp"
#include "sim/quantile_table.hpp"
#include "sim/tail_table.hpp"
#include "sim/workers.hpp"

namespace kurve::sim {

/// The slowest of K workers without drawing each: the law of WorkerLaws, at a cost independent of K (but one draw for
/// each node, where nodes share noise).
///
/// Workers of one kind: the maximum is one draw, F^-1(U^(1/K)), from a table of that law, by the vector. Workers that
/// may be slow: the largest of each kind in turn, given that nothing larger of the kinds before was seen. With P_i the
/// share of kind i, Q the probability of a worker that is not excluded so far, m the workers not yet named, E
/// exponential:
///
///   t = 1 - exp(-E/m),  P(X > x) = t Q / P_i;  above 1 there is none of the kind: Q -= P_i, else Q *= 1 - t, m -= 1
///
/// which needs neither counts nor their binomial law, and is exact. What errs is the tables: 1e-5 of the sd of a
/// factor.
struct MaximumLaws {
  explicit MaximumLaws(WorkerLaws const& laws);

  /// Workers that are slow in the same way.
  struct Kind {
    double share = 1.0, gain = 1.0;
    std::size_t law = 0;  ///< of laws_of_kinds
  };

  WorkerLaws workers;
  std::optional<QuantileTable> maximum;  ///< of all, where there is one kind and nodes share nothing
  QuantileTable exponential, node;
  std::vector<TailTable> laws_of_kinds;
  std::vector<Kind> kinds;
};

/// `time` of the slowest worker of a phase, for trials first, first + 1, ...: each a pure function of (seed, trial,
/// phase), the same bits on any thread and instruction set, whatever the range it is drawn in.
void draw_maxima(MaximumLaws const& laws, PhaseTime const& time, std::uint32_t phase, std::uint32_t first,
                 std::span<double> times_s);

}  // namespace kurve::sim
