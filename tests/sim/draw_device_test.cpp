// SPDX-License-Identifier: Apache-2.0
#include "sim/draw_device.hpp"

#include "model/error.hpp"
#include "sim/simulate.hpp"
#include "tests/support/device_suite.hpp"
#include "tests/support/emulated_device.hpp"

using namespace kurve;

TEST_SUITE("unit") {
  TEST_CASE("programs of a device draw the bits of a processor however many threads a block has") {
    for (std::uint32_t const threads : {1u, 2u, 7u, 32u}) {
      INFO("threads ", threads);
      test::check_device(test::EmulatedDevice(threads, threads % 3 + 1));
    }
  }

  TEST_CASE("a simulation on a device is the one on processors") {
    model::Model model;
    model.parameters = test::models_for_devices()[8].second;
    model.global_batch = 256;
    test::EmulatedDevice const device(8, 2);
    for (auto const method : {sim::Method::workers, sim::Method::ring}) {
      sim::SimulateOptions options{.ranks = {4, 24}, .trials = 40, .draws = 10, .method = method};
      auto const own = sim::simulate(model, options);
      options.device = &device;
      auto const its = sim::simulate(model, options);
      for (std::size_t i = 0; i < own.points.size(); ++i) {
        CHECK(its.points[i].mean_s == own.points[i].mean_s);
        CHECK(its.points[i].sd_s == own.points[i].sd_s);
        CHECK(its.points[i].jitter_tax == own.points[i].jitter_tax);
      }
      CHECK(its.method_reason.find("on an emulated device") != std::string::npos);
    }
  }

  TEST_CASE("a device is refused what it does not draw") {
    test::EmulatedDevice const device(8, 1);
    model::Model model;
    model.parameters = test::models_for_devices()[7].second;
    sim::SimulateOptions options{.ranks = {4}, .trials = 4, .device = &device};
    CHECK_THROWS_WITH_AS(static_cast<void>(sim::simulate(model, options)),
                         "a device draws workers and rings only. Add --method workers or --method ring?", InputError);
    options.method = sim::Method::ring;
    model.parameters.allreduce = model::AllreduceAlgorithm::double_binary_tree;
    CHECK_THROWS_WITH_AS(static_cast<void>(sim::simulate(model, options)),
                         "hops of another all-reduce than a ring are drawn on processors only. Try --device cpu?",
                         InputError);
  }
}
