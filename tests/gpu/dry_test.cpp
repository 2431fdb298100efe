// SPDX-License-Identifier: Apache-2.0
// What only the fake devices can show.
#include <doctest/doctest.h>

#include "calibrate/backend_nccl.hpp"
#include "calibrate/calibrate.hpp"
#include "calibrate/training_step.hpp"
#include "model/error.hpp"
#include "tests/gpu/fake/fake_cuda.hpp"
#include "tests/support/checks.hpp"

using namespace kurve;
using namespace kurve::calibrate;

namespace {
constexpr char const* small = "transformer: layers=2,width=16,heads=2,sequence=8,vocabulary=32";
}

TEST_SUITE_BEGIN("unit");

TEST_CASE("nccl dry: a whole step sums every byte of the gradient once and one rank alone none") {
  auto const backend = make_nccl_backend(small);
  for (int const ranks : {1, 2, 3}) {
    static_cast<void>(backend->time_step(ranks, 1));  // prepared
    static_cast<void>(fake::take_summed_bytes());
    static_cast<void>(backend->time_step(ranks, 1));
    auto const expected = ranks == 1 ? 0 : training_step(training_job_from_text(small), 1).gradient_bytes();
    CHECK(fake::take_summed_bytes() == static_cast<std::size_t>(expected));
  }
}

TEST_CASE("nccl dry: a calibration has every K both algorithms and what NCCL chose") {
  auto const backend = make_nccl_backend(small);
  CHECK(backend->info().device == "3 x Fake H100, NCCL " + std::string("2.28.9"));
  CalibrateOptions options;
  options.design.local_batches = {1, 2};
  options.design.message_bytes = {8, 4096};
  options.design.global_batch = 2;
  options.stopping = {.relative_half_width = 0.9, .min_samples = 3, .max_samples = 10};
  options.runs = options.max_runs = 2;
  options.steps_per_run = 3;
  auto const measured = run_calibration(*backend, options);
  auto const& columns = measured.components.configuration_columns;
  auto const chosen = static_cast<std::size_t>(std::find(columns.begin(), columns.end(), "chosen") - columns.begin());
  REQUIRE(chosen < columns.size());
  int collectives = 0;
  for (auto const& row : measured.components.samples)
    if (row.op == data::Operation::allreduce) {
      ++collectives;
      CHECK(row.configuration[chosen] == "RING/LL");
    }
  CHECK(collectives > 0);
  CHECK(measured.rates.size() == 2 + 1 + 2);
  CHECK(measured.rates[0].ceiling == 989e12);  // "Fake H100" is found as an H100
}

TEST_CASE("nccl dry: a broken network ends as an error and frees every rank") {
  std::string message;
  {
    auto const backend = make_nccl_backend(small);
    static_cast<void>(backend->time_allreduce({.ranks = 3, .message = {64}}, 1));
    fake::break_network(true);
    message = test::message_of<DeviceError>([&] { return backend->time_allreduce({.ranks = 3, .message = {64}}, 1); });
  }
  fake::break_network(false);
  CHECK(message == "NCCL, asynchronously: remote error (a fake peer is gone)");
}

TEST_SUITE_END();
