// SPDX-License-Identifier: Apache-2.0
// The five rules of measuring, a test each: fixed workload, warm-up excluded, set-up excluded, repeats, variance.
#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "calibrate/calibrate.hpp"
#include "calibrate/rank_task.hpp"
#include "data/stats.hpp"
#include "tests/calibrate/synthetic_machine.hpp"
#include "tests/support/checks.hpp"

using namespace kurve;
using namespace kurve::calibrate;

namespace {

/// A job whose set-up is dear: a fresh state takes 10 s, and whatever is done for the first time 1 s more than its 1 ms
/// (buffers, connections). The clock is virtual.
class DearSetUp : public Backend {
 public:
  BackendInfo const& info() const override { return info_; }
  void begin_run(std::uint64_t) override { now_ += 10.0; }
  double time_sleep(Seconds length) override { return pass(length.count()); }
  std::vector<double> time_serial(int ranks, int repeats) override { return timed(ranks, 0, 0, repeats); }
  std::vector<double> time_compute(int ranks, int batch, int repeats) override {
    return timed(ranks, 1, batch, repeats);
  }
  std::vector<double> time_allreduce(Collective const& c, int repeats) override {
    return timed(c.ranks, 2, c.message.count, repeats);
  }
  void verify_allreduce(Collective const&) override { now_ += 5.0; }
  std::vector<RankStep> time_step(int ranks, int batch) override {
    return std::vector<RankStep>(static_cast<std::size_t>(ranks),
                                 {.step_s = timed(ranks, 3, batch, 1).front(), .compute_s = 1e-3, .comm_s = 0.0});
  }
  double now_s() const override { return now_; }

 private:
  double pass(double time_s) {
    now_ += time_s;
    return time_s;
  }
  std::vector<double> timed(int ranks, int what, std::int64_t size, int repeats) {
    bool const first = done_.insert({ranks, what, size}).second;
    return std::vector<double>(static_cast<std::size_t>(ranks), pass(1e-3 * repeats + (first ? 1.0 : 0.0)));
  }

  BackendInfo info_{.name = "synthetic",
                    .device = "dear set-up",
                    .workload = "1 ms of anything",
                    .max_ranks = 2,
                    .gradient_bytes = 1024,
                    .algorithms = {"ring"}};
  std::set<std::tuple<int, int, std::int64_t>> done_;
  double now_ = 0.0;
};

/// Writes down what is done, in order.
struct Diary {
  std::vector<std::string> entries;
};
class DiaryWorkload : public Workload {
 public:
  explicit DiaryWorkload(Diary& diary) : diary_(diary) {}
  void reset(std::uint64_t) override { diary_.entries.emplace_back("set-up"); }
  void forward_backward(int, Place) override { diary_.entries.emplace_back("compute"); }
  void update(float) override { diary_.entries.emplace_back("update"); }
  std::span<float> gradient() override { return gradient_; }
  std::string description() const override { return "diary"; }

 private:
  Diary& diary_;
  std::vector<float> gradient_ = std::vector<float>(4);
};
class DiaryCommunicator : public Communicator {
 public:
  explicit DiaryCommunicator(Diary& diary) : diary_(diary) {}
  int rank() const override { return 0; }
  int ranks() const override { return 2; }
  void barrier() override { diary_.entries.emplace_back("start"); }
  void allreduce(std::span<float>, int) override { diary_.entries.emplace_back("all-reduce"); }

 private:
  Diary& diary_;
};

}  // namespace

TEST_SUITE_BEGIN("unit");

TEST_CASE("rule 1 of 5 fixed workload: every run is the same job every K its share of the same batch") {
  auto const backend = make_synthetic_backend(test::synthetic_machine(1));
  auto const c = run_calibration(*backend, test::quick_options(1));
  CHECK(c.steps.derived_regime() == model::Regime::strong);
  CHECK(c.steps.find("regime") == "strong");
  for (auto const& row : c.steps.samples) CHECK(row.global_batch == 64.0);
}

TEST_CASE("rule 2 of 5 warm-up excluded: a cold start is in no sample") {
  auto truth = test::synthetic_machine(2);
  truth.cold_start_factor = 20.0;
  auto const c = run_calibration(*make_synthetic_backend(truth), test::quick_options(2));
  double const usual = model::step_time(truth.parameters, 1, 64).total_s();
  for (double const t : test::times_of(c.steps, 1)) CHECK(t < 1.2 * usual);  // noise of 2 % never reaches 20 %
  CHECK(c.steps.warmup() == data::Inclusion::excluded);
  for (auto const& point : c.points) CHECK(point.warmup_dropped >= 4);
}

TEST_CASE("rule 3 of 5 set-up excluded: however long it takes it is in no sample") {
  DearSetUp backend;
  CalibrateOptions options;
  options.time_limit_s = 1e6;
  auto const c = run_calibration(backend, options);
  REQUIRE(c.steps.samples.size() > 100);
  for (auto const* study : {&c.components, &c.steps})
    for (auto const& row : study->samples) CHECK_CLOSE(row.time_s, 1e-3, 1e-9);
  CHECK(c.elapsed_s > 100.0);  // it was paid, outside
  CHECK(c.steps.find("setup") == "excluded");
}

TEST_CASE("rule 3 of 5 set-up excluded: a rank is set up before the start of a timing and never in it") {
  Diary diary;
  DiaryWorkload workload(diary);
  DiaryCommunicator communicator(diary);
  auto const done = [&](Task task) {
    task.ranks = 2;
    diary.entries.clear();
    static_cast<void>(run_task(task, workload, communicator));
    return diary.entries;
  };
  using Kind = Task::Kind;
  using Entries = std::vector<std::string>;
  CHECK(done({.kind = Kind::begin_run}) == Entries{"set-up"});
  CHECK(done({.kind = Kind::step, .local_batch = 1}) == Entries{"start", "compute", "all-reduce", "update"});
  CHECK(done({.kind = Kind::serial}) == Entries{"start", "update"});
  CHECK(done({.kind = Kind::compute, .local_batch = 1, .repeats = 2}) == Entries{"start", "compute", "compute"});
  // The first contact of fresh buffers is set-up too.
  CHECK(done({.kind = Kind::allreduce, .bytes = 64}) == Entries{"all-reduce", "start", "all-reduce"});
}

TEST_CASE("rule 4 of 5 repeats: at least `runs` runs of every K until the mean is as precise as asked") {
  auto options = test::quick_options(3);
  options.runs = 4;
  options.max_runs = 40;
  auto truth = test::synthetic_machine(3);
  truth.parameters.noise_run_cv = 0.02;
  options.stopping = {.relative_half_width = 0.02, .min_samples = 30, .max_samples = 300};
  auto const c = run_calibration(*make_synthetic_backend(truth), options);
  std::map<int, std::map<int, std::vector<double>>> runs;
  for (auto const& row : c.steps.samples) runs[row.ranks][*row.run].push_back(row.time_s);
  for (int const ranks : {1, 2, 4, 8}) {
    std::vector<double> means;
    for (auto const& [run, times] : runs[ranks]) means.push_back(data::summarize(times).mean);
    CHECK(means.size() >= 4);
    CHECK((precision_of(means, 0.95).relative_half_width <= 0.02 || means.size() == 40));
  }
  for (auto const& point : c.points) CHECK(point.timings >= 30);
}

TEST_CASE("rule 5 of 5 variance: every raw timing is kept and the spread comes back") {
  auto truth = test::synthetic_machine(3);
  auto const c = run_calibration(*make_synthetic_backend(truth), test::quick_options(3));
  for (auto const& point : c.points) {
    auto const rows = std::count_if(c.components.samples.begin(), c.components.samples.end(), [&](auto const& row) {
      return row.op == point.point.op && row.ranks == point.point.ranks && row.bytes.value_or(0) == point.point.bytes &&
             static_cast<int>(row.local_batch.value_or(0)) == point.point.local_batch;
    });
    CHECK(rows == point.timings * point.point.ranks);
  }
  for (auto const& point : c.points) {
    CHECK(point.low_quartile_s <= point.median_s);
    CHECK(point.median_s <= point.high_quartile_s);
  }
  // The truth's noise of 2 %: the sd of n timings of one operation is known to 1/sqrt(2 (n - 1)) of itself.
  std::map<int, std::vector<double>> compute;
  for (auto const& row : c.components.samples)
    if (row.op == data::Operation::compute && row.ranks == 1)
      compute[static_cast<int>(row.local_batch.value_or(0))].push_back(row.time_s);
  CHECK(compute.size() >= 4);
  for (auto const& [batch, times] : compute) {
    auto const spread = data::summarize(times);
    CHECK_CLOSE(spread.sd / spread.mean, 0.02, 4.0 / std::sqrt(2.0 * (static_cast<double>(times.size()) - 1.0)));
  }
}

TEST_SUITE_END();
