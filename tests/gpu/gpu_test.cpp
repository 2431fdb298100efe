// SPDX-License-Identifier: Apache-2.0
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>
#include <set>

#include "calibrate/backend_cuda.hpp"
#include "calibrate/calibrate.hpp"
#include "calibrate/make_backend.hpp"
#include "model/error.hpp"
#include "tests/support/backend_suite.hpp"
#include "tests/support/checks.hpp"

using namespace kurve;
using namespace kurve::calibrate;

namespace {
constexpr char const* small = "transformer: layers=2,width=16,heads=2,sequence=8,vocabulary=32";
}

TEST_SUITE_BEGIN("gpu");

TEST_CASE("cuda backend keeps every backend's promises in every format") {
  for (char const* format : {"bf16", "tf32", "fp32"})
    test::check_backend(*make_backend("cuda", {.workload = std::string(small) + ",precision=" + format}));
  test::check_backend(*make_backend("cuda", {.workload = "mlp: widths=24-40-8"}));
}

TEST_CASE("cuda backend: a graph is the same work and both clocks see it") {
  auto const backend = make_backend("cuda", {.workload = small});
  for (int const launch : {0, 1}) {
    backend->use_launch(launch);
    static_cast<void>(backend->time_compute(1, 4, 1));  // captured and tuned
    double const device_s = backend->time_compute(1, 4, 10).front();
    auto const seen = backend->observed();
    REQUIRE(seen.host_s.size() == 1);
    // The host waits for the device's last event, so its time is the longer, but for the event's resolution of 0.5 us.
    CHECK(seen.host_s.front() >= device_s - 1e-6);
  }
}

TEST_CASE("cuda backend: a calibration has both launches and whole steps and rates") {
  auto const backend = make_backend("cuda", {.workload = small});
  CalibrateOptions options;
  options.design.local_batches = {1, 2, 4};
  options.design.global_batch = 4;
  options.stopping = {.relative_half_width = 0.5, .min_samples = 5, .max_samples = 20};
  options.runs = options.max_runs = 2;
  options.steps_per_run = 5;
  auto const measured = run_calibration(*backend, options);
  std::set<int> launches;
  for (auto const& point : measured.points) launches.insert(point.point.launch);
  CHECK(launches == std::set<int>{0, 1});
  CHECK(!measured.steps.samples.empty());
  CHECK(measured.rates.size() == 2 + 4);
  for (auto const& rate : measured.rates) CHECK(rate.achieved > 0.0);
}

TEST_CASE("cuda backend: a local batch that memory does not hold is refused before anything runs") {
  auto const backend = make_backend("cuda", {.workload = small});
  CalibrateOptions options;
  options.design.local_batches = {backend->info().largest_local_batch + 1};
  CHECK(test::message_of<InputError>([&] { return run_calibration(*backend, options); }).find("local batch=") == 0);
}

TEST_CASE("nccl backend keeps every backend's promises and sums exactly") {
  for (auto const& device : list_devices())
    if (device.name == "nccl" && !device.available) {
      MESSAGE("skipped: ", device.reason);
      return;
    }
  auto const backend = make_backend("nccl", {.workload = small});
  test::check_backend(*backend);
  for (int algorithm = 0; algorithm < 2; ++algorithm) {
    backend->verify_allreduce({.ranks = 2, .message = {1 << 20}, .algorithm = algorithm});
    static_cast<void>(backend->time_allreduce({.ranks = 2, .message = {1 << 20}, .algorithm = algorithm}, 1));
    auto const chosen = backend->observed().chosen;
    MESSAGE(backend->info().algorithms[static_cast<std::size_t>(algorithm)], " of 1 MiB ran as ", chosen);
    if (algorithm == 0 && !chosen.empty()) CHECK(chosen.substr(0, 4) == "RING");
  }
}

TEST_SUITE_END();

int main(int argc, char** argv) {
  for (auto const& device : list_devices())
    if (device.name == "cuda" && !device.available) {
      std::printf("skipped: %s\n", device.reason.c_str());
      return 77;
    }
  return doctest::Context(argc, argv).run();
}
