// SPDX-License-Identifier: Apache-2.0
// Known truth through the real instrument: an operation of known mean, with noise that lasts and a machine that slows,
// measured by run_calibration itself; on a virtual clock, and by the real one on work that really takes that long.
#include <chrono>
#include <cmath>
#include <functional>

#include "calibrate/calibrate.hpp"
#include "calibrate/random.hpp"
#include "calibrate/rank_task.hpp"
#include "calibrate/robust.hpp"
#include "tests/support/checks.hpp"

using namespace kurve;
using namespace kurve::calibrate;

namespace {

struct Truth {
  double rho = 0.0;                    // lag-1 correlation of the noise from one timing to the next
  double drift_per_s = 0.0;            // relative slowing for each second of work
  double mean_s = 1e-3, noise = 0.05;  // sd over mean
  std::uint64_t seed = 1;
};

/// Durations by a known law: the mean, times drift, times noise.
class Durations {
 public:
  explicit Durations(Truth const& truth) : truth_(truth), x_(normal()) {}
  /// What the next one is in the mean over noise.
  double mean_s() const { return truth_.mean_s * (1.0 + truth_.drift_per_s * worked_s_); }
  double next_s() {
    double const time_s = mean_s() * (1.0 + truth_.noise * x_);
    x_ = truth_.rho * x_ + std::sqrt(1.0 - truth_.rho * truth_.rho) * normal();
    worked_s_ += time_s;
    return time_s;
  }
  double worked_s() const { return worked_s_; }

 private:
  double normal() { return random_normal(truth_.seed, 7, draw_++); }
  Truth truth_;
  std::uint64_t draw_ = 0;
  double x_, worked_s_ = 0.0;
};

/// The truth under drift: the noise-free mean over the time in which the operation was measured.
struct MeanOver {
  double sum_s = 0.0, n = 0.0;
  void add(double time_s) { sum_s += time_s, n += 1.0; }
  double mean_s() const { return sum_s / n; }
};

/// Every timing takes what the law says, on a virtual clock.
class NoisySleep : public Backend {
 public:
  explicit NoisySleep(Truth const& truth) : durations_(truth) {
    info_ = {.name = "synthetic", .device = "noisy sleep", .workload = "sleep", .algorithms = {"ring"}};
  }
  BackendInfo const& info() const override { return info_; }
  void begin_run(std::uint64_t) override {}
  double time_sleep(Seconds length) override { return length.count(); }
  std::vector<double> time_serial(int, int repeats) override {
    serial_.add(durations_.mean_s());
    return {repeats * durations_.next_s()};
  }
  std::vector<double> time_compute(int, int, int repeats) override { return {repeats * durations_.next_s()}; }
  std::vector<double> time_allreduce(Collective const&, int repeats) override {
    return {repeats * durations_.next_s()};
  }
  void verify_allreduce(Collective const&) override {}
  std::vector<RankStep> time_step(int, int) override { return {{.step_s = durations_.next_s(), .compute_s = 1e-3}}; }
  double now_s() const override { return durations_.worked_s(); }
  double serial_s() const { return serial_.mean_s(); }

 private:
  Durations durations_;
  BackendInfo info_;
  MeanOver serial_;
};

/// Spins for what the law says, and sees itself how late it ends: under a microsecond on a core of its own, as long as
/// others have that core otherwise.
class BusyWait : public Workload {
 public:
  explicit BusyWait(Truth const& truth) : durations_(truth) {}
  void reset(std::uint64_t) override {}
  void forward_backward(int, Place) override { wait(20e-6); }
  void update(float) override {
    serial_.add(durations_.mean_s());
    wait(durations_.next_s());
  }
  std::span<float> gradient() override { return gradient_; }
  std::string description() const override { return "busy wait"; }
  double serial_s() const { return serial_.mean_s(); }
  /// By how much everything until now ended later than it should.
  double late_s() const { return late_s_; }

 private:
  using Clock = std::chrono::steady_clock;
  void wait(double time_s) {
    auto const start = Clock::now();
    auto const spent = [&] { return std::chrono::duration<double>(Clock::now() - start).count(); };
    double spent_s = spent();
    while (spent_s < time_s) spent_s = spent();
    late_s_ += spent_s - time_s;
  }
  Durations durations_;
  MeanOver serial_;
  double late_s_ = 0.0;
  std::vector<float> gradient_ = std::vector<float>(1);
};

/// One rank in this process, timed as every backend of real ranks does it. What a timing took because its waits ended
/// late is the machine's doing and known: without it the law is the truth, however busy the machine is.
class OneRank : public RankedBackend {
 public:
  explicit OneRank(Truth const& truth) : wait_(truth) {
    info_ = {.name = "one rank", .device = "this core", .workload = "busy wait", .algorithms = {"ring"}};
  }
  BackendInfo const& info() const override { return info_; }
  double serial_s() const { return wait_.serial_s(); }

 private:
  struct Alone : Communicator {
    int rank() const override { return 0; }
    int ranks() const override { return 1; }
    void barrier() override {}
    void allreduce(std::span<float>, int) override {}
  };
  std::vector<RankResult> run(Task const& task) override {
    Alone alone;
    double const late_s = wait_.late_s();
    auto result = run_task(task, wait_, alone);
    result.step_s -= wait_.late_s() - late_s;
    return {result};
  }
  BusyWait wait_;
  BackendInfo info_;
};

struct Covered {
  int count = 0;
  int biased = 0;  // were every timing 2 % longer
};

/// Of 400 calibrations, how many hold the truth in the interval by which they stopped.
template <typename Machine>
Covered covered(Truth truth, double precision) {
  Covered covered;
  for (truth.seed = 1; truth.seed <= 400; ++truth.seed) {
    Machine machine(truth);
    CalibrateOptions options;
    options.design = {.local_batches = {1}, .global_batch = 1};
    options.stopping.relative_half_width = precision;
    options.runs = options.max_runs = 2;
    options.steps_per_run = 3;
    options.sleep_s = truth.mean_s;
    options.time_limit_s = 1e6;  // nothing is cut short, however busy the machine is
    auto const found = run_calibration(machine, options);
    std::vector<double> times;
    for (auto const& row : found.components.samples)
      if (row.op == data::Operation::serial) times.push_back(row.time_s);
    auto const p = precision_of(split_stragglers(times).core, 0.95);
    auto const holds = [&](double truth_s) { return std::abs(p.mean - truth_s) <= p.relative_half_width * p.mean; };
    covered.count += holds(machine.serial_s()) ? 1 : 0;
    covered.biased += holds(machine.serial_s() / 1.02) ? 1 : 0;
  }
  return covered;
}

}  // namespace

TEST_SUITE_BEGIN("stat");

TEST_CASE("known truth: noise correlated noise and drift come back within their interval in 95 +- 4 % of 400 runs") {
  for (auto const& truth : {Truth{}, Truth{.rho = 0.3}, Truth{.rho = 0.6}, Truth{.drift_per_s = 0.02},
                            Truth{.rho = 0.6, .drift_per_s = 0.02}}) {
    CAPTURE(truth.rho);
    CAPTURE(truth.drift_per_s);
    int const count = covered<NoisySleep>(truth, 0.01).count;
    MESSAGE("rho ", truth.rho, ", drift ", truth.drift_per_s, " /s: ", count, " of 400");
    CHECK(count >= 0.91 * 400);
    CHECK(count <= 0.99 * 400);
  }
}

TEST_CASE(
    "known truth: real work by the real clock comes back in 95 +- 4 % of 400 runs and a clock 2 % fast does not") {
  for (auto const& truth :
       {Truth{.mean_s = 100e-6, .noise = 0.1}, Truth{.rho = 0.3, .drift_per_s = 2.0, .mean_s = 100e-6, .noise = 0.1}}) {
    CAPTURE(truth.rho);
    auto const [count, biased] = covered<OneRank>(truth, 0.03);
    MESSAGE("rho ", truth.rho, ", drift ", truth.drift_per_s, " /s: ", count, " of 400, biased ", biased);
    CHECK(count >= 0.91 * 400);
    CHECK(count <= 0.99 * 400);
    CHECK(biased < 0.91 * 400);
  }
}

TEST_SUITE_END();
