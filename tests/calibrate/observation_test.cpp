// SPDX-License-Identifier: Apache-2.0
#include "calibrate/observation.hpp"

#include <algorithm>

#include "calibrate/sampler.hpp"
#include "calibrate/study_of.hpp"
#include "tests/support/checks.hpp"

using namespace kurve;
using namespace kurve::calibrate;

namespace {

/// A card that throttles in every `throttle_every`-th timing (never for 0), and then takes twice as long.
class HotBackend : public Backend {
 public:
  explicit HotBackend(int throttle_every) : throttle_every_(throttle_every) {
    info_ = {.name = "hot", .device = "test", .workload = "test", .algorithms = {"ring"}};
    info_.launches = {"direct", "graph"};
  }
  BackendInfo const& info() const override { return info_; }
  void begin_run(std::uint64_t) override {}
  double time_sleep(Seconds length) override { return length.count(); }
  std::vector<double> time_serial(int, int repeats) override {
    hot_ = throttle_every_ > 0 && ++calls_ % throttle_every_ == 0;
    return {repeats * (hot_ ? 2e-3 : 1e-3) * (launch_ == 1 ? 0.5 : 1.0)};
  }
  std::vector<double> time_compute(int ranks, int, int repeats) override { return time_serial(ranks, repeats); }
  std::vector<double> time_allreduce(Collective const&, int repeats) override { return time_serial(1, repeats); }
  void verify_allreduce(Collective const&) override {}
  std::vector<RankStep> time_step(int, int) override { return {{.step_s = 1.0, .compute_s = 1.0}}; }
  void use_launch(int launch) override { launch_ = launch; }
  Observation observed() const override {
    return {.host_s = {2e-3},
            .sm_clock_Hz = 1.2e9,
            .power_W = 650.0,
            .clock_reasons = hot_ ? hardware_thermal : software_power_cap};
  }

 private:
  int throttle_every_, calls_ = 0, launch_ = 0;
  bool hot_ = false;
  BackendInfo info_;
};

Series measured(HotBackend& backend, int launch = 0) {
  Sampler sampler(backend, {.relative_half_width = 1e-9, .min_samples = 30, .max_samples = 60}, [] { return false; });
  Series series{.point = {.op = data::Operation::serial, .launch = launch}};
  for (int round = 0; round < 20 && !series.done; ++round) sampler.take(series, sampler.visit(series, round));
  return series;
}

}  // namespace

TEST_SUITE_BEGIN("unit");

TEST_CASE("clock reasons: every documented bit has its name and an unknown one is shown as it is") {
  CHECK(clock_reasons_text(0) == "none");
  CHECK(clock_reasons_text(0x4) == "software_power_cap");
  CHECK(clock_reasons_text(0x1ff) ==
        "gpu_idle+applications_clocks+software_power_cap+hardware_slowdown+sync_boost+software_thermal+"
        "hardware_thermal+hardware_power_brake+display_clocks");
  CHECK(clock_reasons_text(0x8 | 0x10000) == "hardware_slowdown+0x10000");
}

TEST_CASE("a power cap is the job's normal state and heat is not") {
  for (std::uint64_t const fine : {0x0, 0x1, 0x2, 0x4, 0x10, 0x100}) CHECK(!throttled({.clock_reasons = fine}));
  for (std::uint64_t const bad : {0x8, 0x20, 0x40, 0x80, 0x44}) CHECK(throttled({.clock_reasons = bad}));
  CHECK(!throttled({}));
}

TEST_CASE("throttled timings are set apart and counted") {
  HotBackend backend(10);
  auto const series = measured(backend);
  CHECK(!series.suspect);
  CHECK(series.throttled.size() >= 3);
  for (auto const& timing : series.timings) CHECK(timing.rank_s.front() == 1e-3);
  for (auto const& timing : series.throttled) CHECK(timing.rank_s.front() == 2e-3);
}

TEST_CASE("a card that throttles in half of its timings is suspect and measured as it is") {
  HotBackend backend(2);
  auto const series = measured(backend);
  CHECK(series.suspect);
  CHECK(series.throttled.empty());
  CHECK(series.done);
  CHECK(std::count_if(series.timings.begin(), series.timings.end(),
                      [](auto const& timing) { return timing.rank_s.front() == 2e-3; }) > 10);
}

TEST_CASE("component Study: launch and what the device said are configuration columns and only where known") {
  HotBackend backend(0);
  CalibrateOptions const options;
  auto const study = component_study({measured(backend, 0), measured(backend, 1)}, backend.info(), options);
  CHECK(study.configuration_columns == std::vector<std::string>{"algorithm", "repeats", "launch", "host_s",
                                                                "sm_clock_Hz", "power_W", "clock_reasons"});
  CHECK(study.samples.front().configuration ==
        std::vector<std::string>{"", "1", "direct", "0.002", "1.2e+09", "650", "software_power_cap"});
  CHECK(study.samples.back().configuration[2] == "graph");
  CHECK(study.samples.back().time_s == 0.5e-3);

  Series plain{.point = {.op = data::Operation::serial}, .repeats = 1, .timings = {{.rank_s = {1.0}}}};
  CHECK(component_study({plain}, {.name = "host", .algorithms = {"ring"}}, options).configuration_columns ==
        std::vector<std::string>{"algorithm", "repeats"});
}

TEST_SUITE_END();
