// SPDX-License-Identifier: Apache-2.0
#include "model/allreduce.hpp"

#include "model/error.hpp"
#include "model/loggp.hpp"
#include "tests/support/checks.hpp"

using namespace kurve;
using namespace kurve::model;

namespace {
Link const link{.alpha = Seconds{15e-6}, .beta = {1e-11}, .gamma = {2e-12}};
}

TEST_SUITE("unit") {
  TEST_CASE("ring all-reduce: one rank sends nothing") { CHECK(ring_allreduce_time(1, 64_MiB, link).count() == 0.0); }

  TEST_CASE("ring all-reduce: the formula by hand") {
    // K = 4, n = 4e8 bytes: 6 alpha = 90 us; 1.5 n beta = 6 ms; 0.75 n gamma = 0.6 ms
    CHECK_CLOSE(ring_allreduce_time(4, Bytes{400'000'000}, link).count(), 90e-6 + 6e-3 + 0.6e-3, 1e-14);
  }

  TEST_CASE("ring all-reduce against the exact LogGP finish times of LogGOPSim") {
    // L=2500 o=1500 g=1000 G=6 ns, chunks of 60 000 bytes, 10 ms of compute before: finish = comp + 2(K-1)(L+2o+(c-1)G)
    LogGP const machine{
        .latency = Seconds{2500e-9}, .overhead = Seconds{1500e-9}, .gap = Seconds{1000e-9}, .gap_per_byte = {6e-9}};
    struct Finish {
      int ranks;
      double ns;
    };
    for (auto const [ranks, ns] :
         {Finish{8, 15'116'916}, Finish{64, 56'052'244}, Finish{256, 196'401'940}, Finish{1024, 757'800'724}}) {
      Bytes const message{60'000LL * ranks};
      double const finish_ns = 10e6 + ring_allreduce_time(ranks, message, machine).count() * 1e9;
      CHECK_CLOSE(finish_ns, ns, 1e-12);  // sums of a few exactly rounded products
      // and the Hockney link made from it costs the same
      CHECK_CLOSE(ring_allreduce_time(ranks, message, to_link(machine)).count(),
                  ring_allreduce_time(ranks, message, machine).count(), 1e-12);
    }
  }

  TEST_CASE("double binary tree: two log2 K latencies and each byte up and down once") {
    Link const no_reduce{.alpha = link.alpha, .beta = link.beta, .gamma = {}};
    CHECK_CLOSE(double_binary_tree_allreduce_time(64, Bytes{1'000'000}, no_reduce).count(), 12 * 15e-6 + 2e-5, 1e-14);
    CHECK(double_binary_tree_allreduce_time(1, 1_MiB, link).count() == 0.0);
  }

  TEST_CASE("hierarchical: one node is the ring inside and one worker a node is the ring between") {
    Link const inter{.alpha = Seconds{5e-6}, .beta = {1e-10}, .gamma = {}};
    CHECK(hierarchical_allreduce_time(8, 8, 8_MiB, link, inter) == ring_allreduce_time(8, 8_MiB, link));
    CHECK(hierarchical_allreduce_time(8, 1, 8_MiB, link, inter) == ring_allreduce_time(8, 8_MiB, inter));
    CHECK(hierarchical_allreduce_time(32, 8, 8_MiB, link, inter) ==
          ring_allreduce_time(8, 8_MiB, link) + ring_allreduce_time(4, 1_MiB, inter));
  }

  TEST_CASE("flat algorithms on two levels: equal levels are one level") {
    for (auto const algorithm : {AllreduceAlgorithm::ring, AllreduceAlgorithm::double_binary_tree}) {
      auto const two = allreduce_time(algorithm, 64, 8, 16_MiB, link, link).count();
      auto const one = allreduce_time(algorithm, 64, 64, 16_MiB, link, link).count();
      CHECK_CLOSE(two, one, 1e-12);
    }
  }

  TEST_CASE("algbw and busbw as nccl-tests defines them") {
    // 1 GiB on 8 ranks in 4 ms: algbw 268.4 GB/s, busbw 1.75 times that
    auto const algbw = algorithm_bandwidth(1_GiB, Seconds{4e-3}).value;
    CHECK_CLOSE(algbw, 268.435456e9, 1e-12);
    CHECK_CLOSE(bus_bandwidth(8, 1_GiB, Seconds{4e-3}).value, 1.75 * algbw, 1e-12);
    CHECK(bus_bandwidth(1, 1_GiB, Seconds{4e-3}).value == 0.0);
  }

  TEST_CASE("bad shapes are refused with the value") {
    CHECK(test::message_of<InputError>([] { return ring_allreduce_time(0, 1_MiB, link); }) ==
          "ranks=0 (must be at least 1)");
    CHECK_THROWS_AS(static_cast<void>(hierarchical_allreduce_time(8, 0, 1_MiB, link, link)), InputError);
    CHECK_THROWS_AS(static_cast<void>(algorithm_bandwidth(1_MiB, Seconds{0.0})), InputError);
  }
}
