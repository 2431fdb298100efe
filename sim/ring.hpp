// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/contract.hpp"
#include "model/factor_law.hpp"
#include "sim/quantile_table.hpp"

namespace kurve::sim {

/// The per-hop ring all-reduce: rank k may make hop s when it and its left neighbour have finished hop s-1,
///
///   t[k][s] = max( t[k][s-1], t[k-1][s-1] ) + hop(s, k),   s = 1 .. 2(K-1)
///
/// in memory O(K): last-passage percolation (reference figures in PEERS 2.5, from LogGOPSim and a script).
///
/// @param finish_s  [K >= 1] in: when each rank arrives; out: when it holds the result [s]
/// @param hop       callable (int step, int rank) -> seconds
template <typename Hop>
void run_ring(std::span<double> finish_s, Hop&& hop) {
  KURVE_EXPECT(!finish_s.empty());
  auto const ranks = static_cast<int>(finish_s.size());
  double* const t = finish_s.data();
  for (int step = 0; step < 2 * (ranks - 1); ++step) {
    double const last = t[ranks - 1];  // downwards, so that t[k-1] is still the one of the step before
    for (int k = ranks - 1; k > 0; --k) t[k] = (t[k] > t[k - 1] ? t[k] : t[k - 1]) + hop(step, k);
    t[0] = (t[0] > last ? t[0] : last) + hop(step, 0);
  }
}

/// The same ring with random hops, each hop_s[k] times a factor of its own (a slow link has a larger hop_s).
///
/// Times are kept as single-precision distances from a double-precision origin that moves along every 64 hops, so a
/// finish errs by about 1e-6 of a hop for each hop, of alternating sign. Without jitter everything is in double
/// precision. A pure function of (seed, trial, collective): the same bits on any thread and instruction set.
class JitteredRing {
 public:
  /// @param hop_s  [K >= 1] mean duration of a hop into each rank, >= 0 [s]
  JitteredRing(std::span<double const> hop_s, model::FactorLaw const& jitter, std::uint64_t seed);

  /// Room for one thread's run, kept between runs so that they do not allocate.
  struct Workspace {
    std::vector<float> time_s, second_factor;
  };

  /// @param finish_s    [K] in: when each rank arrives; out: when it holds the result [s]
  /// @param collective  number of this all-reduce within the trial
  void run(std::uint32_t trial, std::uint32_t collective, std::span<double> finish_s, Workspace& workspace) const;

  [[nodiscard]] int ranks() const { return static_cast<int>(hop_s_.size()); }

 private:
  std::vector<double> hop_s_;
  std::vector<float> padded_hop_s_;  ///< [room], 0 beyond K
  QuantileTable jitter_;
  std::uint64_t seed_;
};

/// When the last rank holds the result of one such all-reduce, all ranks arriving at 0 [s].
[[nodiscard]] double ring_makespan_s(JitteredRing const& ring, std::uint32_t trial);

}  // namespace kurve::sim
