// SPDX-License-Identifier: Apache-2.0
#include "model/collective.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "model/contract.hpp"
#include "model/nccl_law.hpp"

namespace kurve::model {
namespace {

using P = StepParameters;
using A = AllreduceAlgorithm;

int whole(double x) { return static_cast<int>(std::lround(x)); }
int in_node_of(P const& p, double ranks) { return std::min(whole(ranks), whole(p.workers_per_node)); }
int nodes_of(P const& p, double ranks) { return (whole(ranks) + in_node_of(p, ranks) - 1) / in_node_of(p, ranks); }

Link link_of(double latency_s, double bandwidth_Bps, double reduce_s_per_byte) {
  return {.alpha = Seconds{latency_s},
          .beta = {bandwidth_Bps > 0.0 ? 1.0 / bandwidth_Bps : 0.0},
          .gamma = {reduce_s_per_byte}};
}

template <A algorithm>
double flat_s(P const& p, double ranks, double bytes) {
  return allreduce_time(algorithm, whole(ranks), whole(p.workers_per_node),
                        Bytes{static_cast<std::int64_t>(std::llround(bytes))},
                        link_of(p.intra_latency_s, p.intra_bandwidth_Bps, p.reduce_s_per_byte),
                        link_of(p.inter_latency_s, p.inter_bandwidth_Bps, p.reduce_s_per_byte))
      .count();
}

/// What NCCL may choose from.
template <bool switch_reduces, bool ring_only>
NcclTime nccl_time(P const& p, double ranks, double bytes) {
  return nccl_allreduce_time({.workers_per_node = p.workers_per_node,
                              .intra_busbw_Bps = p.intra_bandwidth_Bps,
                              .inter_busbw_Bps = p.inter_bandwidth_Bps,
                              .latency_scale = p.nccl_latency_scale,
                              .switch_reduces = switch_reduces,
                              .ring_only = ring_only},
                             ranks, bytes);
}
template <bool switch_reduces, bool ring_only>
double nccl_s(P const& p, double ranks, double bytes) {
  return nccl_time<switch_reduces, ring_only>(p, ranks, bytes).total_s();
}
template <bool switch_reduces, bool ring_only>
HopSchedule nccl_schedule(P const& p, double ranks, double bytes) {
  auto const path = nccl_time<switch_reduces, ring_only>(p, ranks, bytes).path;
  if (path == NcclTime::Path::ring) return ring_schedule(whole(ranks));
  return tree_schedule(nodes_of(p, ranks), in_node_of(p, ranks), path == NcclTime::Path::in_switch);
}

HopSchedule ring_of(P const&, double ranks, double) { return ring_schedule(whole(ranks)); }
HopSchedule trees_of(P const&, double ranks, double) { return tree_schedule(whole(ranks), 1, false); }
HopSchedule hierarchy_of(P const& p, double ranks, double bytes) {
  int const in_node = in_node_of(p, ranks);
  double const all_s = flat_s<A::hierarchical_ring>(p, ranks, bytes),
               inside_s = flat_s<A::hierarchical_ring>(p, in_node, bytes);
  return hierarchy_schedule(nodes_of(p, ranks), in_node, all_s > 0.0 ? inside_s / all_s : 0.0);
}

constexpr std::array table{
    Collective{A::ring,
               "ring",
               "one ring of all workers",
               "Patarasuk & Yuan 2009",
               false,
               {A::double_binary_tree, 0.5},
               flat_s<A::ring>,
               ring_of},
    Collective{A::double_binary_tree,
               "tree",
               "two binary trees of all workers",
               "Sanders, Speck & Traeff 2009",
               false,
               {A::ring, 0.5},
               flat_s<A::double_binary_tree>,
               trees_of},
    Collective{A::hierarchical_ring,
               "hierarchical",
               "rings inside nodes and between them",
               "docs/model.md, section 2",
               false,
               {A::double_binary_tree, 0.5},
               flat_s<A::hierarchical_ring>,
               hierarchy_of},
    Collective{A::nccl,
               "nccl",
               "NCCL's choice of rings and trees",
               "NCCL src/graph/tuning.cc",
               true,
               {A::nccl_ring, 0.25},
               nccl_s<false, false>,
               nccl_schedule<false, false>},
    Collective{A::nccl_nvls,
               "nccl_nvls",
               "NCCL's choice with switches that reduce",
               "NCCL src/graph/tuning.cc",
               true,
               {A::nccl_ring, 0.25},
               nccl_s<true, false>,
               nccl_schedule<true, false>},
    Collective{A::nccl_ring,
               "nccl_ring",
               "NCCL held to rings",
               "NCCL src/graph/tuning.cc",
               true,
               {A::nccl, 0.75},
               nccl_s<false, true>,
               nccl_schedule<false, true>},
};

}  // namespace

std::span<Collective const> collectives() { return table; }

Collective const& collective(AllreduceAlgorithm algorithm) {
  auto const found = std::find_if(table.begin(), table.end(), [&](auto const& c) { return c.algorithm == algorithm; });
  KURVE_EXPECT(found != table.end());
  return *found;
}

HopSchedule schedule_of(StepParameters const& p, double ranks, double bytes) {
  return ranks > 1.0 ? collective(p.allreduce).schedule(p, ranks, bytes) : ring_schedule(1);
}

}  // namespace kurve::model
