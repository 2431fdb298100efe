// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace kurve::model {

/// What NCCL's cost model asks of a network.
struct NcclNetwork {
  double workers_per_node = 8.0;  ///< g, at least 1
  double intra_busbw_Bps = 0.0;   ///< bus bandwidth of a full node, as nccl-tests prints it; 0: no cost by bytes
  double inter_busbw_Bps = 0.0;   ///< what all network links of a node carry together; 0: no cost by bytes
  double latency_scale = 1.0;     ///< on every latency: 1 on InfiniBand, about 6 on first EFA
  bool switch_reduces = false;    ///< NVSwitch of H100 and later adds up (NVLS)
  bool ring_only = false;         ///< old plugins and NCCL_ALGO=Ring
};

/// One all-reduce by NCCL's own cost model, and the algorithm that NCCL would then take.
struct NcclTime {
  double latency_s = 0.0, bytes_s = 0.0;
  std::string_view algorithm;  ///< "ring LL", "tree LL128", "NVLS tree", ...; "" for one rank
  enum class Path { ring, tree, in_switch };
  Path path = Path::ring;  ///< the way its hops go
  [[nodiscard]] double total_s() const { return latency_s + bytes_s; }
};

/// The fastest of ring and tree by protocol (LL, LL128, Simple) and of NVLS, as NCCL chooses:
///
///   ring  base + (2(K-1) - 2(N-1)) hop + 2(N-1) net       busbw
///   tree  base + 2 ((g-1) hop + log2(N) net)              0.92 busbw, times the table of tree corrections
///   NVLS  25 us in a node; NVLS tree 25 us + 2 log2(N) 20.9 us
///
/// log2 N and the corrections are taken between their whole steps too. Up to two nodes a tree sends each byte once over
/// the network, so its bus bandwidth may reach twice the links'; beyond, the links'.
/// @param ranks  K >= 1  @param bytes  n >= 0
/// Source: NCCL 2.30 src/graph/tuning.cc (latencies, bandwidth caps, corrections); it is a law for choosing, so scale
/// it to what was measured. On H100 with NDR InfiniBand it gives 25.2 and 35.2 us for 8 bytes on 2 and 4 nodes
/// where 24.7 and 34.6 were measured (nccl-tests issue 309).
[[nodiscard]] NcclTime nccl_allreduce_time(NcclNetwork const& network, double ranks, double bytes);

}  // namespace kurve::model
