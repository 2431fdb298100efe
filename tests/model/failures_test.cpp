// SPDX-License-Identifier: Apache-2.0
#include "model/failures.hpp"

#include <cmath>
#include <limits>

#include "tests/support/checks.hpp"

using namespace kurve::model;

namespace {

constexpr double minute = 60.0, hour = 3600.0;
/// FACTS of a 16,384-GPU job: 3 h between interruptions, checkpoint 5 min, restart 20 min.
constexpr Failures large_job{.mean_between_s = 3.0 * hour, .checkpoint_s = 5.0 * minute, .restart_s = 20.0 * minute};

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("failures: Llama 3's GPU-hours between interruptions give 3.1 h on 16384 GPUs") {
    CHECK_CLOSE(mean_between_failures_s(50'677.0 * hour, 16'384.0) / hour, 3.093, 1e-3);
  }

  TEST_CASE("failures: Young and Daly and the exact optimum of the published example") {
    CHECK_CLOSE(young_interval_s(large_job) / hour, 0.707, 1e-3);  // sqrt(2 * 3 / 12)
    CHECK_CLOSE(daly_interval_s(large_job) / hour, 0.653, 1e-3);
    CHECK_CLOSE(best_interval_s(large_job) / hour, 0.653, 1e-3);
    double const tau_s = best_interval_s(large_job);
    double const slowdown = segment_moments(large_job, tau_s + large_job.checkpoint_s).mean_s / tau_s;
    CHECK_CLOSE(slowdown, 1.428, 1e-3);
  }

  TEST_CASE("failures: no interval does better than the best") {
    for (double const checkpoint_s : {1e-3, 1.0, 300.0, 1e4, 1e5}) {
      Failures const f{.mean_between_s = 1e4, .checkpoint_s = checkpoint_s, .restart_s = 100.0};
      double const best_s = best_interval_s(f);
      auto const cost = [&](double tau_s) { return segment_moments(f, tau_s + f.checkpoint_s).mean_s / tau_s; };
      CHECK(best_s > 0.0);
      CHECK(best_s <= f.mean_between_s * 1.0000001);
      CHECK(cost(best_s * 1.01) >= cost(best_s));
      CHECK(cost(best_s * 0.99) >= cost(best_s));
    }
  }

  TEST_CASE("failures: a small rate gives Young's interval and the first-order overhead sqrt(2 delta over M)") {
    // Daly's series: tau / Young = 1 + O(sqrt(delta/2M)) = 1 + 2.4e-3 at most here, overhead likewise.
    Failures const f{.mean_between_s = 1e7, .checkpoint_s = 60.0, .restart_s = 0.0};
    CHECK_CLOSE(best_interval_s(f), young_interval_s(f), 3e-3);
    double const tau_s = best_interval_s(f);
    CHECK_CLOSE(segment_moments(f, tau_s + 60.0).mean_s / tau_s - 1.0, std::sqrt(2.0 * 60.0 / 1e7), 3e-3);
  }

  TEST_CASE("failures: without them a run takes its work and its checkpoints") {
    Failures const f{.mean_between_s = std::numeric_limits<double>::infinity(), .checkpoint_s = 10.0, .restart_s = 5.0};
    CHECK(expected_run_s(f, 1000.0, 4.0) == 1030.0);
    CHECK(expected_run_s(f, 1000.0, segment_count(1000.0, best_interval_s(f))) == 1000.0);
  }

  TEST_CASE("failures: a segment that cannot end is infinite and not a number that overflowed") {
    Failures const f{.mean_between_s = 1.0, .checkpoint_s = 1.0, .restart_s = 1000.0};
    CHECK(std::isinf(segment_moments(f, 1.0).mean_s));
    CHECK(std::isinf(segment_moments({.mean_between_s = 1.0}, 1000.0).mean_s));
    CHECK(std::isinf(expected_run_s(f, 10.0, 10.0)));
  }

  TEST_CASE("failures: the moments of a short segment join those of a long one") {
    // The truncated exponential changes formula at busy = M / 1000, where both err by under 1e-6.
    Failures const f{.mean_between_s = 1e6, .checkpoint_s = 0.0, .restart_s = 100.0};
    auto const below = segment_moments(f, 999.999), above = segment_moments(f, 1000.001);
    CHECK_CLOSE(below.mean_s, above.mean_s, 1e-5);
    CHECK_CLOSE(below.variance_s2, above.variance_s2, 1e-5);
    CHECK_CLOSE(below.third_s3, above.third_s3, 2e-5);
  }
}
