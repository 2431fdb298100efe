// SPDX-License-Identifier: Apache-2.0
#include "model/scaling.hpp"

#include <cmath>
#include <limits>

#include "model/contract.hpp"

namespace kurve::model {

double speedup(double baseline_s, double time_s) {
  KURVE_EXPECT(baseline_s > 0.0 && time_s > 0.0);
  return baseline_s / time_s;
}

double efficiency(Throughput const& baseline, Throughput const& point) {
  KURVE_EXPECT(baseline.time_s > 0.0 && point.time_s > 0.0);
  double const per_worker = point.batch / (point.ranks * point.time_s);
  double const base_per_worker = baseline.batch / (baseline.ranks * baseline.time_s);
  return per_worker / base_per_worker;
}

double amdahl_speedup(double serial_fraction, double ranks) {
  return 1.0 / (serial_fraction + (1.0 - serial_fraction) / ranks);
}

double gustafson_speedup(double serial_fraction, double ranks) {
  return serial_fraction + (1.0 - serial_fraction) * ranks;
}

double karp_flatt(double speedup, double ranks) {
  KURVE_EXPECT(ranks > 1.0 && speedup > 0.0);
  return (1.0 / speedup - 1.0 / ranks) / (1.0 - 1.0 / ranks);
}

double usl_capacity(double sigma, double kappa, double ranks) {
  return ranks / (1.0 + sigma * (ranks - 1.0) + kappa * ranks * (ranks - 1.0));
}

double usl_peak(double sigma, double kappa) {
  if (kappa <= 0.0) return std::numeric_limits<double>::infinity();
  return std::sqrt((1.0 - sigma) / kappa);
}

std::optional<Bend> find_bend(std::span<double const> ranks, std::span<double const> efficiency, double threshold) {
  KURVE_EXPECT(ranks.size() == efficiency.size());
  std::size_t first_below = ranks.size();
  while (first_below > 0 && efficiency[first_below - 1] < threshold) --first_below;
  if (first_below == ranks.size()) return std::nullopt;

  Bend bend{.ranks = ranks[first_below], .last_ok_ranks = {}, .crossing_ranks = {}};
  if (first_below == 0) return bend;
  std::size_t const ok = first_below - 1;
  bend.last_ok_ranks = ranks[ok];
  double const share = (efficiency[ok] - threshold) / (efficiency[ok] - efficiency[first_below]);
  double const log_low = std::log(ranks[ok]);
  bend.crossing_ranks = std::exp(log_low + share * (std::log(ranks[first_below]) - log_low));
  return bend;
}

}  // namespace kurve::model
