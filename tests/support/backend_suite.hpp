// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "calibrate/backend.hpp"

namespace kurve::test {

/// What every backend promises, whatever it runs on. Times themselves are never asserted.
inline void check_backend(calibrate::Backend& backend) {
  using calibrate::Collective;
  auto const& info = backend.info();
  INFO("backend ", info.name, ", ", info.max_ranks, " ranks");
  REQUIRE(info.max_ranks >= 1);
  REQUIRE(info.workers_per_node >= 1);
  REQUIRE(!info.algorithms.empty());
  CHECK(!info.workload.empty());
  CHECK(backend.drives());

  auto all_positive = [](std::vector<double> const& times, int ranks) {
    CHECK(static_cast<int>(times.size()) == ranks);
    CHECK(std::all_of(times.begin(), times.end(), [](double t) { return t > 0.0; }));
  };
  double const before = backend.now_s();
  backend.begin_run(7);
  CHECK(backend.time_sleep(Seconds{1e-3}) >= 1e-3);
  for (int ranks = 1; ranks <= info.max_ranks; ++ranks) {
    all_positive(backend.time_serial(ranks, 2), ranks);
    all_positive(backend.time_compute(ranks, 4, 1), ranks);
    auto const step = backend.time_step(ranks, 4);
    REQUIRE(static_cast<int>(step.size()) == ranks);
    for (auto const& rank : step) {
      CHECK(rank.compute_s > 0.0);
      CHECK(rank.comm_s >= 0.0);
      CHECK(rank.step_s >= rank.compute_s + rank.comm_s);
    }
  }
  CHECK(backend.now_s() > before);

  // One element, fewer elements than ranks, counts that no K divides, a size that several messages carry.
  for (int ranks = 2; ranks <= info.max_ranks; ++ranks)
    for (int algorithm = 0; algorithm < static_cast<int>(info.algorithms.size()); ++algorithm)
      for (std::int64_t const bytes : {4, 8, 28, 4004, 1 << 20}) {
        Collective const collective{.ranks = ranks, .message = {bytes}, .algorithm = algorithm};
        CAPTURE(bytes);
        CHECK_NOTHROW(backend.verify_allreduce(collective));
        all_positive(backend.time_allreduce(collective, 3), ranks);
      }
}

}  // namespace kurve::test
