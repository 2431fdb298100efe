// SPDX-License-Identifier: Apache-2.0
#include "calibrate/journal.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <tuple>

#include "calibrate/calibrate.hpp"
#include "model/error.hpp"
#include "tests/calibrate/synthetic_machine.hpp"
#include "tests/support/checks.hpp"
#include "tests/support/temporary.hpp"

using namespace kurve;
using namespace kurve::calibrate;
using test::TemporaryFolder;

namespace {

/// The synthetic machine, which dies at its `calls`-th timing.
class DyingBackend : public Backend {
 public:
  explicit DyingBackend(int calls) : machine_(make_synthetic_backend(test::synthetic_machine(1))), left_(calls) {}
  BackendInfo const& info() const override { return machine_->info(); }
  void begin_run(std::uint64_t seed) override { machine_->begin_run(seed); }
  double time_sleep(Seconds length) override { return machine_->time_sleep(length); }
  std::vector<double> time_serial(int ranks, int repeats) override {
    live();
    return machine_->time_serial(ranks, repeats);
  }
  std::vector<double> time_compute(int ranks, int batch, int repeats) override {
    live();
    return machine_->time_compute(ranks, batch, repeats);
  }
  std::vector<double> time_allreduce(Collective const& collective, int repeats) override {
    live();
    return machine_->time_allreduce(collective, repeats);
  }
  void verify_allreduce(Collective const& collective) override { machine_->verify_allreduce(collective); }
  std::vector<RankStep> time_step(int ranks, int batch) override {
    live();
    return machine_->time_step(ranks, batch);
  }
  double now_s() const override { return machine_->now_s(); }
  Observation observed() const override {
    return {.host_s = {1e-3 + 1e-9 * left_},
            .sm_clock_Hz = 1.2e9,
            .power_W = 650.5,
            .chosen = "RING/LL128",
            .clock_reasons = software_power_cap};
  }

 private:
  void live() {
    if (left_-- == 0) throw DeviceError("rank 1 is dead (no answer for 30 s)");
  }
  std::unique_ptr<Backend> machine_;
  int left_;
};

CalibrateOptions small_options() {
  CalibrateOptions options;
  options.design.ranks = {1, 2};
  options.design.local_batches = {8};
  options.design.message_bytes = {1024};
  options.stopping = {.relative_half_width = 0.001, .min_samples = 20, .max_samples = 20};
  options.runs = 2;
  options.max_runs = 2;
  options.steps_per_run = 4;
  options.time_limit_s = 1e6;  // virtual
  return options;
}

Calibration calibrated(Backend& backend, Journal& journal) {
  auto options = small_options();
  options.journal = &journal;
  return run_calibration(backend, options);
}

JournalIdentity const here{{"host", "here"}, {"seed", "1"}};

/// What makes a row of a Study itself and no other.
using RowKey = std::tuple<int, int, std::int64_t, double, int, int, int>;
std::vector<RowKey> keys_of(data::Study const& study) {
  std::vector<RowKey> keys;
  for (auto const& s : study.samples)
    keys.emplace_back(static_cast<int>(s.op), s.ranks, s.bytes.value_or(0), s.local_batch.value_or(0.0), *s.run,
                      *s.step, s.rank.value_or(-1));
  std::sort(keys.begin(), keys.end());
  return keys;
}

std::vector<std::string> lines_of(std::string const& path) {
  std::ifstream in(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

}  // namespace

TEST_SUITE_BEGIN("unit");

TEST_CASE("journal: a calibration that died at any timing and was resumed has every row of one that did not") {
  Journal none;
  auto const machine = make_synthetic_backend(test::synthetic_machine(1));
  auto const whole = calibrated(*machine, none);
  REQUIRE(whole.ended == Ended::complete);
  // 8 component points of 20 timings in 2 blocks, each after 2 to 4 of warm-up, 2 points of steps with 8 each: over
  // 200.
  for (int const calls : {3, 7, 19, 40, 88, 127, 161, 200}) {
    CAPTURE(calls);
    TemporaryFolder const folder;
    auto const path = folder.path("journal.jsonl");
    DyingBackend dying(calls);
    {
      Journal journal(path, here, JournalMode::begin);
      if (calls < 14) {  // nothing but warm-up
        CHECK_THROWS_AS(static_cast<void>(calibrated(dying, journal)), DeviceError);
      } else {
        auto const part = calibrated(dying, journal);
        CHECK(part.ended == Ended::failed);
        CHECK_THROWS_AS(std::rethrow_exception(part.failure), DeviceError);
        CHECK(!part.components.samples.empty());
      }
    }
    auto const before = lines_of(path);
    CHECK(test::message_of<InputError>([&] {
            return Journal(path, here, JournalMode::begin);
          }).find(calls < 14 ? "" : "did not finish") != std::string::npos);
    Journal journal(path, here, JournalMode::resume);
    auto const resumed = calibrated(*make_synthetic_backend(test::synthetic_machine(1)), journal);
    CHECK(resumed.ended == Ended::complete);
    CHECK(keys_of(resumed.components) == keys_of(whole.components));
    CHECK(keys_of(resumed.steps) == keys_of(whole.steps));
    CHECK(keys_of(resumed.per_rank) == keys_of(whole.per_rank));
    auto const after = lines_of(path);
    REQUIRE(after.size() > before.size());
    CHECK(std::equal(before.begin(), before.end(), after.begin()));
  }
}

TEST_CASE("journal: what it gives back is what was measured to the last bit") {
  TemporaryFolder const folder;
  auto const path = folder.path("journal.jsonl");
  auto text = [](Calibration const& c) {
    std::ostringstream out;
    for (auto const* study : {&c.components, &c.steps, &c.per_rank}) data::write_study_csv(out, *study);
    return out.str();
  };
  Calibration first;
  {
    Journal journal(path, here, JournalMode::begin);
    DyingBackend talkative(1'000'000);  // says something of every timing
    first = calibrated(talkative, journal);
  }
  CHECK(first.components.configuration_columns.size() == 7);
  Journal journal(path, here, JournalMode::resume);
  DyingBackend dead(0);  // nothing is left to measure
  auto const again = calibrated(dead, journal);
  CHECK(again.ended == Ended::complete);
  CHECK(text(again) == text(first));
  CHECK_FALSE(journal.replaying());
}

TEST_CASE("journal: a torn last record is dropped a damaged one before it is an error at its line") {
  TemporaryFolder const folder;
  auto const path = folder.path("journal.jsonl");
  {
    Journal journal(path, here, JournalMode::begin);
    DyingBackend dying(100);
    static_cast<void>(calibrated(dying, journal));
  }
  auto const whole = lines_of(path);
  auto const size = std::filesystem::file_size(path);
  for (std::string const torn : {R"({"block":{"op":"ser)", "{}", std::string("\0\0\0\0\n", 5).c_str(), "\n"}) {
    CAPTURE(torn);
    std::ofstream(path, std::ios::app | std::ios::binary) << torn;
    CHECK(Journal(path, here, JournalMode::resume).resumed() == whole.size() - 1);
    CHECK(std::filesystem::file_size(path) == size);
  }
  std::ofstream(path, std::ios::app) << "garbage\n" << whole.back() << "\n";
  auto const message = test::message_of<DataError>([&] { return Journal(path, here, JournalMode::resume); });
  CHECK(message.find(path + ":" + std::to_string(whole.size() + 1) + ": is not a record") == 0);
  CHECK_NOTHROW(Journal(path, here, JournalMode::restart));
  std::ofstream(path) << R"({"kurve":"kurve.jou)";  // killed in the very first write
  CHECK(Journal(path, here, JournalMode::begin).resumed() == 0);
}

TEST_CASE("journal: another machine or other options are refused with what differs") {
  TemporaryFolder const folder;
  auto const path = folder.path("journal.jsonl");
  {
    Journal journal(path, here, JournalMode::begin);
    static_cast<void>(calibrated(*make_synthetic_backend(test::synthetic_machine(1)), journal));
  }
  auto const message = test::message_of<InputError>([&] {
    return Journal(path, {{"host", "there"}, {"seed", "1"}}, JournalMode::resume);
  });
  CHECK(message.find("host is 'here' there and 'there' here") != std::string::npos);
  CHECK(message.find("seed") == std::string::npos);
  auto const machine = make_synthetic_backend(test::synthetic_machine(1));
  auto options = small_options();
  auto const identity = journal_identity(machine->info(), options);
  options.time_limit_s = 7.0;
  CHECK(journal_identity(machine->info(), options) == identity);  // more time is no other calibration
  options.seed = 2;
  CHECK(journal_identity(machine->info(), options) != identity);
  options = small_options();
  options.design.local_batches = {9};
  CHECK(journal_identity(machine->info(), options) != identity);
}

TEST_CASE("journal: one process at a time and a finished one makes room") {
  TemporaryFolder const folder;
  auto const path = folder.path("journal.jsonl");
  {
    Journal journal(path, here, JournalMode::begin);
    CHECK(test::message_of<InputError>([&] {
            return Journal(path, here, JournalMode::resume);
          }).find("another process") != std::string::npos);
    DyingBackend dying(100);
    static_cast<void>(calibrated(dying, journal));
    journal.finish();
  }
  CHECK_NOTHROW(Journal(path, here, JournalMode::begin));
  CHECK(test::message_of<InputError>([&] {
          return Journal(folder.path("no/such"), here, JournalMode::begin);
        }).find("No such file") != std::string::npos);
}

TEST_CASE("calibrate: a wish to stop ends it at the next timing") {
  auto options = small_options();
  int asked = 0;
  options.stop = [&] { return ++asked > 100; };
  auto const part = run_calibration(*make_synthetic_backend(test::synthetic_machine(1)), options);
  CHECK(part.ended == Ended::stopped);
  CHECK(!part.components.samples.empty());
  CHECK(part.components.samples.size() <= 200);  // at most two rows a timing
}

TEST_SUITE_END();
