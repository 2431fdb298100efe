// SPDX-License-Identifier: Apache-2.0
// Every rank runs this program; rank 0 drives the checks, the others follow. `--fail` makes a task fail on every rank.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>
#include <cstring>

#include "calibrate/backend_host.hpp"
#include "calibrate/calibrate.hpp"
#include "calibrate/make_backend.hpp"
#include "model/error.hpp"
#include "tests/support/backend_suite.hpp"

using namespace kurve;
using namespace kurve::calibrate;

namespace {
Backend* mpi = nullptr;  // doctest's cases take no arguments
}

TEST_SUITE_BEGIN("unit");

TEST_CASE("mpi backend keeps every backend's promises and sums exactly") { test::check_backend(*mpi); }

TEST_CASE("mpi agrees with host: the same workload and gradient sums of one exact answer on both") {
  auto const host = make_host_backend(mpi->info().max_ranks, "mlp");
  CHECK(host->info().workload == mpi->info().workload);
  CHECK(host->info().gradient_bytes == mpi->info().gradient_bytes);
  for (auto* backend : {mpi, host.get()})
    for (int ranks = 2; ranks <= mpi->info().max_ranks; ++ranks)
      CHECK_NOTHROW(backend->verify_allreduce({.ranks = ranks, .message = {mpi->info().gradient_bytes}}));
}

TEST_CASE("mpi calibrates: both algorithms measured apart every K has steps") {
  CalibrateOptions options;
  options.design.local_batches = {2, 4};
  options.design.global_batch = 6;
  options.design.message_bytes = {1024};
  options.stopping = {.relative_half_width = 0.9, .min_samples = 3, .max_samples = 10};
  options.runs = 2;
  options.max_runs = 2;
  options.steps_per_run = 4;
  auto const calibration = run_calibration(*mpi, options);
  for (auto const& algorithm : mpi->info().algorithms)
    CHECK(std::count_if(calibration.components.samples.begin(), calibration.components.samples.end(),
                        [&](auto const& row) { return row.configuration.front() == algorithm; }) > 0);
  for (auto const& row : calibration.steps.samples) CHECK(row.time_s > 0.0);
  CHECK(calibration.steps.samples.back().ranks <= mpi->info().max_ranks);
}

TEST_SUITE_END();

int main(int argc, char** argv) {
  try {
    auto const backend = make_backend("mpi");
    if (!backend->drives()) {
      backend->follow();
      return 0;
    }
    if (argc > 1 && std::strcmp(argv[1], "--fail") == 0) static_cast<void>(backend->time_compute(2, 1 << 20, 1));
    mpi = backend.get();
    return doctest::Context(argc, argv).run();
  } catch (NotBuilt const& reason) {
    std::fprintf(stderr, "skipped: %s\n", reason.what());
    return 77;
  } catch (std::exception const& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 4;
  }
}
