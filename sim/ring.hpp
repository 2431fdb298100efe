// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/contract.hpp"
#include "model/factor_law.hpp"

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

/// A ring whose hops have random durations.
struct RingOptions {
  int ranks = 1;              ///< K >= 1
  double hop_s = 0.0;         ///< mean of one hop [s]
  model::FactorLaw jitter{};  ///< of each hop; clipped at 0
  std::uint64_t seed = 1;
};
/// When the last rank holds the result in one trial, all ranks arriving at 0 [s].
[[nodiscard]] double ring_makespan_s(RingOptions const& options, std::uint32_t trial);

/// Mean ring time with jitter over the time without: 1 + c(K) cv, c interpolated in log K through the simulated values
/// for normal hops of cv 0.1 (K = 2 to 1024, PEERS 2.5). Lognormal hops follow it to a few per cent of the excess for
/// cv <= 0.3; for exponential hops (cv 1) it is 0.06 to 0.13 low. @param ranks  K >= 1, one rank has no hops
[[nodiscard]] double ring_jitter_factor(double ranks, double cv);

}  // namespace kurve::sim
