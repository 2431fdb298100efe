// SPDX-License-Identifier: Apache-2.0
#include "model/collective.hpp"

#include "tests/support/checks.hpp"

using namespace kurve;
using namespace kurve::model;

TEST_SUITE("unit") {
  TEST_CASE("every algorithm has one row of its own and the hops of what it takes at a size") {
    StepParameters p{.gradient_bytes = 1e9, .workers_per_node = 8, .intra_bandwidth_Bps = 4.8e11};
    p.inter_bandwidth_Bps = 3.7e11;
    for (auto const& c : collectives()) {
      set_parameter(p, "network.allreduce", c.name);
      CHECK(p.allreduce == c.algorithm);
      CHECK(&collective(c.algorithm) == &c);
      CHECK((!c.description.empty() && !c.source.empty()));
      CHECK(schedule_of(p, 1, 1e6).hops() == 0.0);
      CHECK(allreduce_law_s(p, 64, 1e6) == c.law_s(p, 64, 1e6));
    }
    using Kind = HopSchedule::Kind;
    auto const of = [&](char const* name, double ranks, double bytes) {
      set_parameter(p, "network.allreduce", name);
      return schedule_of(p, ranks, bytes);
    };
    CHECK(of("ring", 64, 1e6).hops() == 126.0);
    CHECK(of("tree", 64, 1e6).hops() == 12.0);
    CHECK((of("hierarchical", 64, 1e6).kind == Kind::hierarchy && of("hierarchical", 64, 1e6).hops() == 14.0));
    CHECK((of("hierarchical", 8, 1e6).kind == Kind::ring && of("hierarchical", 8, 1e6).hops() == 14.0));
    // small messages by trees, whose nodes are chains: 2 (7 + log2 8) hops; NVLS: to the switch, 3 levels, and back
    CHECK((of("nccl", 64, 8).kind == Kind::trees && of("nccl", 64, 8).hops() == 20.0));
    CHECK((of("nccl_nvls", 64, 1e10).in_switch && of("nccl_nvls", 64, 1e10).hops() == 8.0));
    CHECK((of("nccl_nvls", 8, 1e10).in_switch && of("nccl_nvls", 8, 1e10).hops() == 2.0));
    for (double const bytes : {8.0, 1e6, 1e10}) CHECK(of("nccl_ring", 64, bytes).kind == Kind::ring);
  }
}
