// SPDX-License-Identifier: Apache-2.0
#include "model/allreduce.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "model/error.hpp"

namespace kurve::model {
namespace {

void check_shape(int ranks, Bytes message) {
  if (ranks < 1) throw InputError("ranks=" + std::to_string(ranks) + " (must be at least 1)");
  if (message.count < 0) throw InputError("message=" + std::to_string(message.count) + " bytes (must not be negative)");
}

int nodes_of(int ranks, int workers_per_node) {
  if (workers_per_node < 1)
    throw InputError("workers_per_node=" + std::to_string(workers_per_node) + " (must be at least 1)");
  return (ranks + workers_per_node - 1) / workers_per_node;
}

/// A flat algorithm over two levels: bandwidth of the slower level that it crosses.
Link slowest(Link const& intra, Link const& inter) {
  return {.alpha = Seconds{0.0}, .beta = std::max(intra.beta, inter.beta), .gamma = std::max(intra.gamma, inter.gamma)};
}

}  // namespace

Seconds ring_allreduce_time(int ranks, Bytes message, Link const& link) {
  check_shape(ranks, message);
  double const k = ranks;
  double const share = (k - 1.0) / k;
  return 2.0 * (k - 1.0) * link.alpha + 2.0 * share * (message * link.beta) + share * (message * link.gamma);
}

Seconds double_binary_tree_allreduce_time(int ranks, Bytes message, Link const& link) {
  check_shape(ranks, message);
  if (ranks == 1) return Seconds{0.0};
  return 2.0 * std::log2(static_cast<double>(ranks)) * link.alpha + 2.0 * (message * link.beta) + message * link.gamma;
}

Seconds hierarchical_allreduce_time(int ranks, int workers_per_node, Bytes message, Link const& intra,
                                    Link const& inter) {
  check_shape(ranks, message);
  int const nodes = nodes_of(ranks, workers_per_node);
  int const inside = std::min(ranks, workers_per_node);
  Bytes const shard{(message.count + inside - 1) / inside};
  return ring_allreduce_time(inside, message, intra) + ring_allreduce_time(nodes, shard, inter);
}

Seconds allreduce_time(AllreduceAlgorithm algorithm, int ranks, int workers_per_node, Bytes message, Link const& intra,
                       Link const& inter) {
  check_shape(ranks, message);
  int const nodes = nodes_of(ranks, workers_per_node);
  if (algorithm == AllreduceAlgorithm::hierarchical_ring)
    return hierarchical_allreduce_time(ranks, workers_per_node, message, intra, inter);
  if (algorithm == AllreduceAlgorithm::ring) {
    if (nodes == 1) return ring_allreduce_time(ranks, message, intra);
    double const hops_between = 2.0 * (nodes - 1);
    double const hops_inside = 2.0 * (ranks - 1) - hops_between;
    return ring_allreduce_time(ranks, message, slowest(intra, inter)) + hops_inside * intra.alpha +
           hops_between * inter.alpha;
  }
  if (nodes == 1) return double_binary_tree_allreduce_time(ranks, message, intra);
  double const inside = std::min(ranks, workers_per_node);
  return double_binary_tree_allreduce_time(ranks, message, slowest(intra, inter)) +
         2.0 * std::log2(inside) * intra.alpha + 2.0 * std::log2(static_cast<double>(nodes)) * inter.alpha;
}

BytesPerSecond algorithm_bandwidth(Bytes message, Seconds time) {
  if (!(time.count() > 0.0)) throw InputError("time=" + std::to_string(time.count()) + " s (must be positive)");
  return message / time;
}

BytesPerSecond bus_bandwidth(int ranks, Bytes message, Seconds time) {
  check_shape(ranks, message);
  double const k = ranks;
  return {algorithm_bandwidth(message, time).value * 2.0 * (k - 1.0) / k};
}

}  // namespace kurve::model
