// SPDX-License-Identifier: Apache-2.0
#include "model/scaling.hpp"

#include <cmath>
#include <vector>

#include "tests/support/checks.hpp"

using namespace kurve::model;

TEST_SUITE("unit") {
  TEST_CASE("efficiency: one definition gives S/K when strong and T(1)/T(K) when weak") {
    Throughput const base{.ranks = 1, .batch = 256, .time_s = 1.0};
    CHECK_CLOSE(efficiency(base, {.ranks = 8, .batch = 256, .time_s = 0.2}), speedup(1.0, 0.2) / 8.0, 1e-15);
    CHECK_CLOSE(efficiency(base, {.ranks = 8, .batch = 2048, .time_s = 1.25}), 0.8, 1e-15);
  }

  TEST_CASE("Amdahl Gustafson and Karp-Flatt agree with each other") {
    CHECK_CLOSE(amdahl_speedup(0.05, 64), 1.0 / (0.05 + 0.95 / 64), 1e-15);
    CHECK_CLOSE(karp_flatt(amdahl_speedup(0.05, 64), 64), 0.05, 1e-12);
    CHECK_CLOSE(gustafson_speedup(0.1, 64), 57.7, 1e-12);
    CHECK(amdahl_speedup(0.3, 1) == 1.0);
  }

  TEST_CASE("USL peaks where its formula says") {
    CHECK_CLOSE(usl_peak(0.03, 1e-4), 98.488578017961, 1e-12);
    CHECK(usl_capacity(0.03, 1e-4, 98) > usl_capacity(0.03, 1e-4, 97));
    CHECK(usl_capacity(0.03, 1e-4, 98) > usl_capacity(0.03, 1e-4, 100));
    CHECK(std::isinf(usl_peak(0.03, 0.0)));
  }

  TEST_CASE("the bend: first K below last K that pays crossing in between") {
    std::vector<double> const ranks{1, 2, 4, 8, 16};
    std::vector<double> const efficiency{1.0, 0.95, 0.8, 0.6, 0.4};
    auto const bend = find_bend(ranks, efficiency, 0.7);
    REQUIRE(bend);
    CHECK(bend->ranks == 8);
    CHECK(bend->last_ok_ranks == 4.0);
    CHECK_CLOSE(*bend->crossing_ranks, std::sqrt(32.0), 1e-12);  // half way from 0.8 to 0.6, in log K
  }

  TEST_CASE("no bend where the last point pays and a dip that recovers is not one") {
    std::vector<double> const ranks{1, 2, 4};
    CHECK_FALSE(find_bend(ranks, std::vector<double>{1.0, 0.5, 0.9}, 0.7));
    CHECK_FALSE(find_bend(ranks, std::vector<double>{1.0, 0.9, 0.7}, 0.7));
    auto const all_below = find_bend(ranks, std::vector<double>{0.5, 0.4, 0.3}, 0.7);
    REQUIRE(all_below);
    CHECK(all_below->ranks == 1);
    CHECK_FALSE(all_below->last_ok_ranks);
  }
}
