// SPDX-License-Identifier: Apache-2.0
#include "sim/ring.hpp"

#include <algorithm>

#include "model/loggp.hpp"
#include "tests/support/checks.hpp"

using namespace kurve;
using namespace kurve::sim;

TEST_SUITE("unit") {
  TEST_CASE("ring without jitter finishes when LogGOPSim says") {
    // PEERS 2.5: LogGOPSim 76451de, L=2500 o=1500 G=6 ns, chunk 60,000 B, arrivals at 10 ms: finish times in ns
    model::LogGP const machine{
        .latency = Seconds{2500e-9}, .overhead = Seconds{1500e-9}, .gap = Seconds{1000e-9}, .gap_per_byte = {6e-9}};
    double const hop_s = model::message_time(machine, Bytes{60'000}).count();
    struct Row {
      int ranks;
      double finish_s;
    };
    for (auto const& row :
         {Row{8, 15'116'916e-9}, Row{64, 56'052'244e-9}, Row{256, 196'401'940e-9}, Row{1024, 757'800'724e-9}}) {
      std::vector<double> finish_s(static_cast<std::size_t>(row.ranks), 10e-3);
      run_ring(finish_s, [&](int, int) { return hop_s; });
      // 2(K-1) additions, each rounding by half an ulp: 2046 * 2^-53 = 2.3e-13
      for (double const t : finish_s) CHECK_CLOSE(t, row.finish_s, 2.3e-13);
    }
  }

  TEST_CASE("one late rank delays every rank by exactly its lateness") {
    for (int const late : {0, 3, 15}) {
      std::vector<double> finish_s(16, 0.0);
      finish_s[static_cast<std::size_t>(late)] = 4.0;  // with hops of 1: sums of small integers are exact
      run_ring(finish_s, [](int, int) { return 1.0; });
      for (double const t : finish_s) CHECK(t == 4.0 + 30.0);
    }
  }

  TEST_CASE("rank order is irrelevant and one rank sends nothing") {
    std::vector<double> alone{2.0};
    run_ring(alone, [](int, int) { return 1.0; });
    CHECK(alone[0] == 2.0);
    CHECK(ring_makespan_s({.ranks = 1, .hop_s = 1.0}, 0) == 0.0);
    CHECK(ring_jitter_factor(1.0, 0.5) == 1.0);
    auto const cost = [](int step, int rank) { return 1.0 + ((step * 7 + rank * 3) % 8) / 8.0; };
    std::vector<double> a(8, 0.0), b(8, 0.0);
    run_ring(a, cost);
    run_ring(b, [&](int step, int rank) { return cost(step, (rank + 3) % 8); });  // the same ring, numbered from rank 3
    for (int k = 0; k < 8; ++k) CHECK(b[static_cast<std::size_t>(k)] == a[static_cast<std::size_t>((k + 3) % 8)]);
  }
}

TEST_SUITE("stat") {
  TEST_CASE("hop jitter costs the factor of last-passage percolation") {
    // PEERS 2.5: E[max finish] / 2(K-1) and its own 95 % half width. Exponential hops; 1.5 at K = 2 is exact.
    struct Row {
      int ranks;
      model::Shape shape;
      double cv, factor, half_width;
      int trials;
    };
    for (auto const& row : {Row{2, model::Shape::exponential, 1.0, 1.5, 0.0, 20'000},
                            Row{8, model::Shape::exponential, 1.0, 1.9530, .0022, 4'000},
                            Row{64, model::Shape::exponential, 1.0, 2.0336, .0016, 200},
                            Row{8, model::Shape::normal, 0.1, 1.0865, .0003, 2'000},
                            Row{64, model::Shape::normal, 0.1, 1.0895, .0003, 100}}) {
      int const steps = 2 * (row.ranks - 1);
      RingOptions const options{
          .ranks = row.ranks, .hop_s = 1.0 / steps, .jitter = model::factor_law(row.shape, row.cv), .seed = 5};
      std::vector<double> factors;
      for (int trial = 0; trial < row.trials; ++trial)
        factors.push_back(ring_makespan_s(options, static_cast<std::uint32_t>(trial)));
      auto const m = test::moments(factors);
      INFO("K ", row.ranks, " factor ", m.mean, " expected ", row.factor, " standard error ", m.standard_error);
      CHECK(std::abs(m.mean - row.factor) <= 4.0 * std::hypot(m.standard_error, row.half_width / 1.96));
      if (row.shape == model::Shape::normal) CHECK_CLOSE(ring_jitter_factor(row.ranks, row.cv), row.factor, 1e-3);
    }
  }
}
