// SPDX-License-Identifier: Apache-2.0
#include <sys/resource.h>

#include <fstream>
#include <vector>

#include "tests/cli/program.hpp"
#include "tests/support/checks.hpp"

using namespace kurve::test;

namespace {

constexpr int usage = 2, bad_data = 3;

/// `analyze` refuses the text with exit code 3, naming the file and saying `reason`, and prints nothing on stdout.
void check_refused(std::string const& text, std::string const& reason) {
  TemporaryFolder const folder;
  auto const path = folder.write("study.csv", text);
  auto const run = run_kurve("analyze '" + path + "'");
  INFO("input: ", text, "\nstderr: ", run.err);
  CHECK(run.code == bad_data);
  CHECK(run.out.empty());
  CHECK(run.err.find(path) != std::string::npos);
  CHECK(run.err.find(reason) != std::string::npos);
}

std::string const head = "# kurve: study/1\n# workload: w\n";

}  // namespace

TEST_SUITE("cli") {
  TEST_CASE("empty file") { check_refused("", "empty"); }
  TEST_CASE("header only") { check_refused(head + "K,step_time_s\n", "no rows"); }
  TEST_CASE("missing column") { check_refused(head + "K,global_batch\n1,2\n", "step_time_s"); }
  TEST_CASE("unknown column") { check_refused(head + "K,step_time_s,colour\n1,2,3\n", "colour"); }
  TEST_CASE("not a number") { check_refused(head + "K,step_time_s\n1,0.5\n2,nan\n", ":5: "); }
  TEST_CASE("infinity") { check_refused(head + "K,step_time_s\n1,inf\n", "inf"); }
  TEST_CASE("zero time") { check_refused(head + "K,step_time_s\n1,0\n", "positive"); }
  TEST_CASE("negative time") { check_refused(head + "K,step_time_s\n1,-0.5\n", "positive"); }
  TEST_CASE("K of zero") { check_refused(head + "K,step_time_s\n0,0.5\n", "K"); }
  TEST_CASE("K of one and a half") { check_refused(head + "K,step_time_s\n1.5,0.5\n", "1.5"); }
  TEST_CASE("duplicated header key") {
    check_refused("# kurve: study/1\n# workload: a\n# workload: b\nK,step_time_s\n1,1\n", ":3: ");
  }
  TEST_CASE("duplicated column") { check_refused(head + "K,K,step_time_s\n1,1,1\n", "K"); }
  TEST_CASE("ragged row") { check_refused(head + "K,step_time_s\n1,1\n2\n", ":5: "); }

  TEST_CASE("carriage returns and a byte order mark are accepted") {
    TemporaryFolder const folder;
    auto const path = folder.write(
        "dos.csv",
        "\xEF\xBB\xBF# kurve: study/1\r\n# workload: w\r\nK,step_time_s\r\n1,1.0\r\n1,1.1\r\n2,0.6\r\n2,0.61\r\n");
    auto const run = run_kurve("analyze '" + path + "'");
    CHECK(run.code == 0);
    CHECK(run.out.find("1.0500") != std::string::npos);
  }

  TEST_CASE("a gigabyte of garbage is refused at once in bounded memory") {
    TemporaryFolder const folder;
    auto const path = folder.path("garbage");
    {
      std::ofstream file(path, std::ios::binary);
      std::vector<char> block(1 << 20);
      for (std::size_t i = 0; i < block.size(); ++i) block[i] = static_cast<char>((i * 2654435761u) >> 13);
      for (int i = 0; i < 1024; ++i) file.write(block.data(), static_cast<std::streamsize>(block.size()));
    }
    auto const run = run_kurve("analyze '" + path + "'");
    CHECK(run.code == bad_data);
    rusage children{};
    getrusage(RUSAGE_CHILDREN, &children);
    INFO("largest child so far, KiB: ", children.ru_maxrss);
#ifndef __SANITIZE_ADDRESS__
    CHECK(children.ru_maxrss < 256 * 1024);
#endif
  }

  TEST_CASE("a directory and a missing file") {
    TemporaryFolder const folder;
    auto const directory = run_kurve("analyze '" + folder.path("") + "'");
    CHECK(directory.code == bad_data);
    CHECK(directory.err.find("directory") != std::string::npos);
    CHECK(run_kurve("analyze '" + folder.path("absent.csv") + "'").code == bad_data);
  }

  TEST_CASE("a truncated Model and one of a newer schema") {
    TemporaryFolder const folder;
    auto const truncated = folder.write("truncated.json", "{\"schema\": \"kurve.model/1\", \"parameters\": {\"ser");
    auto const newer = folder.write("newer.json", "{\"schema\": \"kurve.model/7\", \"parameters\": {}}");
    auto const run = run_kurve("simulate '" + truncated + "'");
    CHECK(run.code == bad_data);
    CHECK(run.err.find(truncated + ":1: ") != std::string::npos);
    auto const newer_run = run_kurve("simulate '" + newer + "'");
    CHECK(newer_run.code == bad_data);
    CHECK(newer_run.err.find("newer") != std::string::npos);
  }

  TEST_CASE("a Model without a step and one with half of a network") {
    TemporaryFolder const folder;
    std::string const head =
        R"({"schema": "kurve.model/1", "workload": "w", "regime": "strong", "global_batch": 8, "baseline_ranks": 1, )";
    auto const refused = [&](std::string const& rest) {
      return run_kurve("simulate '" + folder.write("model.json", head + rest) + "'");
    };
    auto const network = refused(R"("parameters": {}, "allreduce": {"workers_per_node": 8}})");
    CHECK(network.code == bad_data);
    CHECK(network.err.find("without its list of points") != std::string::npos);
    auto const empty = refused(R"("parameters": {}})");
    CHECK(empty.code == usage);
    CHECK(empty.err.find("takes no time") != std::string::npos);
  }

  TEST_CASE("options out of range and unknown ones are usage errors") {
    std::string const book = "data/sets/book_code_5_2_1/book_code_5_2_1.csv";
    auto const threshold = run_kurve("analyze " + book + " --threshold 2");
    CHECK(threshold.code == usage);
    CHECK(threshold.err.find("--threshold=2") != std::string::npos);
    CHECK(run_kurve("analyze " + book + " --colour").code == usage);
    CHECK(run_kurve("analyze").code == usage);
    CHECK(run_kurve("frobnicate").code == usage);
    CHECK(run_kurve("simualte").err.find("Did you mean 'simulate'?") != std::string::npos);
    CHECK(run_kurve("analyze " + book + " --treshold 0.5").err.find("Did you mean '--threshold'?") !=
          std::string::npos);
    CHECK(run_kurve("analyze " + book + " --assume wokers_per_node=8").err.find("Did you mean 'workers_per_node'?") !=
          std::string::npos);
    CHECK(run_kurve("").code == usage);
  }

  TEST_CASE("an output that cannot be written leaves nothing behind") {
    TemporaryFolder const folder;
    auto const run = run_kurve("analyze data/sets/book_code_5_2_1/book_code_5_2_1.csv --out '" +
                               folder.path("no/such/folder.txt") + "'");
    CHECK(run.code == usage);
    CHECK(run.err.find("no/such/folder.txt") != std::string::npos);
    CHECK(folder.files() == 0);
  }
}
