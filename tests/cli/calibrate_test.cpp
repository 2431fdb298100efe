// SPDX-License-Identifier: Apache-2.0
// `kurve calibrate` that is killed, stopped, starved of disk and resumed, as a whole program on the real host.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <set>
#include <sstream>
#include <thread>

#include "tests/cli/program.hpp"
#include "tests/support/checks.hpp"

using namespace kurve::test;

namespace {

/// A few points of a small job on two threads: all takes about a second.
std::string const small =
    "calibrate --device host --batches 2 --bytes 1KiB --global-batch 4 --precision 0.9 --runs 2 --steps 4 ";

/// `kurve <arguments>` in the background, without a terminal; killed at the end of its life.
class Started {
 public:
  explicit Started(std::string const& arguments) : pid_(fork()) {
    if (pid_ != 0) return;
    int const null = open("/dev/null", O_RDWR);
    for (int const fd : {0, 1, 2}) dup2(null, fd);
    std::string const command = "exec '" KURVE_PROGRAM "' " + arguments;
    execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
    _exit(127);
  }
  ~Started() {
    if (pid_ > 0) end(SIGKILL);
  }
  Started(Started const&) = delete;
  Started& operator=(Started const&) = delete;

  /// Sends the signal and waits. @return exit code; 128 + signal if it was killed
  int end(int signal) {
    kill(pid_, signal);
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t pid_;
};

std::vector<std::string> lines_of(std::string const& path) {
  std::istringstream in(read_text(path));
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

void wait_for_lines(std::string const& path, std::size_t count) {
  for (int i = 0; i < 1000 && lines_of(path).size() < count; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  REQUIRE(lines_of(path).size() >= count);
}

/// The rows of a Study without their times and what is measured of the machine: what was measured, how often.
std::multiset<std::string> points_of(std::string const& path, std::set<std::string> const& columns) {
  std::multiset<std::string> points;
  std::vector<bool> keep;
  for (auto const& line : lines_of(path)) {
    if (line.starts_with("#")) continue;
    std::istringstream cells(line);
    std::string text, cell;
    for (std::size_t i = 0; std::getline(cells, cell, ','); ++i) {
      if (keep.size() == i) keep.push_back(columns.contains(cell));
      if (keep[i]) text += cell + ",";
    }
    points.insert(text);
  }
  return points;
}

std::set<std::string> const component_key{"op", "ranks", "local_batch", "bytes", "run", "step", "rank"};
std::set<std::string> const step_key{"K", "global_batch", "run"};  // which steps are warm-up, the machine decides

void check_whole(std::string const& folder, std::string const& uninterrupted) {
  auto const rows = points_of(folder + "/components.csv", component_key);
  CHECK(std::set<std::string>(rows.begin(), rows.end()).size() == rows.size());
  auto distinct = [](std::string const& file, std::set<std::string> const& columns) {
    auto const points = points_of(file, columns);
    return std::set<std::string>(points.begin(), points.end());
  };
  std::set<std::string> const point{"op", "ranks", "local_batch", "bytes"};
  CHECK(distinct(folder + "/components.csv", point) == distinct(uninterrupted + "/components.csv", point));
  auto const steps = points_of(folder + "/steps.csv", {"K", "global_batch", "run", "step"});
  CHECK(std::set<std::string>(steps.begin(), steps.end()).size() == steps.size());
  CHECK(distinct(folder + "/steps.csv", {"K", "global_batch"}) ==
        distinct(uninterrupted + "/steps.csv", {"K", "global_batch"}));
}

}  // namespace

TEST_SUITE_BEGIN("cli");

TEST_CASE("kill -9 at ten random moments then resume: every point once and the same points as without") {
  TemporaryFolder const folder;
  auto const whole = folder.path("whole"), killed = folder.path("killed");
  REQUIRE(run_kurve(small + "--into '" + whole + "'").code == 0);
  std::mt19937 moments(20261125);
  std::vector<std::string> before;
  for (int i = 0; i < 10; ++i) {
    {
      Started program(small + "--resume --into '" + killed + "'");
      std::this_thread::sleep_for(std::chrono::milliseconds(20 + moments() % 120));
      program.end(SIGKILL);
    }
    auto lines = lines_of(killed + "/journal.jsonl");
    // What lay there whole before lies there still; only a torn end may have gone.
    if (!before.empty()) before.pop_back();
    REQUIRE(lines.size() >= before.size());
    CHECK(std::equal(before.begin(), before.end(), lines.begin()));
    before = std::move(lines);
  }
  auto const run = run_kurve(small + "--resume --into '" + killed + "'");
  INFO(run.err);
  REQUIRE(run.code == 0);
  check_whole(killed, whole);
}

TEST_CASE("Ctrl-C and SIGTERM write what there is and resume goes on") {
  TemporaryFolder const folder;
  auto const into = folder.path("calibration");
  // Too precise to end by itself.
  std::string const endless = "calibrate --device host --batches 2 --bytes 1KiB --global-batch 4 --precision 0.0001 ";
  for (int const signal : {SIGINT, SIGTERM}) {
    Started program(endless + "--resume --into '" + into + "'");
    wait_for_lines(into + "/journal.jsonl", lines_of(into + "/journal.jsonl").size() + 12);
    CHECK(program.end(signal) == 128 + signal);
    CHECK(points_of(into + "/components.csv", component_key).size() > 50);
    auto const simulated = run_kurve("simulate '" + into + "/model.json' --K 1..8");
    INFO(simulated.err);
    CHECK(simulated.code == 0);
  }
  auto const anew = run_kurve(endless + "--into '" + into + "'");
  CHECK(anew.code == 2);
  CHECK(anew.err.find("did not finish") != std::string::npos);
  auto const other = run_kurve(endless + "--seed 7 --resume --into '" + into + "'");
  CHECK(other.code == 2);
  CHECK(other.err.find("seed is '1' there and '7' here") != std::string::npos);
  CHECK(run_kurve(small + "--restart --into '" + into + "'").code == 0);
  CHECK(run_kurve(small + "--restart --resume --into '" + into + "'").code == 2);
}

TEST_CASE("the user's program: kill -9 and Ctrl-C in the midst then resume gives every run once") {
  TemporaryFolder const folder;
  auto const into = folder.path("calibration");
  auto const script =
      folder.write("train.sh", "for i in 0 1 2 3 4 5 6 7 8 9; do echo step_time_s=0.00$1$i; done; sleep 0.06\n");
  std::string const command = "calibrate --command 'sh " + script + " {batch}' --batches 1,2,3 --precision 0.0001 " +
                              "--runs 3 --resume --into '" + into + "'";
  for (int const signal : {SIGKILL, SIGINT}) {
    Started program(command);
    wait_for_lines(into + "/journal.jsonl", lines_of(into + "/journal.jsonl").size() + 3);
    CHECK(program.end(signal) == 128 + signal);
  }
  CHECK(std::filesystem::exists(into + "/components.csv"));
  auto const run = run_kurve(command);
  INFO(run.err);
  REQUIRE(run.code == 0);
  auto const rows = points_of(into + "/components.csv", {"local_batch", "run", "step"});
  CHECK(std::set<std::string>(rows.begin(), rows.end()).size() == rows.size());
  CHECK(rows.size() == 1 + 3 * 3 * 9);  // a head, and 3 batches in 3 runs that agree, each without its first step
  CHECK(run.out.find("read from lines with `step_time_s=...`") != std::string::npos);
  CHECK(std::distance(std::filesystem::directory_iterator(into + "/logs"), {}) == 9);
  // An all-reduce measured elsewhere composes with the program's compute.
  auto const network = folder.write("network.csv",
                                    "# kurve: study/1\n# configuration: algorithm\n# workers_per_node: 1\n"
                                    "op,ranks,bytes,time_s,algorithm\n"
                                    "allreduce,2,1000000,0.0011,ring\nallreduce,4,1000000,0.0018,ring\n"
                                    "allreduce,2,4000,0.000104,ring\nallreduce,4,4000,0.000306,ring\n");
  auto const composed = run_kurve(command + " --from '" + network + "' --assume gradient_bytes=1000000");
  INFO(composed.err);
  REQUIRE(composed.code == 0);
  CHECK(composed.out.find("imported") != std::string::npos);
  // 2 (K-1) alpha + 2 (K-1)/K n beta through both sizes: alpha = 50 us, beta = 1 ns a byte.
  CHECK(run_kurve("simulate '" + into + "/model.json' --K 8 --op allreduce --ranks 8 --bytes 1MB").code == 0);
  CHECK(run_kurve("calibrate --command 'echo 1' --batches 1,2 --into '" + into + "'").code == 2);
  CHECK(run_kurve("calibrate --command './none {batch}' --batches 1 --restart --into '" + into + "'").code == 4);
  CHECK(run_kurve("calibrate --command 'echo 1' --batches 1 --restart --into '" + into + "'").code == 3);
}

TEST_CASE("a disk that takes no more is an error that loses nothing") {
  TemporaryFolder const folder;
  auto const into = folder.path("calibration");
  // The limit on the size of a file stands for the disk: 512-byte blocks, the journal grows beyond 4 kB.
  auto const starved = folder.write("starved.sh", "trap '' XFSZ; ulimit -f 8; exec \"$@\"\n");
  std::string const command = "sh '" + starved + "' '" KURVE_PROGRAM "' " + small + "--into '" + into + "'";
  auto const err = folder.path("err");
  int const status = std::system((command + " >/dev/null 2>'" + err + "'").c_str());
  CHECK(WEXITSTATUS(status) == 4);
  auto const message = read_text(err);
  INFO(message);
  CHECK(message.find("journal.jsonl' (File too large)") != std::string::npos);
  CHECK(message.find("--resume") != std::string::npos);
  auto const kept = lines_of(into + "/journal.jsonl");
  CHECK(kept.size() > 3);
  auto const whole = folder.path("whole");
  REQUIRE(run_kurve(small + "--into '" + whole + "'").code == 0);
  REQUIRE(run_kurve(small + "--resume --into '" + into + "'").code == 0);
  auto const after = lines_of(into + "/journal.jsonl");
  CHECK(std::equal(kept.begin(), kept.end(), after.begin()));
  check_whole(into, whole);
}

TEST_CASE("measured elsewhere: an nccl-tests log a trace and step times make one Model and stay as Studies") {
  TemporaryFolder const folder;
  std::string const seeds = KURVE_SOURCE_DIR "/tests/fuzz/seeds/";
  auto const trace = folder.write("trace.json", read_text(seeds + "kineto.json"));
  // As the trace has it: 0.8 ms of compute for a local batch of 4.
  auto const steps = folder.write("steps.csv",
                                  "K,global_batch,step_time_s\n1,16,0.00330\n1,16,0.00332\n2,16,0.00172\n2,16,"
                                  "0.00170\n4,16,0.00096\n4,16,0.00095\n");
  auto const into = folder.path("model");
  std::string const inputs = "calibrate --from '" + seeds + "nccl_new.txt' --from '" + steps + "' --from '" + trace +
                             "' --assume '" + trace + ":global_batch=16' ";
  auto const run = run_kurve(inputs + "--into '" + into + "'");
  INFO(run.err);
  REQUIRE(run.code == 0);
  auto const model = read_text(into + "/model.json");
  auto const source = [&](std::string const& name) {
    auto const at = model.find("\"" + name + "\"");
    auto const word = model.find("\"source\":\"", at) + 10;
    return model.substr(word, model.find('"', word) - word);
  };
  CHECK(source("compute.per_sample") == "imported");
  CHECK(source("network.nccl.latency_scale") == "imported");
  CHECK(source("extra.multi") == "fitted");
  CHECK(model.find("\"ratings\"") != std::string::npos);
  CHECK(run.out.find("beside") != std::string::npos);
  // Each Study is one of Kurve's own, and together they make the Model again.
  auto const again = run_kurve("calibrate --from '" + into + "/components.csv' --from '" + into +
                               "/network.csv' --from '" + into + "/steps.csv' --into '" + folder.path("again") + "'");
  INFO(again.err);
  CHECK(again.code == 0);
  auto const parameters = [](std::string const& text) { return text.substr(0, text.find("\"provenance\"")); };
  CHECK(parameters(read_text(folder.path("again") + "/model.json")) == parameters(model));
  // What was measured here is not replaced by what others measured.
  std::filesystem::create_directories(folder.path("mine"));
  static_cast<void>(folder.write("mine/journal.jsonl", ""));
  auto const refused = run_kurve(inputs + "--into '" + folder.path("mine") + "'");
  CHECK(refused.code == 2);
  CHECK(refused.err.find("would be replaced") != std::string::npos);
}

TEST_CASE("the user's program beside a published network: its own steps at K > 1 do not count") {
  TemporaryFolder const folder;
  auto const script = folder.write("train.sh", "for i in 1 2 3 4 5; do echo step_time_s=0.00$1; done; sleep 0.06\n");
  auto const into = folder.path("calibration");
  std::string const command = "calibrate --command 'sh " + script +
                              " $((100 + 10 * {batch} / {ranks}))' --batches 8,16,32 --ranks 1,2 --runs 2 --publish "
                              "h100-ib-ndr-x8 --into '" +
                              into + "' ";
  CHECK(run_kurve(command).code == 2);
  auto const run = run_kurve(command + "--assume gradient_bytes=1e9");
  INFO(run.err);
  REQUIRE(run.code == 0);
  CHECK(run.out.find("published") != std::string::npos);
  CHECK(run.out.find("steps at K > 1 paid this machine's network") != std::string::npos);
  CHECK(run.out.find("bus bandwidth between nodes") != std::string::npos);
  CHECK(points_of(into + "/steps.csv", {"K"}).count("2,") == 8);  // 2 runs of 4 steps, kept
  CHECK(run_kurve("simulate '" + into + "/model.json' --K 16,32").code == 0);
}

TEST_CASE("options that cannot be met are told before anything is measured") {
  auto const message = [](std::string const& options, int code) {
    auto const run = run_kurve("calibrate " + options);
    CHECK(run.code == code);
    return run.err;
  };
  CHECK(message("--device host --batches 4096", 2)
            .find("local batch=4096 (must be 1 to 1024: the samples that the "
                  "workload has") != std::string::npos);
  CHECK(message("--device host --algorithms library", 2).find("algorithm 'library' (host has ring)") !=
        std::string::npos);
  CHECK(message("--device host --inter-peak fast", 2).find("rate 'fast'") != std::string::npos);
  auto const dry = run_kurve("calibrate --command './train {batch}' --batches 8,16 --command-timeout 1min --dry-run");
  CHECK(dry.code == 0);
  CHECK(dry.out.find("2 points of 3 to 10 runs, about 6 in all. How long the 6 take is not known") !=
        std::string::npos);
}

TEST_CASE("calibrate: a dry run of a program estimates from the runs of the journal") {
  TemporaryFolder const folder;
  std::string const program =
      "calibrate --command 'sleep 0.1; seq 5' --pattern-unit ms --batches 8 --runs 2 --into '" + folder.path("c") + "'";
  CHECK(run_kurve(program + " --dry-run").out.find("How long the 2 take is not known") != std::string::npos);
  REQUIRE(run_kurve(program).code == 0);
  auto const dry = run_kurve(program + " --dry-run");
  CHECK(dry.code == 0);
  CHECK(dry.out.find("those timed before take about") != std::string::npos);
  CHECK(dry.out.find("not known") == std::string::npos);
}

TEST_SUITE_END();
