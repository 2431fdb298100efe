// SPDX-License-Identifier: Apache-2.0
#include "sim/ring.hpp"

#include "model/ring_jitter.hpp"

#include <algorithm>

#include "data/philox.hpp"
#include "model/loggp.hpp"
#include "tests/support/checks.hpp"
#include "tests/support/instruction_sets.hpp"

using namespace kurve;
using namespace kurve::sim;

namespace {

/// K equal links whose mean ring takes 1 s.
JitteredRing ring_of(int ranks, model::Shape shape, double cv, std::uint64_t seed = 5) {
  std::vector<double> const hop_s(static_cast<std::size_t>(ranks), ranks > 1 ? 0.5 / (ranks - 1) : 1.0);
  return {hop_s, model::factor_law(shape, cv), seed};
}

std::vector<double> run(JitteredRing const& ring, std::vector<double> finish_s, std::uint32_t trial = 0,
                        std::uint32_t collective = 0) {
  JitteredRing::Workspace workspace;
  ring.run(trial, collective, finish_s, workspace);
  return finish_s;
}

}  // namespace

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

  TEST_CASE("jittered hops are the same on every instruction set and each trial stands alone") {
    for (int const ranks : {2, 3, 63, 64, 65, 130})
      for (auto const shape : {model::Shape::lognormal, model::Shape::normal, model::Shape::pareto}) {
        auto const ring = ring_of(ranks, shape, 0.4);
        std::vector<double> arrival_s(static_cast<std::size_t>(ranks), 10.0);
        arrival_s[1] = 10.5;
        auto const finish_s = run(ring, arrival_s, 7, 2);
        test::on_each_instruction_set([&](char const* name) {
          INFO(name, " K ", ranks);
          CHECK(run(ring, arrival_s, 7, 2) == finish_s);
        });
        CHECK(run(ring, arrival_s, 8, 2) != finish_s);
        CHECK(run(ring, arrival_s, 7, 3) != finish_s);
      }
  }

  TEST_CASE("single precision from a moving origin follows double precision") {
    // the same hops in double precision; each of 2(K-1) roundings is at most half an ulp of 128 hops, 4e-6 of a hop
    int const ranks = 200;
    auto const law = model::factor_law(model::Shape::lognormal, 0.3);
    auto const ring = ring_of(ranks, model::Shape::lognormal, 0.3);
    QuantileTable const table(law);
    std::vector<double> exact_s(static_cast<std::size_t>(ranks), 0.0);
    double const hop_s = 0.5 / (ranks - 1);
    run_ring(exact_s, [&](int step, int rank) {
      auto const x = data::philox4x32({3, static_cast<std::uint32_t>(rank / 2), static_cast<std::uint32_t>(step / 2),
                                       static_cast<std::uint32_t>(data::Stream::hop)},
                                      {5, 0});
      auto const word = static_cast<std::size_t>((step % 2 == 0 ? 1 : 3) - rank % 2);
      return hop_s * static_cast<double>(table.value(x[word]));
    });
    auto const finish_s = run(ring, std::vector<double>(static_cast<std::size_t>(ranks), 0.0), 3);
    for (std::size_t k = 0; k < finish_s.size(); ++k)
      CHECK(std::abs(finish_s[k] - exact_s[k]) <= 2 * (ranks - 1) * 4e-6 * hop_s);
  }

  TEST_CASE("a rank late by more than the ring absorbs delays it by exactly its lateness") {
    // no path of early ranks can catch up with a start 100 rings later, so all of the ring is relative to the late one
    auto const ring = ring_of(32, model::Shape::lognormal, 0.2);
    std::vector<double> arrival_s(32, 0.0);
    arrival_s[5] = 100.0;
    auto const once = run(ring, arrival_s);
    arrival_s[5] = 1000.0;
    auto const later = run(ring, arrival_s);
    for (std::size_t k = 0; k < once.size(); ++k) CHECK(std::abs(later[k] - once[k] - 900.0) <= 1e-12);
    CHECK(*std::max_element(once.begin(), once.end()) > 100.9);
  }

  TEST_CASE("rank order is irrelevant and one rank sends nothing") {
    std::vector<double> alone{2.0};
    run_ring(alone, [](int, int) { return 1.0; });
    CHECK(alone[0] == 2.0);
    CHECK(ring_makespan_s(ring_of(1, model::Shape::lognormal, 0.1), 0) == 0.0);
    CHECK(model::ring_jitter_of(1.0, 0.5).excess == 0.0);
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
    for (auto const& row : {Row{2, model::Shape::exponential, 1.0, 1.5, 0.0, 200'000},
                            Row{8, model::Shape::exponential, 1.0, 1.9530, .0022, 40'000},
                            Row{64, model::Shape::exponential, 1.0, 2.0336, .0016, 4'000},
                            Row{1024, model::Shape::exponential, 1.0, 2.0127, .0019, 50},
                            Row{2, model::Shape::normal, 0.1, 1.0565, .0003, 20'000},
                            Row{8, model::Shape::normal, 0.1, 1.0865, .0003, 20'000},
                            Row{64, model::Shape::normal, 0.1, 1.0895, .0003, 2'000},
                            Row{1024, model::Shape::normal, 0.1, 1.0879, .0003, 50}}) {
      auto const ring = ring_of(row.ranks, row.shape, row.cv);
      std::vector<double> factors;
      for (int trial = 0; trial < row.trials; ++trial)
        factors.push_back(ring_makespan_s(ring, static_cast<std::uint32_t>(trial)));
      auto const m = test::moments(factors);
      INFO("K ", row.ranks, " factor ", m.mean, " expected ", row.factor, " standard error ", m.standard_error);
      CHECK(std::abs(m.mean - row.factor) <= 4.0 * std::hypot(m.standard_error, row.half_width / 1.96));
    }
  }

  TEST_CASE("the table of lognormal hops holds between its knots and is exact for two ranks") {
    for (double const cv : {0.05, 0.3, 1.0, 3.0, 5.0}) {
      double const s = std::sqrt(std::log1p(cv * cv));
      CHECK(std::abs(model::ring_jitter_of(2.0, cv).excess - std::erf(0.5 * s)) <= 2e-3);  // interpolation in cv
    }
    // of the whole time; its contract is 1 % up to a cv of 1
    for (int const ranks : {2, 3, 5, 7, 12, 24, 100, 500})
      for (double const cv : {0.02, 0.15, 0.4, 0.65, 0.9, 1.0}) {
        auto const ring = ring_of(ranks, model::Shape::lognormal, cv);
        std::vector<double> factors;
        for (int trial = 0; trial < std::clamp(4'000'000 / (ranks * ranks), 20, 20'000); ++trial)
          factors.push_back(ring_makespan_s(ring, static_cast<std::uint32_t>(trial)));
        auto const m = test::moments(factors);
        double const factor = 1.0 + model::ring_jitter_of(ranks, cv).excess;
        INFO("K ", ranks, " cv ", cv, " factor ", m.mean, " table ", factor, " standard error ", m.standard_error);
        CHECK(std::abs(m.mean - factor) <= 4.0 * m.standard_error + 5e-3 * m.mean);
      }
  }

  TEST_CASE("hop jitter sets the ends of the ranks apart") {
    CHECK_CLOSE(model::ring_jitter_spread(2.0), 2.0 / std::sqrt(M_PI), 1e-4);
    auto const law = model::factor_law(model::Shape::normal, 0.1);
    for (int const ranks : {2, 4, 16}) {
      std::vector<double> spreads;
      for (std::uint32_t trial = 0; trial < 4000; ++trial) {
        std::vector<double> ends(static_cast<std::size_t>(ranks), 0.0);
        run_ring(ends, [&](int step, int rank) {
          double const u = data::uniforms(9, trial, static_cast<std::uint32_t>(rank), static_cast<std::uint32_t>(step),
                                          data::Stream::hop)
                               .first;
          return model::quantile(law, u, 1.0 - u);
        });
        auto const [first, last] = std::minmax_element(ends.begin(), ends.end());
        spreads.push_back((*last - *first) / 0.1);
      }
      CHECK_MEAN(spreads, model::ring_jitter_spread(ranks));
    }
  }
}
