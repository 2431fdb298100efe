// SPDX-License-Identifier: Apache-2.0
#include "calibrate/fit_allreduce.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "data/stats.hpp"
#include "model/error.hpp"

namespace kurve::calibrate {
namespace {

using model::AllreduceAlgorithm;
using model::StepParameters;
using model::SweepPoint;

constexpr double disturbed = 1.1;
/// No ring of A100 (NVLink 3) shows more than 240 GB/s; NVLink SHARP of 8 H100 shows 480 (nccl-tests issue 212).
constexpr double switch_busbw_Bps = 300e9;
/// Bus bandwidth beyond two nodes over that on two, where switches reduce: 0.70 and 0.78 on issue 309's clusters; and
/// of leaving a node at large sizes: 1/2.0 to 1/2.2 (ml-engineering, network benchmarks).
constexpr double beyond_two_nodes = 0.74, out_of_node = 1.0 / 2.1;
constexpr double beyond_two_nodes_log_sd = 0.1, out_of_node_log_sd = 0.5;
double nodes_of(StepParameters const& p, double ranks) { return std::ceil(ranks / p.workers_per_node); }

double busbw_Bps(SweepPoint const& p) { return p.bytes / p.time_s * 2.0 * (p.ranks - 1.0) / p.ranks; }

/// Highest bus bandwidth among the points that pass, none without any; of each rank count also what its largest size
/// takes beyond its smallest, so that a sweep of small sizes alone does not take latency for bytes.
template <typename Pass>
std::optional<double> best_busbw(std::vector<SweepPoint> const& points, Pass&& pass) {
  std::optional<double> best;
  for (std::size_t i = 0, first = 0; i < points.size(); ++i) {
    auto const& p = points[i];
    if (p.ranks != points[first].ranks) first = i;
    if (!pass(p)) continue;
    best = std::max(best.value_or(0.0), busbw_Bps(p));
    bool const largest = i + 1 == points.size() || points[i + 1].ranks != p.ranks;
    auto const& smallest = points[first];
    if (largest && p.bytes >= 64.0 * smallest.bytes && p.time_s > 1.05 * smallest.time_s)
      best = std::max(*best, busbw_Bps({p.ranks, p.bytes - smallest.bytes, p.time_s - smallest.time_s}));
  }
  return best;
}

void set_bandwidths(Network& network, std::vector<SweepPoint> const& points) {
  auto& p = network.parameters;
  auto const with = [&](double low, double high) {
    return best_busbw(points, [&](SweepPoint const& at) {
      double const n = nodes_of(p, at.ranks);
      return n >= low && n <= high;
    });
  };
  auto const one = with(1, 1), two = with(2, 2), many = with(3, 1e18);
  bool const in_switch = p.allreduce == AllreduceAlgorithm::nccl_nvls;
  p.inter_bandwidth_Bps = many ? *many : two ? *two * (in_switch ? beyond_two_nodes : 1.0) : *one * out_of_node;
  if (!many) network.inter_log_sd = two ? beyond_two_nodes_log_sd : out_of_node_log_sd;
  p.intra_bandwidth_Bps = one ? *one : std::max(two.value_or(0.0), p.inter_bandwidth_Bps);
  if (!one) network.intra_log_sd = out_of_node_log_sd;
}

/// Median of what the sizes that latency rules take, over NCCL's own; 1 where there are none.
void set_latency_scale(StepParameters& p, std::vector<SweepPoint> const& points) {
  for (int round = 0; round < 3; ++round) {
    std::vector<double> scales;
    for (auto const& at : points) {
      double const smallest = model::allreduce_law_s(p, at.ranks, 1.0),
                   here = model::allreduce_law_s(p, at.ranks, at.bytes);
      if (here < 1.25 * smallest) scales.push_back(p.nccl_latency_scale * at.time_s / here);
    }
    if (scales.empty()) return;
    p.nccl_latency_scale = std::clamp(data::median(scales), 1e-3, 1e6);
  }
}

Network scaled_to(StepParameters base, AllreduceAlgorithm algorithm, std::vector<SweepPoint> const& points) {
  Network network{.parameters = std::move(base)};
  network.parameters.allreduce = algorithm;
  network.parameters.nccl_latency_scale = 1.0;
  set_bandwidths(network, points);
  set_latency_scale(network.parameters, points);
  return network;
}

}  // namespace

bool is_allreduce_only(data::Study const& study) {
  return !study.samples.empty() && std::all_of(study.samples.begin(), study.samples.end(),
                                               [](auto const& s) { return s.op == data::Operation::allreduce; });
}

std::vector<SweepPoint> allreduce_sweep(data::Study const& study) {
  std::map<std::pair<int, std::int64_t>, std::vector<double>> times_s;
  for (auto const& s : data::last_ranks(study))
    if (s.op == data::Operation::allreduce && s.ranks > 1 && s.bytes && *s.bytes > 0)
      times_s[{s.ranks, *s.bytes}].push_back(s.time_s);
  std::vector<SweepPoint> points;
  for (auto at = times_s.rbegin(); at != times_s.rend(); ++at) {  // from the largest size down
    auto& times = at->second;
    double const limit = disturbed * *std::min_element(times.begin(), times.end());
    bool const calm = std::erase_if(times, [&](double t) { return t > limit; }) == 0;
    double time_s = data::median(times);
    bool const same_count = !points.empty() && points.back().ranks == at->first.first;
    if (!calm && same_count) time_s = std::min(time_s, points.back().time_s);
    points.push_back({static_cast<double>(at->first.first), static_cast<double>(at->first.second), time_s});
  }
  std::reverse(points.begin(), points.end());
  return points;
}

Network fit_nccl_network(StepParameters const& base, std::vector<SweepPoint> points) {
  double best = 0.0;
  for (auto const& p : points) best = std::max(best, busbw_Bps(p));
  auto network =
      scaled_to(base, best > switch_busbw_Bps ? AllreduceAlgorithm::nccl_nvls : AllreduceAlgorithm::nccl, points);
  network.parameters.measured_allreduce = model::make_allreduce_curve(network.parameters, points);
  if (network.parameters.measured_allreduce->rival_probability(points.back().ranks) <= 0.5) return network;
  auto ring = scaled_to(base, AllreduceAlgorithm::nccl_ring, points);
  ring.parameters.measured_allreduce = model::make_allreduce_curve(ring.parameters, std::move(points));
  return ring;
}

FitResult fit_allreduce(data::Study const& study) {
  using model::Source;
  auto points = allreduce_sweep(study);
  if (points.empty())
    throw DataError(study.path, 0, "no all-reduce of 2 or more ranks (a network is fitted from those)");
  FitResult result;
  auto& m = result.model;
  m.workload = study.find("workload").value_or("all-reduce");
  auto const per_node = study.find_number("workers_per_node");
  m.parameters.workers_per_node = per_node.value_or(8.0);
  auto const network = fit_nccl_network(m.parameters, std::move(points));
  m.parameters = network.parameters;
  auto know = [&](char const* name, Source source, double sd, bool identified, char const* note) {
    m.knowledge[name] = {.source = source, .sd = sd, .identified = identified, .note = note};
  };
  know("network.workers_per_node", per_node ? Source::imported : Source::assumed, 0.0, per_node.has_value(),
       per_node ? "the log's" : "not in the log: 8 assumed");
  auto const from = study.find("published")       ? Source::published
                    : study.find("imported_from") ? Source::imported
                                                  : Source::fitted;
  know("network.nccl.latency_scale", from, 0.0, true, "of NCCL's own latencies, at small sizes");
  // The curve's own sd holds what the bandwidths leave open, so theirs is 0.
  know("network.intra.bandwidth_Bps", network.intra_log_sd > 0.0 ? Source::assumed : from, 0.0,
       network.intra_log_sd == 0.0, "highest bus bandwidth on one node");
  know("network.inter.bandwidth_Bps", network.inter_log_sd > 0.0 ? Source::assumed : from, 0.0,
       network.inter_log_sd == 0.0, "highest bus bandwidth on more than two nodes");
  know("network.allreduce_error", from == Source::fitted ? Source::measured : from, 1.0, true,
       "of the measured curve: its sd grows away from the points");
  if (!per_node)
    result.messages.push_back("workers per node: not in the log, 8 assumed. Add a line '# workers_per_node: N'?");
  return result;
}

}  // namespace kurve::calibrate
