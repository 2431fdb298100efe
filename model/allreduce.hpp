// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/units.hpp"

namespace kurve::model {

/// One level of a network: what a message between neighbours costs, alpha + n beta, plus n gamma to reduce it.
/// Source: Hockney 1994; Thakur, Rabenseifner & Gropp, IJHPCA 19(1):49-66, 2005.
struct Link {
  Seconds alpha{0.0};      ///< latency per message, >= 0
  SecondsPerByte beta{};   ///< inverse bandwidth, >= 0
  SecondsPerByte gamma{};  ///< reduction cost, >= 0
};

/// nccl, nccl_nvls (with switches that reduce) and nccl_ring (NCCL held to rings) are NCCL's choice by its own cost
/// model, model/nccl_law.hpp; the others are one algorithm at every size.
enum class AllreduceAlgorithm { ring, double_binary_tree, hierarchical_ring, nccl, nccl_nvls, nccl_ring };

/// Time of one ring all-reduce (reduce-scatter, then all-gather), without contention or noise.
///
///   T = 2(K-1) alpha + 2(K-1)/K n beta + (K-1)/K n gamma
///
/// @param ranks    K, at least 1; one rank costs nothing
/// @param message  n, the buffer each rank contributes [bytes], >= 0
/// @return         time until the last rank holds the result
/// @throws InputError if ranks < 1 or message < 0
/// Source: Patarasuk & Yuan, J. Parallel Distrib. Comput. 69 (2009) 117-124.
[[nodiscard]] Seconds ring_allreduce_time(int ranks, Bytes message, Link const& link);

/// Time of one double-binary-tree all-reduce, pipelined: each rank is a leaf of one tree and inside the other.
///
///   T = 2 log2(K) alpha + 2 n beta + n gamma
///
/// the bandwidth-optimal limit of many chunks; the O(sqrt(n)) pipeline fill is left out, so this is a lower bound
/// for short messages. Same preconditions as the ring.
/// Source: Sanders, Speck & Traeff, Parallel Computing 35 (2009) 581-594; NCCL src/graph/tuning.cc (2 log2 N
/// latencies).
[[nodiscard]] Seconds double_binary_tree_allreduce_time(int ranks, Bytes message, Link const& link);

/// Time of a hierarchical all-reduce: reduce-scatter inside each node, a ring over nodes for each shard, all-gather
/// inside.
///
///   T = ring(g, n, intra) + ring(N, n/g, inter),  g = workers per node, N = ceil(K/g)
///
/// The two phases are added (no pipelining between levels), so it is an upper bound for a pipelined implementation.
/// @param workers_per_node  g, at least 1; K <= g is one node and the inter link is not used
/// @throws InputError if ranks < 1, workers_per_node < 1 or message < 0
/// Source: reference table of all-reduce algorithms in docs/model.md, section 2.
[[nodiscard]] Seconds hierarchical_allreduce_time(int ranks, int workers_per_node, Bytes message, Link const& intra,
                                                  Link const& inter);

/// Time of one algorithm (ring, tree or hierarchical) on a two-level network. A flat ring or tree that spans nodes goes
/// at the pace of its slowest hop for bandwidth, and pays each level's latency for the hops it makes there: ring:
/// 2(K-1) hops, of which 2(N-1) between nodes; tree: 2 log2(N) levels between nodes, 2 log2(g) inside. Source: NCCL
/// src/graph/tuning.cc, ring and tree latency formulas.
[[nodiscard]] Seconds allreduce_time(AllreduceAlgorithm algorithm, int ranks, int workers_per_node, Bytes message,
                                     Link const& intra, Link const& inter);

/// n / T. @throws InputError if time is not positive
[[nodiscard]] BytesPerSecond algorithm_bandwidth(Bytes message, Seconds time);

/// algbw * 2(K-1)/K: the rate each link of a ring carries; comparable across K. 0 for one rank.
/// Source: nccl-tests doc/PERFORMANCE.md.
[[nodiscard]] BytesPerSecond bus_bandwidth(int ranks, Bytes message, Seconds time);

}  // namespace kurve::model
