// SPDX-License-Identifier: Apache-2.0
#include "model/allreduce_sweep.hpp"

#include <algorithm>
#include <cmath>
#include <span>

#include "model/contract.hpp"

namespace kurve::model {
namespace {

using Points = std::span<SweepPoint const>;

/// log T at one size, and d log T / d log n there: 0 where latency rules, 1 where bandwidth does.
struct Local {
  double log_time = 0.0, slope = 1.0;
};

/// sd of log T between measured sizes; adjacent doublings of the 29 published logs are interpolated to about 4 %.
constexpr double size_log_sd = 0.05;
/// c of the latency (c + log2 N): 8 B takes 24.7 us on 2 nodes and 34.8 us on 4 (issue 309, qoofyk).
constexpr double latency_offset = 1.4;
/// Growth of log T per node doubling where bandwidth rules, beyond two nodes. Assumed: NCCL's model has none there.
constexpr double bandwidth_growth = 0.04;
/// log T that two nodes hide where bandwidth rules: 0.25 and 0.36 on issue 309's clusters, 0 on DGX A100.
constexpr double two_node_growth = 0.2, two_node_log_sd = 0.15;
/// From inside one node to several: 2.0 to 2.2 times at large sizes, 4 to 7 at small ones (ml-engineering).
constexpr double node_exit_growth = 0.8, node_exit_log_sd = 0.6;
/// sd per square root of doublings, of bandwidth and of latency; assumed, as only single doublings are published.
constexpr double bandwidth_log_sd = 0.07, latency_log_sd = 0.15;
/// Rank counts that are no power of two may fall off a cliff (FACTS A2): 10 % covers all but the worst.
constexpr double odd_nodes_log_sd = 0.1;

Local at_size(Points curve, double bytes) {
  auto const above = std::find_if(curve.begin(), curve.end(), [&](auto const& p) { return p.bytes >= bytes; });
  if (above == curve.end()) return {std::log(curve.back().time_s) + std::log(bytes / curve.back().bytes), 1.0};
  if (above == curve.begin()) return {std::log(above->time_s), above->bytes == bytes && curve.size() == 1 ? 1.0 : 0.0};
  auto const& low = *(above - 1);
  double const slope = std::log(above->time_s / low.time_s) / std::log(above->bytes / low.bytes);
  return {std::log(low.time_s) + slope * std::log(bytes / low.bytes), std::clamp(slope, 0.0, 1.0)};
}

double nodes_at(double ranks, double per_node) { return std::max(1.0, std::ceil(ranks / per_node)); }

bool is_power_of_two(double n) { return std::exp2(std::round(std::log2(n))) == n; }

/// From the curve measured at `from` ranks to `ranks`, beyond all measured counts on either side.
SweepTime grown(Local const& at, double per_node, double from, double ranks) {
  double const n0 = nodes_at(from, per_node), n1 = nodes_at(ranks, per_node);
  double const least = std::min(n0, n1), most = std::max(n0, n1), sign = n1 >= n0 ? 1.0 : -1.0;
  double const doublings = std::log2(most / least), latency = 1.0 - at.slope;
  double growth = latency * std::log((latency_offset + std::log2(most)) / (latency_offset + std::log2(least))) +
                  at.slope * bandwidth_growth * doublings;
  double variance = doublings * (std::pow(bandwidth_log_sd, 2) + latency * std::pow(latency_log_sd, 2));
  if (least <= 1.0 && most > 1.0) growth += node_exit_growth, variance += std::pow(node_exit_log_sd, 2);
  if (least <= 2.0 && most > 2.0) growth += at.slope * two_node_growth, variance += std::pow(two_node_log_sd, 2);
  if (!is_power_of_two(n1)) variance += std::pow(odd_nodes_log_sd, 2);
  double const ring = at.slope * std::log((ranks - 1.0) / ranks * from / (from - 1.0));  // busbw's own factor
  return {std::exp(at.log_time + sign * growth + ring), std::sqrt(variance + size_log_sd * size_log_sd)};
}

}  // namespace

SweepTime sweep_time(AllreduceSweep const& sweep, double ranks, double bytes) {
  KURVE_EXPECT(!sweep.points.empty() && bytes > 0.0);
  if (ranks <= 1.0) return {};
  Points const all(sweep.points);
  auto const curve_at = [&](double k) {
    auto const first = std::find_if(all.begin(), all.end(), [&](auto const& p) { return p.ranks == k; });
    auto const last = std::find_if(first, all.end(), [&](auto const& p) { return p.ranks != k; });
    return Points(first, last);
  };
  double low = 0.0, high = 0.0;
  for (auto const& p : all) {
    if (p.ranks <= ranks) low = p.ranks;
    if (p.ranks >= ranks && high == 0.0) high = p.ranks;
  }
  if (low == 0.0) return grown(at_size(curve_at(high), bytes), sweep.workers_per_node, high, ranks);
  if (high == 0.0) return grown(at_size(curve_at(low), bytes), sweep.workers_per_node, low, ranks);
  double const below = at_size(curve_at(low), bytes).log_time;
  if (low == high) return {std::exp(below), size_log_sd};
  double const above = at_size(curve_at(high), bytes).log_time, share = std::log(ranks / low) / std::log(high / low);
  double const odd = is_power_of_two(nodes_at(ranks, sweep.workers_per_node)) ? 0.0 : odd_nodes_log_sd;
  return {std::exp(below + share * (above - below)), std::hypot(size_log_sd, odd, 0.25 * (above - below))};
}

}  // namespace kurve::model
