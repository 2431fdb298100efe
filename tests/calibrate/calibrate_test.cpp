// SPDX-License-Identifier: Apache-2.0
#include "calibrate/calibrate.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include "calibrate/backend_host.hpp"
#include "calibrate/backend_replay.hpp"
#include "data/stats.hpp"
#include "model/error.hpp"
#include "tests/calibrate/synthetic_machine.hpp"
#include "tests/support/checks.hpp"

using namespace kurve;
using namespace kurve::calibrate;
using data::Operation;

TEST_SUITE_BEGIN("unit");

TEST_CASE("calibrate: a known sleep tells the instrument's bias") {
  auto truth = test::synthetic_machine(4);
  truth.sleep_bias_s = 80e-6;
  CHECK_CLOSE(run_calibration(*make_synthetic_backend(truth), test::quick_options(4)).sleep_bias_s, 80e-6, 1e-6);
}

TEST_CASE("calibrate: the time limit is honoured and what there is is kept and said to be short") {
  auto options = test::quick_options(5);
  options.time_limit_s = 2.0;  // of virtual time; all of it takes some 15
  auto const c = run_calibration(*make_synthetic_backend(test::synthetic_machine(5)), options);
  CHECK(c.elapsed_s < 2.0 * 1.2);  // one visit's warm-up of 33 ms, at each of 4 K at most
  CHECK(!c.components.samples.empty());
  CHECK(!c.warnings.empty());
  CHECK(std::any_of(c.points.begin(), c.points.end(),
                    [](auto const& p) { return p.termination == Termination::out_of_time; }));
}

TEST_CASE("calibrate: stops for precision early where a point is quiet") {
  auto truth = test::synthetic_machine(6);
  auto options = test::quick_options(6);
  options.stopping = {.relative_half_width = 0.02, .min_samples = 10, .max_samples = 1000};
  auto const c = run_calibration(*make_synthetic_backend(truth), options);
  for (auto const& point : c.points) {
    CHECK(point.termination == Termination::precise);
    CHECK(point.timings <= 40);  // 2 % noise needs (2 * 2 / 2)^2 = 4 to 5; ten are the least, rounds are of ten
  }
  CHECK(c.warnings.empty());
}

TEST_CASE("calibrate: work under 10 us is timed in batches of 100 us longer work alone") {
  auto truth = test::synthetic_machine(15);
  truth.component_noise_cv = 0.0;
  truth.parameters.serial_s = 3e-6;
  auto const c = run_calibration(*make_synthetic_backend(truth), test::quick_options(15));
  for (auto const& point : c.points) CHECK(point.repeats == (point.point.op == Operation::serial ? 34 : 1));
}

TEST_CASE("calibrate: drift cannot pose as size because rounds interleave the points") {
  // The machine slows by 10 % over the calibration. Measured one point after another, that would bend the batch curve
  // by up to 10 %; interleaved, every point sees the same average and ratios stay within noise.
  auto truth = test::synthetic_machine(7);
  truth.parameters.noise_cv = truth.component_noise_cv = 1e-4;
  truth.drift_per_s = 0.1 / 15.0;
  auto const c = run_calibration(*make_synthetic_backend(truth), test::quick_options(7));
  std::map<int, double> ratio;
  for (auto const& point : c.points)
    if (point.point.op == Operation::compute && point.point.ranks == 1)
      ratio[point.point.local_batch] = point.mean_s / model::compute_time_s(truth.parameters, point.point.local_batch);
  auto const [low, high] =
      std::minmax_element(ratio.begin(), ratio.end(), [](auto const& a, auto const& b) { return a.second < b.second; });
  CHECK(high->second / low->second <
        1.02);  // four rounds in random order: positions average to within a fifth of the drift
}

TEST_CASE("calibrate: Studies survive their file and the recording replays") {
  auto const c = run_calibration(*make_synthetic_backend(test::synthetic_machine(8)), test::quick_options(8));
  for (auto const* study : {&c.components, &c.steps, &c.per_rank}) {
    std::stringstream file;
    data::write_study_csv(file, *study);
    auto const again = data::read_study_csv(file, "again.csv");
    CHECK(again.samples.size() == study->samples.size());
    CHECK(again.kind() == study->kind());
    CHECK(again.find("gradient_bytes") == study->find("gradient_bytes"));
  }
  auto const replay = make_replay_backend(c.components);
  auto options = test::quick_options(8);
  auto const second = run_calibration(*replay, options);
  REQUIRE(second.points.size() == c.points.size());
  for (std::size_t i = 0; i < c.points.size(); ++i) CHECK_CLOSE(second.points[i].mean_s, c.points[i].mean_s, 0.02);
}

TEST_CASE("calibrate: a dry run lists the points and about how long they take") {
  auto const plan = plan_calibration(*make_synthetic_backend(test::synthetic_machine(9)), test::quick_options(9));
  double total = 0.0;
  for (auto const& point : plan) {
    total += point.estimate_s;
    CHECK(point.least_s <= point.estimate_s);
  }
  CHECK(plan.size() > 20);
  CHECK(plan.front().description == "compute, local batch 4, 1 rank");
  double const actual =
      run_calibration(*make_synthetic_backend(test::synthetic_machine(9)), test::quick_options(9)).elapsed_s;
  // All points take their 40 timings; runs of whole steps vary in number, and are a third of all.
  CHECK(total > 0.6 * actual);
  CHECK(total < 1.6 * actual);
}

TEST_CASE("calibrate: progress goes from 0 to 1 and names the point") {
  auto options = test::quick_options(10);
  std::vector<Progress> seen;
  options.progress = [&](Progress const& p) { seen.push_back(p); };
  static_cast<void>(run_calibration(*make_synthetic_backend(test::synthetic_machine(10)), options));
  CHECK(std::is_sorted(seen.begin(), seen.end(),
                       [](auto const& a, auto const& b) { return a.fraction < b.fraction - 1e-12; }));
  CHECK(seen.front().what.find("verify") == 0);
  CHECK(seen.back().fraction <= 1.0);
}

TEST_CASE("calibrate: options out of range are named") {
  auto message = [](auto change) {
    CalibrateOptions options;
    change(options);
    return test::message_of<InputError>([&] {
      check(options);
      return 0;
    });
  };
  CHECK(message([](auto& o) { o.runs = 1; }).find("runs=1") == 0);
  CHECK(message([](auto& o) { o.max_runs = 2; }).find("max_runs=2") == 0);
  CHECK(message([](auto& o) { o.steps_per_run = 2; }).find("steps_per_run=2") == 0);
  CHECK(message([](auto& o) { o.time_limit_s = 0; }).find("time_limit=0") == 0);
  CHECK(message([](auto& o) { o.sleep_s = 0; }).find("sleep=0") == 0);
}

TEST_CASE("calibrate: the real host all the way") {
  auto const backend = make_host_backend(2, "mlp: widths=8-12-5,pool=64");
  CalibrateOptions options;
  options.stopping = {.relative_half_width = 0.5, .min_samples = 5, .max_samples = 10};
  options.steps_per_run = 5;
  options.time_limit_s = 20.0;
  auto const c = run_calibration(*backend, options);
  CHECK(c.components.kind() == data::StudyKind::components);
  CHECK(test::times_of(c.steps, 1).size() >= 3);
  CHECK(test::times_of(c.steps, 2).size() >= 3);
  CHECK(c.sleep_bias_s > 0.0);
}

TEST_SUITE_END();
