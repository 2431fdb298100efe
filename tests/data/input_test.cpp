// SPDX-License-Identifier: Apache-2.0
#include "data/input.hpp"

#include <filesystem>
#include <map>

#include "data/stats.hpp"
#include "model/error.hpp"
#include "tests/support/checks.hpp"
#include "tests/support/temporary.hpp"

using namespace kurve;
using namespace kurve::data;
namespace fs = std::filesystem;

namespace {

std::string error_of(std::vector<std::string> const& paths) {
  return test::message_of<DataError>([&] { return read_study(paths); });
}

bool has(std::string const& text, std::string const& part) { return text.find(part) != std::string::npos; }

bool noted(Study const& study, std::string const& part) {
  for (auto const& note : study.notes)
    if (has(note, part)) return true;
  return false;
}

std::map<int, std::vector<double>> times_by_ranks(Study const& study) {
  std::map<int, std::vector<double>> times;
  for (auto const& s : study.samples) times[s.ranks].push_back(s.time_s);
  return times;
}

/// Files of a folder of the shared data, sorted; empty, with a message, where it is absent.
std::vector<std::string> shared_files(std::string const& folder, std::string const& extension) {
  fs::path const path = fs::path(KURVE_SOURCE_DIR) / "../shared/data" / folder;
  std::vector<std::string> files;
  if (!fs::is_directory(path))
    MESSAGE("skipped: no " << path.string());
  else
    for (auto const& entry : fs::directory_iterator(path))
      if (entry.path().extension() == extension) files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  return files;
}

std::string mllog(std::string const& key, std::string const& value, std::string const& metadata = "{}",
                  long time_ms = 0) {
  return "[1,0]<stdout>: :::MLLOG {\"namespace\": \"\", \"time_ms\": " + std::to_string(time_ms) +
         ", \"event_type\": \"POINT_IN_TIME\", \"key\": \"" + key + "\", \"value\": " + value +
         ", \"metadata\": " + metadata + "}\n";
}

std::string mllog_steps(int n, double first_s) {
  std::string text = "launcher: \x1b[31mnoise\x1b[0m\n" + mllog("submission_benchmark", "\"gpt3\"") +
                     mllog("global_batch_size", "2048");
  for (int i = 0; i < n; ++i)
    text += mllog("tracked_stats",
                  "{\"train_step_timing\": " + std::to_string(i == 0 ? first_s : 2.0 + 0.01 * (i % 3)) + "}",
                  "{\"step\": " + std::to_string(i) + "}");
  return text;
}

constexpr char const* system_json =
    R"({"number_of_nodes": "64", "accelerators_per_node": 8, "accelerator_model_name": "H100"})";

constexpr char const* nccl_header =
    "#       size         count      type   redop    root     time   algbw   busbw #wrong     time   algbw   busbw "
    "#wrong\n";

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("input: files that cannot be read say why") {
    test::TemporaryFolder folder;
    CHECK(error_of({folder.path("none.csv")}) == folder.path("none.csv") + ": no such file");
    CHECK(has(error_of({folder.path("")}), "is a directory (expected a file)"));
    CHECK(has(error_of({folder.write("empty.csv", "")}), "empty.csv: empty file"));
    CHECK(has(error_of({folder.write("a.gz", "\x1f\x8b\x08")}), "the compressed data is cut off (gzip)"));
    CHECK(has(error_of({folder.write("a.extra-p", "PK\x03\x04 and more")}), "is a zip archive. Unpack it"));
    CHECK(has(error_of({folder.write("m.json", R"({"schema": "kurve.model/1"})")}),
              "m.json: is a Model, not measurements"));
    CHECK(has(error_of({folder.write("c.json", R"({"schema": "kurve.curve/1"})")}), "c.json: is a Curve"));
    CHECK(has(error_of({folder.write("x.json", "[1]")}), "is JSON that Kurve does not know"));
    CHECK(has(error_of({folder.write("b.bin", std::string("\x7f"
                                                          "ELF\0\0",
                                                          6))}),
              "not UTF-8 text"));
    CHECK(has(test::message_of<InputError>([] { return read_study({}); }), "no input file"));
  }

  TEST_CASE("input: several tables become one study and contradictions are errors") {
    test::TemporaryFolder folder;
    auto const a = folder.write("a.csv", "# workload: w\n# source: one\nK,run,step_time_s\n1,0,2\n1,1,2.1\n2,0,1\n");
    auto const b = folder.write("b.csv", "# workload: w\n# source: two\nK,run,step_time_s\n1,0,2.2\n4,0,0.5\n");
    auto const s = read_study({a, b});
    REQUIRE(s.samples.size() == 5);
    CHECK(s.samples[3].run == 2);  // K = 1 had runs 0 and 1
    CHECK(s.samples[4].run == 0);
    CHECK(s.find("source") == "one; two");
    CHECK(has(error_of({a, folder.write("c.csv", "# workload: v\nK,step_time_s\n1,1\n")}), "c.csv: workload is 'v'"));
    CHECK(has(error_of({a, folder.write("d.csv", "op,ranks,bytes,time_s\nallreduce,2,8,1\n")}),
              "d.csv: holds components"));
    CHECK(has(error_of({a, folder.write("e.csv", "gpus,time\n1,1\n")}), "has its times in time_s"));
    CHECK(has(error_of({a, a}), "is given twice"));
  }

  TEST_CASE("mllog: K comes from the system description and warm-up is left out") {
    test::TemporaryFolder folder;
    folder.write("eos.json", system_json);
    folder.write("eos_n64.json", system_json);
    folder.write("other.json", "{}");
    auto const log = folder.write("eos_n64_gpt3_result_0.txt", mllog_steps(40, 9.0) + ":::MLLOG {\"key\": \"cut o");
    auto const s = read_study({log});
    CHECK(s.kind() == StudyKind::steps);
    REQUIRE(s.samples.size() == 39);
    CHECK(s.samples[0].ranks == 512);
    CHECK(s.samples[0].nodes == 64);
    CHECK(s.samples[0].step == 1);
    CHECK(s.samples[0].global_batch == 2048.0);
    CHECK(s.find("workload") == "gpt3, MLPerf Training");
    CHECK(s.find("accelerator") == "H100");
    CHECK(s.find("workers_per_node") == "8");
    CHECK(s.warmup() == Inclusion::excluded);
    CHECK(noted(s, "1 warm-up steps of 40 left out"));
    CHECK(noted(s, "1 :::MLLOG lines that are not JSON skipped"));
  }

  TEST_CASE("mllog: a submission keeps its systems in a folder of their own") {
    test::TemporaryFolder folder;
    folder.write("systems/eos_n64.json", system_json);
    CHECK(read_study({folder.write("results/eos_n64/gpt3/result_0.txt", mllog_steps(4, 2.0))}).samples[0].ranks == 512);
  }

  TEST_CASE("mllog: what is missing is named") {
    test::TemporaryFolder folder;
    CHECK(has(error_of({folder.write("a.txt", mllog_steps(4, 2.0))}),
              "a.txt: the log does not say how many accelerators ran"));
    folder.write("s.json", system_json);
    CHECK(has(error_of({folder.write("s_1.txt", mllog("submission_benchmark", "\"gpt3\""))}), "no global_batch_size"));
    CHECK(has(error_of({folder.write("s_5.txt", mllog("global_batch_size", "\"1e-321\""))}), "must be from 1 to 1e12"));
    CHECK(has(error_of({folder.write("s_2.txt", mllog("global_batch_size", "8"))}), "no step is timed"));
    CHECK(has(error_of({folder.write("s_3.txt", ":::MLLOG nothing\n")}), "no well-formed :::MLLOG line"));
    CHECK(has(error_of({folder.write("s_4.txt", mllog("global_batch_size", "8") +
                                                    mllog("tracked_stats", "{\"train_step_timing\": -1.0}"))}),
              "s_4.txt:2: train_step_timing=-1.0 (must be positive)"));
    folder.write("bad.json", R"({"number_of_nodes": "many", "accelerators_per_node": 8})");
    CHECK(has(error_of({folder.write("bad_0.txt", mllog_steps(4, 2.0))}),
              "bad.json: missing or bad \"number_of_nodes\""));
    folder.write("cut.json", "{\"number_of_nodes\":\n 4");
    CHECK(has(error_of({folder.write("cut_0.txt", mllog_steps(4, 2.0))}), "cut.json:2: not valid JSON"));
  }

  TEST_CASE("mllog: without timed steps the blocks are") {
    test::TemporaryFolder folder;
    folder.write("s.json", system_json);
    std::string text = mllog("global_batch_size", "64") + mllog("train_samples", "6400");
    long now_ms = 0;
    for (int i = 0; i < 3; ++i) {  // two epochs are 200 steps, of 10 ms but for the first block
      text += mllog("block_start", "null", "{\"epoch_count\": 2}", now_ms);
      now_ms += i == 0 ? 5000 : 2000;
      text += mllog("block_stop", "null", "{}", now_ms);
    }
    auto const s = read_study({folder.write("s_0.txt", text)});
    REQUIRE(s.samples.size() == 2);
    CHECK_CLOSE(s.samples[0].time_s, 0.01, 1e-15);
    CHECK(noted(s, "means of 2 training blocks, the first one left out as warm-up"));
  }

  TEST_CASE("mllog: the real GPT-3 logs give the published step times") {
    auto const files = shared_files("logs/mllog", ".txt");
    if (files.empty()) return;
    auto const s = read_study(files);
    CHECK(s.derived_regime() == model::Regime::mixed);
    auto const times = times_by_ranks(s);
    REQUIRE(times.size() == 3);
    CHECK_CLOSE(summarize(times.at(512)).mean, 11.05, 0.005);
    CHECK_CLOSE(summarize(times.at(768)).mean, 11.08, 0.005);
    CHECK_CLOSE(summarize(times.at(4096)).mean, 1.608, 0.005);
    std::map<int, double> batch;
    std::map<int, int> runs;
    for (auto const& row : s.samples) {
      batch[row.ranks] = *row.global_batch;
      runs[row.ranks] = std::max(runs[row.ranks], *row.run + 1);
    }
    CHECK(batch == std::map<int, double>{{512, 2048}, {768, 3072}, {4096, 2048}});
    CHECK(runs == std::map<int, int>{{512, 3}, {768, 1}, {4096, 1}});
    for (auto const& note : s.notes) CHECK(has(note, "warm-up steps of"));
  }

  TEST_CASE("nccl-tests: new columns with a timestamp other lines between and a row cut off") {
    test::TemporaryFolder folder;
    auto const s = read_study({folder.write(
        "log.txt",
        std::string("# nccl-tests version 2.17.9\n# Collective test starting: all_reduce_perf\n# Using devices\n"
                    "#  Rank  0 Group  0 Pid 1 on a device  0 [0x0f] NVIDIA H100\n#  Rank  1 Group  0 Pid 2 on b "
                    "device  0 [0x0f] NVIDIA H100\n") +
            nccl_header +
            "10:00:01     1024   256   float   sum   -1    20.00   0.05   0.05   0    10.00   0.10   0.10   N/A\n"
            "a:1:2 [0] NCCL INFO Channel 00 : 0 1\n"
            "10:00:02     2048   512   float   sum   -1    40.00   0.05   0.05   3    30.00   0.07   0.07   0\n"
            "10:00:03        0     0   float   sum   -1    1.00   0.00   0.00   0    1.00   0.00   0.00   0\n"
            "10:00:04     4096  1024   float   sum   -1    40.00   0.1")});
    CHECK(s.kind() == StudyKind::components);
    REQUIRE(s.samples.size() == 3);
    CHECK(s.samples[0].op == Operation::allreduce);
    CHECK(s.samples[0].ranks == 2);
    CHECK(s.samples[0].bytes == 1024);
    CHECK_CLOSE(s.samples[0].time_s, 20e-6, 1e-15);
    CHECK(s.samples[1].run == 1);
    CHECK_CLOSE(s.samples[1].time_s, 10e-6, 1e-15);
    CHECK(s.samples[2].bytes == 2048);
    CHECK(s.find("accelerator") == "NVIDIA H100");
    CHECK(s.find("workers_per_node") == "1");
    CHECK(noted(s, "1 rows that are cut off left out"));
    CHECK(noted(s, "1 rows of 0 bytes left out"));
    CHECK(noted(s, "1 timings with wrong results left out"));
  }

  TEST_CASE("nccl-tests: extra columns behind each half and in between are found by the header") {
    test::TemporaryFolder folder;
    auto const s =
        read_study({folder.write("log.txt",
                                 "# ranks: 4\n# size count type redop root time algbw busbw #wrong i_min i_max i_p99 "
                                 "i_cv% time algbw busbw #wrong i_min i_max i_p99 i_cv%\n"
                                 "  1024 256 float sum -1 20.0 0.05 0.08 0 1 2 3 4 10.0 0.10 0.15 0 1 2 3 4\n")});
    REQUIRE(s.samples.size() == 2);
    CHECK(s.samples[0].ranks == 4);
    CHECK_CLOSE(s.samples[1].time_s, 10e-6, 1e-15);
  }

  TEST_CASE("nccl-tests: a device name that is no text and workers that are no number are refused with their line") {
    // found by fuzzing: both went into the Study's header, and the written Study could not be read again
    test::TemporaryFolder folder;
    CHECK(has(error_of({folder.write("log.txt",
                                     "#  Rank  0 Group  0 Pid 1 on a device  0 [0x0f] H\xa0"
                                     "100\n#  Rank  1 Group  0 Pid 2 on a device  1 [0x1f] H100\n"
                                     "  1024  256  float  sum  -1  20.0  0.05  0.05  0  10.0  0.10  0.10  0\n")}),
              "log.txt:1: byte 0xa0"));
    CHECK(has(error_of({folder.write("workers.txt",
                                     "# ranks: 2\n# workers_per_node: many\n"
                                     "  1024  256  float  sum  -1  20.0  0.05  0.05  0  10.0  0.10  0.10  0\n")}),
              "workers.txt:2: # workers_per_node: 'many' (must be a positive number)"));
  }

  TEST_CASE("nccl-tests: without Rank lines the bandwidths tell the ranks or an error asks") {
    test::TemporaryFolder folder;
    auto const s = read_study(
        {folder.write("old.txt",  // no header at all, old columns, 64 ranks: ratio 1.96875
                      "  8589934592 2147483648 float sum 18842 455.88 897.52 5e-07 18790 457.15 900.01 5e-07\n")});
    CHECK(s.samples.at(0).ranks == 64);
    CHECK(noted(s, "64 ranks, from busbw/algbw"));
    CHECK(has(error_of({folder.write("small.txt", "  1024 256 float sum 20.0 0.05 0.08 0 10.0 0.10 0.15 0\n")}),
              "Add a line '# ranks: 16'?"));
    CHECK(has(
        error_of({folder.write(
            "gather.txt",
            "# Collective test starting: all_gather_perf\n  1024 256 float none 20.0 0.05 0.08 0 10.0 0.10 0.15 0\n")}),
        "is a log of all_gather_perf (Kurve reads all_reduce_perf)"));
  }

  TEST_CASE("nccl-tests: every real log reads with the ranks in its name") {
    for (auto const& file : shared_files("logs/nccl-tests", ".txt")) {
      INFO(file);
      auto const s = read_study({file});
      CHECK(s.kind() == StudyKind::components);
      CHECK(s.samples.size() >= 4);
      CHECK(has(file, "_" + std::to_string(s.samples[0].ranks) + "rank"));
    }
  }

  TEST_CASE("study: every committed set reads without a note and names its source") {
    int sets = 0;
    for (auto const& entry : fs::recursive_directory_iterator(fs::path(KURVE_SOURCE_DIR) / "data/sets")) {
      if (entry.path().extension() != ".csv") continue;
      INFO(entry.path().string());
      auto const s = read_study({entry.path().string()});
      CHECK(s.notes.empty());
      CHECK(s.find("source").has_value());
      CHECK(fs::exists(entry.path().parent_path() / "README.md"));
      if (auto const derived = s.derived_regime()) CHECK(derived == s.declared_regime());
      ++sets;
    }
    CHECK(sets >= 8);
  }

  TEST_CASE("study: every real table and trace reads and keeps its regime") {
    for (auto const& folder : {"mlperf", "published", "traces"})
      for (auto const& file : shared_files(folder, ".csv")) {
        INFO(file);
        auto const s = read_study({file});
        if (auto const derived = s.derived_regime()) CHECK(derived == s.declared_regime().value_or(*derived));
        if (std::string(folder) == "traces") {
          CHECK(s.kind() == StudyKind::per_rank);
          CHECK(s.samples[0].ranks == 4);
        }
      }
  }
}
