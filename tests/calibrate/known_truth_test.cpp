// SPDX-License-Identifier: Apache-2.0
// Known truth through the real instrument: an operation of known mean, with noise that lasts and a machine that slows,
// measured by run_calibration itself on a virtual clock.
#include <cmath>

#include "calibrate/calibrate.hpp"
#include "calibrate/random.hpp"
#include "calibrate/robust.hpp"
#include "tests/support/checks.hpp"

using namespace kurve;
using namespace kurve::calibrate;

namespace {

struct Truth {
  double rho = 0.0;          // lag-1 correlation of the noise from one timing to the next
  double drift_per_s = 0.0;  // relative slowing for each second
  std::uint64_t seed = 1;
};

/// Every timing takes 1 ms, times drift, times noise of 5 %.
class NoisySleep : public Backend {
 public:
  explicit NoisySleep(Truth const& truth) : truth_(truth), x_(normal()) {
    info_ = {.name = "synthetic", .device = "noisy sleep", .workload = "sleep", .algorithms = {"ring"}};
  }
  BackendInfo const& info() const override { return info_; }
  void begin_run(std::uint64_t) override {}
  double time_sleep(Seconds length) override { return length.count(); }
  std::vector<double> time_serial(int, int repeats) override {
    sum_ += 1e-3 * drift();
    n_ += 1.0;
    return {repeats * sleep()};
  }
  std::vector<double> time_compute(int, int, int repeats) override { return {repeats * sleep()}; }
  std::vector<double> time_allreduce(Collective const&, int repeats) override { return {repeats * sleep()}; }
  void verify_allreduce(Collective const&) override {}
  std::vector<RankStep> time_step(int, int) override { return {{.step_s = sleep(), .compute_s = 1e-3}}; }
  double now_s() const override { return now_; }

  /// The truth under drift: the noise-free mean over the time in which the operation was measured.
  double serial_s() const { return sum_ / n_; }

 private:
  double drift() const { return 1.0 + truth_.drift_per_s * now_; }
  double normal() { return random_normal(truth_.seed, 7, draw_++); }
  double sleep() {
    double const time_s = 1e-3 * drift() * (1.0 + 0.05 * x_);
    x_ = truth_.rho * x_ + std::sqrt(1.0 - truth_.rho * truth_.rho) * normal();
    now_ += time_s;
    return time_s;
  }
  Truth truth_;
  BackendInfo info_;
  std::uint64_t draw_ = 0;
  double x_, now_ = 0.0, sum_ = 0.0, n_ = 0.0;
};

/// Of 400 calibrations, how many hold the truth in the interval by which they stopped.
int covered(Truth truth) {
  int count = 0;
  for (truth.seed = 1; truth.seed <= 400; ++truth.seed) {
    NoisySleep backend(truth);
    CalibrateOptions options;
    options.design = {.local_batches = {1}, .global_batch = 1};
    options.stopping.relative_half_width = 0.01;
    options.runs = options.max_runs = 2;
    options.steps_per_run = 3;
    options.time_limit_s = 1e6;  // virtual
    auto const found = run_calibration(backend, options);
    std::vector<double> times;
    for (auto const& row : found.components.samples)
      if (row.op == data::Operation::serial) times.push_back(row.time_s);
    auto const p = precision_of(split_stragglers(times).core, 0.95);
    count += std::abs(p.mean - backend.serial_s()) <= p.relative_half_width * p.mean ? 1 : 0;
  }
  return count;
}

}  // namespace

TEST_SUITE_BEGIN("stat");

TEST_CASE("known truth: noise correlated noise and drift come back within their interval in 95 +- 4 % of 400 runs") {
  for (auto const& truth : {Truth{}, Truth{.rho = 0.3}, Truth{.rho = 0.6}, Truth{.drift_per_s = 0.02},
                            Truth{.rho = 0.6, .drift_per_s = 0.02}}) {
    CAPTURE(truth.rho);
    CAPTURE(truth.drift_per_s);
    int const count = covered(truth);
    MESSAGE("rho ", truth.rho, ", drift ", truth.drift_per_s, " /s: ", count, " of 400");
    CHECK(count >= 0.91 * 400);
    CHECK(count <= 0.99 * 400);
  }
}

TEST_SUITE_END();
