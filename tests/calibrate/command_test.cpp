// SPDX-License-Identifier: Apache-2.0
// Programs here are one-line shell scripts that print step times of known truth without taking them.
#include "calibrate/command.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>
#include <tuple>

#include "calibrate/fit.hpp"
#include "calibrate/journal.hpp"
#include "calibrate/shell_run.hpp"
#include "model/error.hpp"
#include "model/step.hpp"
#include "tests/support/checks.hpp"
#include "tests/support/temporary.hpp"

using namespace kurve;
using namespace kurve::calibrate;
using test::TemporaryFolder;

namespace {

/// 20 steps, the first three times as long; 0.2 ms + 25 us a sample, and a ring of 5 us latency and 0.2 ms for the
/// bytes; 1 % of noise that repeats every 5 steps and averages out.
std::string const job =
    R"(awk 'BEGIN { k = {ranks}; ring = k > 1 ? 2 * (k - 1) * 5e-6 + 2 * (k - 1) / k * 2e-4 : 0
  for (i = 0; i <= 20; ++i)
    printf "step %d step_time_s=%.9f\n", i, (i ? 1 : 3) * (2e-4 + 2.5e-5 * {batch} + ring) * (1 + 0.005 * (i % 5 - 2)) }')";

CommandOptions command_of(TemporaryFolder const& folder, std::string const& text) {
  return {.command = text, .local_batches = {4, 8, 16}, .ranks = {1, 2, 4}, .log_folder = folder.path("logs")};
}

CalibrateOptions options_of(Journal* journal = nullptr) {
  CalibrateOptions options;
  options.time_limit_s = 60.0;
  options.journal = journal;
  return options;
}

std::size_t files_in(std::string const& folder) {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator{}));
}

}  // namespace

TEST_SUITE_BEGIN("unit");

TEST_CASE("command: what will be run is every batch on one rank and every K at its share") {
  CommandOptions command{
      .command = "mpirun -n {ranks} ./train --batch {batch}", .local_batches = {8, 16, 32}, .ranks = {1, 2, 4}};
  std::vector<std::string> texts;
  for (auto const& run : command_runs(command)) texts.push_back(run.command);
  CHECK(texts == std::vector<std::string>{"mpirun -n 1 ./train --batch 8", "mpirun -n 1 ./train --batch 16",
                                          "mpirun -n 1 ./train --batch 32", "mpirun -n 2 ./train --batch 16",
                                          "mpirun -n 4 ./train --batch 8"});
  command.regime = model::Regime::weak;
  CHECK(command_runs(command).back().command == "mpirun -n 4 ./train --batch 32");
  auto message = [](CommandOptions const& c) { return test::message_of<InputError>([&] { return command_runs(c); }); };
  CHECK(message({.command = "./train", .local_batches = {8, 16}}).find("no {batch} in --command './train'") !=
        std::string::npos);
  CHECK(message({.command = "./train {batch}", .local_batches = {8}, .ranks = {1, 2}}).find("no {ranks}") !=
        std::string::npos);
  CHECK(message({.command = "./train"}).find("no batches") == 0);
  CHECK(message({.command = "./train", .local_batches = {0}}).find("batches=0") == 0);
}

TEST_CASE("command: compute and the ring come back from what a program prints warm-up and all") {
  TemporaryFolder const folder;
  auto const found = calibrate_command(command_of(folder, job), options_of());
  CHECK(found.ended == Ended::complete);
  CHECK(files_in(folder.path("logs")) == 5 * 3);  // 5 points, each precise after 3 runs that agree
  CHECK(std::find(found.warnings.begin(), found.warnings.end(),
                  "step times are read from lines with `step_time_s=...`") != found.warnings.end());
  CHECK(found.steps.derived_regime() == model::Regime::strong);
  for (auto const& row : found.steps.samples) CHECK(*row.step >= 1);  // the first step is in no sample
  auto components = found.components, steps = found.steps;
  for (auto* study : {&components, &steps}) study->set("gradient_bytes", "1000000");
  auto const model = fit_components(components, steps, {.draws = 100}).model;
  // The noise of a run averages to 1 + 0.005 * (0 in every 5 steps); 20 steps are four times 5.
  CHECK_CLOSE(model.parameters.compute_per_sample_s, 2.5e-5, 1e-3);
  CHECK_CLOSE(model.parameters.compute_fixed_s + model.parameters.serial_s, 2e-4, 1e-2);
  CHECK_FALSE(model.knowledge.at("serial").identified);
  CHECK_FALSE(model.knowledge.at("compute.fixed").identified);
  for (double const k : {8.0, 16.0}) {
    double const truth = 2e-4 + 2.5e-5 * 16.0 / k + 2.0 * (k - 1.0) * 5e-6 + 2.0 * (k - 1.0) / k * 2e-4;
    CHECK_CLOSE(model::step_time(model.parameters, k, 16.0).total_s(), truth, 0.01);
    CHECK(model.knowledge.at("network.intra.latency").source == model::Source::fitted);
  }
}

TEST_CASE("command: every way of printing step times says how it was read") {
  struct Way {
    std::string command, pattern;
    double unit_s;
    std::string how;
  };
  std::string const loop = "for i in 1 2 3 4 5; do echo ";
  for (
      auto const& way :
      {Way{loop + "0.001; done", "", 1.0, "one number a line, in units of 1 s"},
       Way{loop + "t: 1 ms; done", "t: (.*) ms", 1e-3, "--pattern 't: (.*) ms', in units of 0.001 s"},
       Way{"echo ':::MLLOG {\"key\":\"global_batch_size\",\"value\":8}'; " + loop +
               R"(':::MLLOG {"key":"tracked_stats","value":{"train_step_timing":0.001},"metadata":{"step":'$i'}}'; done)",
           "", 1.0, ":::MLLOG lines"}}) {
    CAPTURE(way.how);
    TemporaryFolder const folder;
    CommandOptions command{
        .command = way.command, .local_batches = {8}, .unit_s = way.unit_s, .log_folder = folder.path("logs")};
    if (!way.pattern.empty()) command.pattern = data::StepPattern(way.pattern);
    auto const found = calibrate_command(command, options_of());
    CHECK(found.warnings.front() == "step times are read from " + way.how);
    CHECK(found.components.samples.size() == 3 * 4);
    for (auto const& row : found.components.samples) CHECK(row.time_s == doctest::Approx(1e-3));
  }
}

TEST_CASE("command: a program that fails says nothing or says too much ends with its last lines") {
  TemporaryFolder const folder;
  auto message = [&](std::string const& text, auto error) {
    CommandOptions const command{
        .command = text, .local_batches = {8}, .timeout_s = 0.3, .log_folder = folder.path("logs")};
    return test::message_of<decltype(error)>([&] { return calibrate_command(command, options_of()); });
  };
  DeviceError const device("");
  DataError const data("");
  CHECK(message("echo oops; exit 7", device).find("`echo oops; exit 7` ended with exit code 7.") == 0);
  CHECK(message("echo oops; exit 7", device).find("\n  | oops") != std::string::npos);
  CHECK(message("./no_such_program", device).find("was not found (exit code 127)") != std::string::npos);
  CHECK(message("echo so far; sleep 60", device).find("did not end in 0.3 s") != std::string::npos);
  CHECK(message("kill -SEGV $$", device).find("exit code 139") != std::string::npos);
  CHECK(message("echo hello", data).find("0 step times in the output of `echo hello`") != std::string::npos);
  CHECK(message("for i in 1 2 3; do echo 12; done", data).find("step times add up to 36 s") != std::string::npos);
}

TEST_CASE("command: a run that fails midway keeps the runs before it and resume goes on with the rest") {
  TemporaryFolder const folder;
  auto const gate = folder.path("gate");
  auto command = command_of(folder, "[ {ranks} -lt 4 ] || [ -e '" + gate + "' ] || exit 9\n" + job);
  auto const path = folder.path("journal.jsonl");
  std::size_t kept = 0;
  {
    Journal journal(path, journal_identity(command, options_of()), JournalMode::begin);
    auto const part = calibrate_command(command, options_of(&journal));
    CHECK(part.ended == Ended::failed);
    CHECK_THROWS_AS(std::rethrow_exception(part.failure), DeviceError);
    kept = part.components.samples.size();
  }
  // The dry run knows what those take that have ended; precise after three, because all runs of a point agree.
  auto const earlier = runs_in_journal(path, journal_identity(command, options_of()));
  CHECK_FALSE(earlier.finished);
  REQUIRE_FALSE(earlier.runs.empty());
  double longest_s = 0.0;
  for (auto const& run : earlier.runs) longest_s = std::max(longest_s, run.elapsed_s);
  for (auto const& planned : plan_command(command, options_of(), earlier.runs)) {
    bool const ended = std::any_of(earlier.runs.begin(), earlier.runs.end(),
                                   [&](auto const& run) { return run.point == planned.run.point; });
    CHECK(planned.run_s.has_value() == ended);
    CHECK(planned.run_s.value_or(longest_s) > 0.0);
    CHECK(planned.run_s.value_or(longest_s) <= longest_s);
    CHECK(planned.runs == 3);
  }
  auto other = command;
  other.regime = model::Regime::weak;
  CHECK(runs_in_journal(path, journal_identity(other, options_of())).runs.empty());
  CHECK(runs_in_journal(folder.path("none.jsonl"), journal_identity(command, options_of())).runs.empty());
  std::ofstream(gate) << "";
  Journal journal(path, journal_identity(command, options_of()), JournalMode::resume);
  auto const whole = calibrate_command(command, options_of(&journal));
  CHECK(whole.ended == Ended::complete);
  CHECK(whole.components.samples.size() > kept);
  std::set<std::tuple<double, int, int>> rows;
  for (auto const& row : whole.components.samples) rows.insert({*row.local_batch, *row.run, *row.step});
  CHECK(rows.size() == whole.components.samples.size());
  CHECK(whole.components.samples.size() == 3 * 3 * 20);
  CHECK(whole.steps.samples.size() == 3 * 3 * 20);
}

TEST_CASE("command: the time limit ends the run in hand and all its children") {
  TemporaryFolder const folder;
  auto const alive = folder.path("alive");
  CommandOptions const command{.command = "sh -c 'sleep 5; touch " + alive + "' & wait",
                               .local_batches = {8},
                               .log_folder = folder.path("logs")};
  auto options = options_of();
  options.time_limit_s = 0.2;
  auto const start = std::chrono::steady_clock::now();
  auto const found = calibrate_command(command, options);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(4));
  CHECK(found.ended == Ended::out_of_time);
  CHECK(found.steps.samples.empty());
  CHECK_FALSE(std::filesystem::exists(alive));
}

TEST_CASE("shell run: what ignores SIGTERM is killed five seconds later and what is left behind goes at once") {
  TemporaryFolder const folder;
  auto const log = folder.path("log");
  auto const left = run_shell("sleep 60 & echo $!", log, 60.0, {});
  CHECK(left.exit_code == 0);
  CHECK(left.elapsed_s < 30.0);
  std::ifstream in(log);
  long pid = 0;
  in >> pid;
  auto const gone = [&] {
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    std::string number, name, state;
    return !(stat >> number >> name >> state) || state == "Z";  // nobody may reap it in a container
  };
  for (int i = 0; i < 100 && !gone(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  CHECK(gone());
  auto const stubborn = run_shell("trap '' TERM; while :; do sleep 1; done", log, 0.1, {});
  CHECK(stubborn.timed_out);
  CHECK(stubborn.exit_code == 128 + 9);
  CHECK_THROWS_AS(static_cast<void>(run_shell("true", folder.path("no/such/log"), 1.0, {})), InputError);
}

TEST_SUITE_END();
