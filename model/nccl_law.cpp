// SPDX-License-Identifier: Apache-2.0
#include "model/nccl_law.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "model/contract.hpp"

namespace kurve::model {
namespace {

constexpr double us = 1e-6, GBps = 1e9;

/// One protocol of ring or tree: what a message pays at the start, for each hop inside a node, for each between nodes.
struct Protocol {
  std::string_view ring, tree;
  double ring_base_us, ring_hop_us, ring_net_us;
  double tree_base_us, tree_hop_us, tree_net_us;
};
constexpr std::array protocols{Protocol{"ring LL", "tree LL", 6.6, 0.6, 2.7, 6.8, 0.6, 5.0},
                               Protocol{"ring LL128", "tree LL128", 14.0, 1.9, 4.0, 14.0, 1.25, 8.5},
                               Protocol{"ring Simple", "tree Simple", 8.4, 3.4, 14.0, 8.4, 4.0, 14.0}};
enum { LL, LL128, Simple };

/// NCCL's minimum for a hop in a node while a network is in use, by protocol (Intel hosts).
constexpr std::array<double, 3> network_overhead_us{1.0, 1.0, 3.0};
constexpr double nvls_us = 25.0, nvls_tree_net_us = 20.9;
/// Rings of Simple pay more from 64 bytes a channel and rank on ("plateau"), Ampere and later; 16 channels are typical.
constexpr double plateau = 1.4, plateau_bytes = 64.0, channels = 16.0;
/// Most that LL moves, by number of nodes: 1, 2, more. Hopper's row; beside a measured bandwidth it seldom binds.
constexpr std::array<double, 3> ll_most_GBps{141.0, 45.0, 35.0};

/// treeCorrectionFactor by log2(bytes / 64): 64 B to 256 MiB.
constexpr std::array<std::array<double, 23>, 3> corrections{
    {{1, 1, 1, 1, .9, .8, .7, .7, .7, .7, .6, .5, .4, .4, .5, .6, .7, .8, .9, 1, 1, 1, 1},
     {1, 1, 1, 1, 1, .9, .8, .8, .8, .7, .6, .6, .6, .6, .6, .6, .8, .9, .9, .9, .9, 1, 1},
     {.9, .9, .9, .9, .9, .9, .9, .8, .7, .6, .6, .5, .5, .5, .5, .6, .7, .8, .7, .7, .8, .9, .9}}};

double tree_correction(std::size_t protocol, double bytes) {
  auto const& table = corrections[protocol];
  double const at = std::clamp(std::log2(std::max(bytes, 1.0) / 64.0), 0.0, static_cast<double>(table.size() - 1));
  auto const below = std::min(static_cast<std::size_t>(at), table.size() - 2);
  double const share = at - static_cast<double>(below);
  return (1.0 - share) * table[below] + share * table[below + 1];
}

double seconds_for(double bytes, double bandwidth_Bps) { return bandwidth_Bps > 0.0 ? bytes / bandwidth_Bps : 0.0; }

/// A bandwidth of 0 costs nothing, so it never limits another.
double least_Bps(double a, double b) { return a <= 0.0 ? b : b <= 0.0 ? a : std::min(a, b); }

struct Shape {
  double ranks, in_node, nodes;
  [[nodiscard]] double moved(double bytes) const { return bytes * 2.0 * (ranks - 1.0) / ranks; }
  [[nodiscard]] std::size_t nodes_row() const { return nodes <= 1.0 ? 0 : nodes <= 2.0 ? 1 : 2; }
};

NcclTime ring(NcclNetwork const& network, Shape const& at, std::size_t p, double bytes) {
  auto const& protocol = protocols[p];
  double const between = 2.0 * (at.nodes - 1.0), inside = 2.0 * (at.ranks - 1.0) - between;
  double const hop_us = at.nodes > 1.0 ? std::max(protocol.ring_hop_us, network_overhead_us[p]) : protocol.ring_hop_us;
  double latency_us = protocol.ring_base_us + inside * hop_us + between * protocol.ring_net_us;
  if (p == Simple && at.nodes > 1.0 && bytes >= plateau_bytes * channels * at.ranks) latency_us *= plateau;
  double busbw = at.nodes > 1.0 ? least_Bps(network.intra_busbw_Bps, network.inter_busbw_Bps) : network.intra_busbw_Bps;
  if (p == LL) busbw = std::min(0.5 * busbw, ll_most_GBps[at.nodes_row()] * GBps);
  if (p == LL128) busbw *= 0.92;
  return {latency_us * us, seconds_for(at.moved(bytes), busbw), protocol.ring, NcclTime::Path::ring};
}

NcclTime tree(NcclNetwork const& network, Shape const& at, std::size_t p, double bytes) {
  auto const& protocol = protocols[p];
  double const latency_us = protocol.tree_base_us + 2.0 * ((at.in_node - 1.0) * protocol.tree_hop_us +
                                                           std::log2(at.nodes) * protocol.tree_net_us);
  double busbw = network.intra_busbw_Bps;
  if (at.nodes > 1.0) busbw = least_Bps(busbw, (at.nodes <= 2.0 ? 2.0 : 1.0) * network.inter_busbw_Bps);
  busbw *= 0.92;
  if (p == LL) busbw = std::min(busbw / 3.8, ll_most_GBps[at.nodes_row()] * GBps);
  if (p == LL128) busbw *= at.nodes > 1.0 ? 120.0 / 128.0 : 7.0 / 9.0;
  return {latency_us * us, seconds_for(2.0 * bytes, busbw * tree_correction(p, bytes)), protocol.tree,
          NcclTime::Path::tree};
}

/// Inside a node each worker sends its buffer to the switch once, so the time does not grow with the workers in it.
NcclTime nvls(NcclNetwork const& network, Shape const& at, double bytes) {
  if (at.nodes <= 1.0) {
    double const g = network.workers_per_node;
    return {nvls_us * us, seconds_for(bytes * 2.0 * (g - 1.0) / g, network.intra_busbw_Bps), "NVLS",
            NcclTime::Path::in_switch};
  }
  double const busbw = least_Bps(network.intra_busbw_Bps, (at.nodes <= 2.0 ? 2.0 : 1.0) * network.inter_busbw_Bps);
  return {(nvls_us + 2.0 * std::log2(at.nodes) * nvls_tree_net_us) * us, seconds_for(at.moved(bytes), busbw),
          "NVLS tree", NcclTime::Path::in_switch};
}

}  // namespace

NcclTime nccl_allreduce_time(NcclNetwork const& network, double ranks, double bytes) {
  KURVE_EXPECT(ranks >= 1.0 && bytes >= 0.0 && network.workers_per_node >= 1.0);
  if (ranks <= 1.0) return {};
  Shape const at{.ranks = ranks,
                 .in_node = std::min(ranks, network.workers_per_node),
                 .nodes = std::ceil(ranks / network.workers_per_node)};
  NcclTime best{std::numeric_limits<double>::infinity(), 0.0, {}, {}};
  auto const offer = [&](NcclTime time) {
    time.latency_s *= network.latency_scale;
    if (time.total_s() < best.total_s()) best = time;
  };
  for (std::size_t p = 0; p < protocols.size(); ++p) {
    offer(ring(network, at, p, bytes));
    if (!network.ring_only) offer(tree(network, at, p, bytes));
  }
  if (network.switch_reduces && !network.ring_only) offer(nvls(network, at, bytes));
  return best;
}

}  // namespace kurve::model
