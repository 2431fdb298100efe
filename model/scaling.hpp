// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>

namespace kurve::model {

/// T(1)/T(K) for the same problem: strong scaling only. Both times in the same unit, positive.
[[nodiscard]] double speedup(double baseline_s, double time_s);

/// What a baseline or a point of a scaling curve is made of.
struct Throughput {
  double ranks = 1.0;   ///< K
  double batch = 1.0;   ///< samples per step, any constant where the study has no batch column
  double time_s = 0.0;  ///< step time, positive
};

/// The one definition of efficiency, for every regime: per-worker throughput relative to the baseline's.
///
///   E(K) = [B(K) / (K T(K))] / [B(K0) / (K0 T(K0))]
///
/// B constant gives S(K)/K, B proportional to K gives T(1)/T(K).
[[nodiscard]] double efficiency(Throughput const& baseline, Throughput const& point);

/// S = 1 / (f + (1-f)/K), f the serial fraction in [0, 1]. Source: Amdahl 1967.
[[nodiscard]] double amdahl_speedup(double serial_fraction, double ranks);

/// S = f + (1-f) K, f the serial fraction of the parallel run. Source: Gustafson, CACM 31(5), 1988.
[[nodiscard]] double gustafson_speedup(double serial_fraction, double ranks);

/// (1/S - 1/K) / (1 - 1/K): constant over K is a serial fraction, growing is overhead; K > 1.
/// Source: Karp & Flatt, CACM 33(5), 1990.
[[nodiscard]] double karp_flatt(double speedup, double ranks);

/// X(K)/X(1) = K / (1 + sigma (K-1) + kappa K (K-1)). Source: Gunther, Universal Scalability Law.
[[nodiscard]] double usl_capacity(double sigma, double kappa, double ranks);

/// The K of greatest USL capacity, sqrt((1-sigma)/kappa); infinite for kappa = 0.
[[nodiscard]] double usl_peak(double sigma, double kappa);

/// Where a curve falls under the efficiency threshold.
struct Bend {
  double ranks = 0.0;                    ///< first K with E(K) < threshold, after which it stays under
  std::optional<double> last_ok_ranks;   ///< largest K before it that pays; none if the first point already fails
  std::optional<double> crossing_ranks;  ///< E = threshold, interpolated linearly in log K
};

/// First K of the curve with E(K) below the threshold. A dip that recovers at a larger K is not a bend (a point that
/// is not the same job must not end the curve); the last fall below the threshold is.
///
/// @param ranks       [n], strictly increasing
/// @param efficiency  [n], same order
/// @return            none where the last point still pays
[[nodiscard]] std::optional<Bend> find_bend(std::span<double const> ranks, std::span<double const> efficiency,
                                            double threshold);

}  // namespace kurve::model
