// SPDX-License-Identifier: Apache-2.0
#include "model/near_miss.hpp"

#include <array>

#include "tests/support/checks.hpp"

using namespace kurve;

TEST_SUITE("unit") {
  TEST_CASE("near misses: an edit or two or a part of one name and nothing further") {
    constexpr std::array<std::string_view, 6> names{"deadline", "budget", "node-bandwidth", "checkpoint", "price", "K"};
    CHECK(near_miss("bugdet", names) == "budget");
    CHECK(near_miss("dead-line", names) == "deadline");
    CHECK(near_miss("bandwidth", names) == "node-bandwidth");
    CHECK(near_miss("node_bandwith", names) == "node-bandwidth");
    constexpr std::array<std::string_view, 2> with_units{"network.inter.latency", "network.inter.bandwidth_Bps"};
    CHECK(near_miss("network.inter.bandwith", with_units) == "network.inter.bandwidth_Bps");
    CHECK(near_miss("colour", names).empty());
    CHECK(near_miss("price", names).empty());  // it is one
    CHECK(near_miss("k", names).empty());
    CHECK(near_miss("", names).empty());
    CHECK(near_miss(std::string(1000, 'p'), names).empty());
    CHECK(did_you_mean("prize", names) == ". Did you mean 'price'?");
    CHECK(did_you_mean("colour", names).empty());
    constexpr std::array<std::string_view, 2> both{"network.intra.latency", "network.inter.latency"};
    CHECK(near_miss("latency", both).empty());  // which of the two is not ours to say
    CHECK(near_miss("inter.latency", both) == "network.inter.latency");
  }
}
