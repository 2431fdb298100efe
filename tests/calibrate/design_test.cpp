// SPDX-License-Identifier: Apache-2.0
#include "calibrate/design.hpp"

#include <algorithm>
#include <set>

#include "model/error.hpp"
#include "tests/support/checks.hpp"

using namespace kurve;
using namespace kurve::calibrate;
using data::Operation;

namespace {
BackendInfo const machine{.name = "host",
                          .device = {},
                          .workload = {},
                          .max_ranks = 6,
                          .workers_per_node = 6,
                          .gradient_bytes = 1 << 20,
                          .algorithms = {"ring", "library"}};
}

TEST_SUITE_BEGIN("unit");

TEST_CASE(
    "design: every K has its compute serial whole step and all-reduce at the gradient's size by every algorithm") {
  auto const design = make_design(machine, {});
  std::set<int> ranks;
  for (auto const& step : design.steps) {
    ranks.insert(step.ranks);
    auto has = [&](Point const& p) { return std::count(design.components.begin(), design.components.end(), p) == 1; };
    CHECK(has({.op = Operation::compute, .ranks = step.ranks, .local_batch = step.local_batch}));
    CHECK(has({.op = Operation::compute, .ranks = 1, .local_batch = step.local_batch}));
    CHECK(has({.op = Operation::serial, .ranks = step.ranks}));
    for (int algorithm = 0; algorithm < 2 && step.ranks > 1; ++algorithm)
      CHECK(has({.op = Operation::allreduce, .ranks = step.ranks, .bytes = 1 << 20, .algorithm = algorithm}));
  }
  CHECK(ranks == std::set<int>{1, 2, 4, 6});
}

TEST_CASE("design: algorithms may be left out but not the one that the Model speaks of") {
  auto const design = make_design(machine, {.algorithms = {"ring"}});
  for (auto const& point : design.components) CHECK(point.algorithm == 0);
  CHECK(design.steps.size() == make_design(machine, {}).steps.size());
  CHECK(test::message_of<InputError>([] { return make_design(machine, {.algorithms = {"library"}}); }) ==
        "algorithms without 'ring' (whole steps and the Model use it). Add it?");
  CHECK(test::message_of<InputError>([] {
          return make_design(machine, {.algorithms = {"ring", "tree"}});
        }) == "algorithm 'tree' (host has ring, library)");
}

TEST_CASE("design: across nodes K counts whole nodes") {
  auto ranks_of = [](int workers_per_node, int all) {
    auto info = machine;
    info.workers_per_node = workers_per_node;
    info.max_ranks = all;
    std::set<int> ranks;
    for (auto const& step : make_design(info, {}).steps) ranks.insert(step.ranks);
    return ranks;
  };
  CHECK(ranks_of(8, 64) == std::set<int>{1, 2, 4, 8, 16, 32, 64});
  CHECK(ranks_of(6, 24) == std::set<int>{1, 2, 4, 6, 12, 24});  // by powers of two alone: 8 and 16 on partial nodes
  CHECK(ranks_of(4, 12) == std::set<int>{1, 2, 4, 8, 12});
  CHECK(ranks_of(1, 4) == std::set<int>{1, 2, 4});
}

TEST_CASE("design: what memory does not hold is not planned and said where it was asked for") {
  auto info = machine;
  info.largest_local_batch = 12;
  info.launches = {"direct", "graph"};
  info.message_bytes = {8, 64};
  DesignOptions options;
  options.global_batch = 12;
  std::set<int> batches, launches;
  std::set<std::int64_t> sizes;
  for (auto const& point : make_design(info, options).components) {
    if (point.op == Operation::compute && point.ranks == 1) batches.insert(point.local_batch);
    if (point.op == Operation::allreduce) sizes.insert(point.bytes);
    launches.insert(point.launch);
  }
  CHECK(batches == std::set<int>{2, 3, 4, 6, 8, 12});
  CHECK(launches == std::set<int>{0, 1});
  CHECK(sizes == std::set<std::int64_t>{8, 64, 1 << 20});
  options.global_batch = 64;
  CHECK(test::message_of<InputError>([&] { return make_design(info, options); }) ==
        "local batch=16 (must be 1 to 12: what the device's memory holds; lower the global batch?)");
}

TEST_CASE("design: strong keeps the global batch weak the local one") {
  DesignOptions options;
  options.ranks = {1, 2, 3};
  options.global_batch = 60;
  auto batches = [&] {
    std::vector<int> result;
    for (auto const& step : make_design(machine, options).steps) result.push_back(step.local_batch);
    return result;
  };
  CHECK(batches() == std::vector<int>{60, 30, 20});
  options.regime = model::Regime::weak;
  CHECK(batches() == std::vector<int>{60, 60, 60});
}

TEST_CASE("design: a shuffled order is a permutation its own in each round the same for one seed") {
  auto const order = shuffled_order(20, 5, 0);
  CHECK(order == shuffled_order(20, 5, 0));
  CHECK(order != shuffled_order(20, 5, 1));
  CHECK(std::set<std::size_t>(order.begin(), order.end()).size() == 20);
}

TEST_CASE("design: a size that cannot be measured is refused by name") {
  auto message = [](auto change) {
    DesignOptions options;
    change(options);
    return test::message_of<InputError>([&] { return make_design(machine, options); });
  };
  CHECK(message([](auto& o) { o.ranks = {7}; }) == "ranks=7 (must be 1 to 6: what 'host' has)");
  CHECK(message([](auto& o) { o.local_batches = {0}; }).find("local batch=0") == 0);
  CHECK(message([](auto& o) { o.message_bytes = {2}; }).find("message bytes=2") == 0);
  CHECK(message([](auto& o) { o.global_batch = 0; }).find("global batch=0") == 0);
  CHECK(message([](auto& o) { o.regime = model::Regime::mixed; }).find("regime=mixed") == 0);
}

TEST_SUITE_END();
