// SPDX-License-Identifier: Apache-2.0
#include "calibrate/component_laws.hpp"

#include <cmath>

#include "model/step.hpp"
#include "tests/support/checks.hpp"

using namespace kurve;
using namespace kurve::calibrate;

namespace {

std::map<double, Mean> means_of(model::StepParameters const& p) {
  std::map<double, Mean> means;
  for (double const b : {1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0})
    means[b] = {model::compute_time_s(p, b), 1e-3 * model::compute_time_s(p, b)};
  return means;
}

}  // namespace

TEST_SUITE_BEGIN("unit");

TEST_CASE("fit: exact equations come back exactly a negative slope stops at zero") {
  auto equation = [](double x, double y) { return Equation{.x = Eigen::Vector2d(1.0, x), .y = {y, 0.1}}; };
  auto const line = fit_nonnegative({equation(1, 5), equation(2, 7), equation(3, 9)});
  CHECK_CLOSE(line.value(0), 3.0, 1e-9);
  CHECK_CLOSE(line.value(1), 2.0, 1e-9);
  CHECK(line.misfit == 0.0);
  // var slope = s^2 / sum (x - mean)^2 = 0.01 / 2
  CHECK_CLOSE(line.covariance(1, 1), 0.005, 1e-6);
  auto const flat = fit_nonnegative({equation(1, 9), equation(2, 7), equation(3, 5)});
  CHECK(flat.value(1) == 0.0);
  CHECK(flat.covariance(1, 1) == 0.0);
  // A law that misses by far more than 0.1 weighs its points by 1/y^2: (1/9 + 1/7 + 1/5) / (1/81 + 1/49 + 1/25).
  CHECK_CLOSE(flat.value(0), 6.2416, 1e-3);
}

TEST_CASE("compute: a line is found as a line a launch-bound floor as a floor") {
  model::StepParameters p;
  p.compute_fixed_s = 2e-3;
  p.compute_per_sample_s = 1e-3;
  auto const line = fit_compute(means_of(p), 2.5);
  CHECK_CLOSE(line.estimate.value(0), 2e-3, 1e-6);
  CHECK_CLOSE(line.estimate.value(1), 1e-3, 1e-6);
  CHECK(line.estimate.value(2) == 0.0);

  p.compute_fixed_s = 0.0;
  p.compute_floor_s = 10e-3;
  auto const floor = fit_compute(means_of(p), 2.5);
  CHECK_CLOSE(floor.estimate.value(1), 1e-3, 1e-6);
  CHECK_CLOSE(floor.estimate.value(2), 10e-3, 1e-6);
}

TEST_CASE("compute: one local batch cannot tell fixed from per sample and says so") {
  auto const law = fit_compute({{8.0, {4e-3, 1e-5}}}, 2.5);
  CHECK_FALSE(law.identified);
  CHECK_CLOSE(law.estimate.value(1), 0.5e-3, 1e-9);
}

TEST_CASE("all-reduce: both links come back from the model's own formula") {
  model::StepParameters p;
  p.workers_per_node = 4;
  p.intra_latency_s = 3e-6;
  p.intra_bandwidth_Bps = 5e10;
  p.inter_latency_s = 20e-6;
  p.inter_bandwidth_Bps = 1e10;
  std::map<AllreduceKey, Mean> means;
  for (int const ranks : {2, 4, 8, 16})
    for (std::int64_t const bytes : {64, 65536, 16 << 20}) {
      p.gradient_bytes = static_cast<double>(bytes);
      double const t = model::allreduce_time_s(p, ranks);
      means[{ranks, bytes}] = {t, 1e-3 * t};
    }
  auto const e = fit_allreduce(means, 4, 16 << 20);
  CHECK_CLOSE(e.value(0), 3e-6, 1e-5);
  CHECK_CLOSE(1.0 / e.value(1), 5e10, 1e-5);
  CHECK_CLOSE(e.value(2), 20e-6, 1e-5);
  CHECK_CLOSE(1.0 / e.value(3), 1e10, 1e-5);
}

TEST_CASE("all-reduce: where one line misses it holds at the step's own message") {
  std::map<AllreduceKey, Mean> means;
  for (std::int64_t const bytes :
       {64, 65536, 1 << 20, 16 << 20})  // a protocol switch: larger messages move at half the cost
    means[{2, bytes}] = {4e-6 + static_cast<double>(bytes) * (bytes < 1 << 20 ? 2e-10 : 1e-10), 1e-8};
  auto const e = fit_allreduce(means, 2, 16 << 20);
  CHECK(e.misfit > 0.05);
  CHECK_CLOSE(2.0 * e.value(0) + e.value(1) * (16 << 20), (means[{2, 16 << 20}].value), 1e-3);
}

TEST_SUITE_END();
