// SPDX-License-Identifier: Apache-2.0
// Logs of other programs, in samples written after their documented layouts (docs/formats.md names the sources).
#include <zlib.h>

#include <sstream>

#include "data/input.hpp"
#include "data/logs/extra_p.hpp"
#include "data/per_rank.hpp"
#include "model/error.hpp"
#include "tests/support/checks.hpp"
#include "tests/support/temporary.hpp"

using namespace kurve;
using namespace kurve::data;

namespace {

std::vector<Assumption> facts(std::vector<std::string> const& texts) {
  std::vector<Assumption> result;
  for (auto const& text : texts) result.push_back(assumption_from_text(text));
  return result;
}

std::string error_of(std::vector<std::string> const& paths, std::vector<std::string> const& assumed = {}) {
  return test::message_of<InputError>([&] { return read_study(paths, facts(assumed)); });
}

bool has(std::string const& text, std::string const& part) { return text.find(part) != std::string::npos; }

bool noted(Study const& study, std::string const& part) {
  for (auto const& note : study.notes)
    if (has(note, part)) return true;
  return false;
}

std::string gzipped(std::string const& text) {
  test::TemporaryFolder folder;
  gzFile file = gzopen(folder.path("x.gz").c_str(), "wb");
  gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
  gzclose(file);
  std::ifstream in(folder.path("x.gz"), std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string event(std::string const& category, std::string const& name, std::string const& ts, std::string const& dur,
                  std::string const& args = "{}") {
  return R"({"ph": "X", "cat": ")" + category + R"(", "name": ")" + name + R"(", "ts": )" + ts + R"(, "dur": )" + dur +
         R"(, "pid": 0, "tid": 7, "args": )" + args + "}";
}

std::string trace(std::vector<std::string> const& events, std::string const& head = "") {
  std::string text = "{" + head + "\"traceEvents\": [\n";
  for (std::size_t i = 0; i < events.size(); ++i) text += (i == 0 ? "" : ",\n") + events[i];
  return text + "\n]}";
}

std::string launch(int correlation, std::string const& ts, std::string const& name = "cudaLaunchKernel") {
  return event("cuda_runtime", name, ts, "3", R"({"correlation": )" + std::to_string(correlation) + "}");
}

std::string kernel(int correlation, std::string const& name, std::string const& ts, std::string const& dur,
                   std::string const& more = "") {
  return event("kernel", name, ts, dur, R"({"correlation": )" + std::to_string(correlation) + more + "}");
}

constexpr char const* allreduce_args =
    R"(, "Collective name": "allreduce", "In msg nelems": 1000, "dtype": "BFloat16", "Group size": 4)";

/// Two steps of 1000 us, the host ahead of the GPU: the second step is launched while the first one runs. In each,
/// compute runs in [0, 600) and [700, 900), one collective in [500, 700) (100 us of it bare) and one in [850, 1000)
/// (another 100), counted from the step's first kernel at 2000 and 3000 us.
std::vector<std::string> two_steps() {
  std::vector<std::string> events{event("user_annotation", "ProfilerStep#7", "100", "400"),
                                  event("gpu_user_annotation", "ProfilerStep#7", "2000", "1000"),
                                  event("user_annotation", "ProfilerStep#8", "500", "400")};
  for (int step = 0; step < 2; ++step) {
    int const c = 10 * step;
    auto const at = [&](int us) { return std::to_string(2000 + 1000 * step + us); };
    auto const host = [&](int us) { return std::to_string(110 + 400 * step + us); };
    events.push_back(launch(c + 1, host(0), "cudaGraphLaunch"));
    events.push_back(kernel(c + 1, "gemm", at(0), "300"));
    events.push_back(kernel(c + 1, "gemm", at(250), "350"));  // overlaps the one before: no time counts twice
    events.push_back(launch(c + 2, host(10)));
    events.push_back(kernel(c + 2, "ncclDevKernel_AllReduce_Sum_bf16_RING_LL", at(500), "200", allreduce_args));
    events.push_back(launch(c + 3, host(20)));
    events.push_back(kernel(c + 3, "gemm", at(700), "200"));
    events.push_back(launch(c + 4, host(30)));
    events.push_back(kernel(c + 4, "ncclDevKernel_AllReduce_Sum_bf16_RING_LL", at(850), "150", allreduce_args));
    events.push_back(event("cuda_sync", "Stream Synchronize", at(600), "400"));
  }
  return events;
}

constexpr char const* rank_1_of_4 =
    R"("deviceProperties": [{"id": 0, "name": "NVIDIA H100"}], "distributedInfo": {"backend": "nccl", "rank": 1, "world_size": 4}, )";

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("facts: fill what a file lacks and say so and nothing else") {
    test::TemporaryFolder folder;
    auto const table = folder.write("t.csv", "nodes,throughput\n1,100\n2,190\n");
    auto const s = read_study({table}, facts({"workers_per_node=8", "global_batch=256", "accelerator=H100"}));
    CHECK(s.samples[1].ranks == 16);
    CHECK(s.samples[1].global_batch == 256.0);
    CHECK(s.find("accelerator") == "H100");
    CHECK(s.find("assumed") == "accelerator=H100, global_batch=256, workers_per_node=8");
    CHECK(noted(s, "throughput without a batch size"));
    CHECK(
        noted(read_study({table}), "K is the number of nodes (--assume workers_per_node=8 would count accelerators)"));

    CHECK(has(error_of({table}, {"ranks=16"}), "--assume ranks=16 (no input lacks it"));
    CHECK(has(error_of({table}, {"other.csv:workers_per_node=8"}), "no input lacks it"));
    CHECK(read_study({table}, facts({"workers_per_node=8", table + ":workers_per_node=4"})).samples[1].ranks == 8);
    auto const stated = folder.write("s.csv", "# accelerator: A100\nK,time\n1,2\n");
    CHECK(has(error_of({stated}, {"accelerator=H100"}), "accelerator is 'A100' here (--assume says 'H100')"));
    CHECK(has(error_of({table}, {"rank_count=3"}), "no reader asks for it"));
    CHECK(has(error_of({table}, {"rnks=3"}), "Did you mean 'ranks'?"));
    CHECK(has(error_of({table}, {"ranks"}), "must be KEY=VALUE"));
    CHECK(has(error_of({table}, {"regime=steep"}), "steep"));
    CHECK(has(error_of({table}, {"workers_per_node=none"}), "must be a positive number"));
  }

  TEST_CASE("gzip: any log may be compressed and a cut one says so") {
    test::TemporaryFolder folder;
    std::string text = "K,time\n";
    for (int k = 1; k < 3000; ++k) text += std::to_string(k) + "," + std::to_string(1.0 + 1.0 / k) + "\n";
    auto const packed = gzipped(text);
    CHECK(read_study({folder.write("t.csv.gz", packed)}).samples.size() == 2999);
    CHECK(has(error_of({folder.write("cut.csv.gz", packed.substr(0, packed.size() / 2))}), "is cut off (gzip)"));
    std::string damaged = packed;
    damaged[packed.size() / 2] ^= 0x55;
    CHECK_FALSE(error_of({folder.write("bad.csv.gz", damaged)}).empty());
  }

  TEST_CASE("kineto: steps by what the GPU did however far the host runs ahead") {
    test::TemporaryFolder folder;
    auto const s = read_study({folder.write("t.json", trace(two_steps(), rank_1_of_4))});
    CHECK(s.kind() == StudyKind::per_rank);
    CHECK(s.find("imported_from") == "PyTorch profiler trace");
    CHECK(s.find("accelerator") == "NVIDIA H100");
    CHECK(s.find("collectives_per_step") == "2");
    CHECK(s.find("gradient_bytes") == "4000");  // 2 x 1000 elements of 2 bytes
    REQUIRE(s.samples.size() == 2);
    for (auto const& row : s.samples) {
      CHECK(row.ranks == 4);
      CHECK(row.rank == 1);
      CHECK_CLOSE(row.time_s, 1000e-6, 1e-12);
      CHECK_CLOSE(*row.compute_s, 800e-6, 1e-12);
      CHECK_CLOSE(*row.comm_s, 200e-6, 1e-12);
      CHECK_CLOSE(*row.hidden_comm_s, 150e-6, 1e-12);
    }
    CHECK(s.samples[1].step == 8);
  }

  TEST_CASE("kineto: an epoch in microseconds with fractions loses no nanosecond") {
    test::TemporaryFolder folder;
    auto const s = read_study({folder.write(
        "t.json", trace({event("user_annotation", "ProfilerStep#1", "1740461679470000.000", "100"),
                         launch(1, "1740461679470001.5"), kernel(1, "gemm", "1740461679470010.001", "1.002"),
                         kernel(1, "gemm", "1740461679470011.002", "0.999")}))});  // the second begins 1 ns early
    REQUIRE(s.samples.size() == 1);
    CHECK(s.samples[0].ranks == 1);
    CHECK_CLOSE(*s.samples[0].compute_s, 2.0e-6, 1e-9);
    CHECK_CLOSE(s.samples[0].time_s, 100e-6, 1e-12);  // the last step: its range on the host is longer than its kernels
  }

  TEST_CASE("kineto: what a trace lacks is asked for or counted from what there is") {
    test::TemporaryFolder folder;
    auto const bare = folder.write("t.json", trace(two_steps()));
    CHECK(has(error_of({bare}), "does not say whose it is (it has no distributedInfo). Add --assume rank=0"));
    auto const s = read_study({bare}, facts({"rank=3"}));
    CHECK(s.samples[0].ranks == 4);
    CHECK(s.samples[0].rank == 3);
    CHECK(noted(s, "K is the largest group that communicated"));
    CHECK(has(error_of({bare}, {"rank=4"}), "rank 4 of 4"));
    auto const named = read_study({folder.write("trainer_rank_2.pt.trace.json", trace(two_steps()))}, {});
    CHECK(named.samples[0].rank == 2);
    CHECK(noted(named, "rank 2 by the file's name"));

    auto const no_steps =
        folder.write("n.json", "[" + kernel(1, "gemm", "10", "30") + "," + kernel(2, "gemm", "50", "50") + "]");
    CHECK(has(error_of({no_steps}),
              "no ProfilerStep ranges, so how many steps it holds is open. Add --assume steps=10?"));
    auto const mean = read_study({no_steps}, facts({"steps=2"}));
    REQUIRE(mean.samples.size() == 1);
    CHECK_CLOSE(mean.samples[0].time_s, 45e-6, 1e-12);
    CHECK_CLOSE(*mean.samples[0].compute_s, 40e-6, 1e-12);

    auto const silent = folder.write(
        "s.json", trace({event("user_annotation", "ProfilerStep#1", "0", "100"), kernel(1, "gemm", "1", "9"),
                         kernel(2, "ncclKernel_AllReduce_RING_LL_Sum_float", "10", "9")}));
    CHECK(has(error_of({silent}), "does not say how many ranks ran"));
    CHECK(has(error_of({folder.write("h.json", trace({event("cpu_op", "aten::add", "1", "2")}))}),
              "no GPU kernel among the trace's 1 events"));
    CHECK(has(error_of({folder.write("c.json", trace(two_steps()).substr(0, 700))}), "c.json:7: not valid JSON"));
    CHECK(has(error_of({folder.write("e.json", R"({"traceEvents": []})")}), "no GPU kernel"));
  }

  TEST_CASE("kineto: ranks of one job are one study and give components steps and overlap") {
    test::TemporaryFolder folder;
    auto const of_rank = [&](int rank) {
      return folder.write(
          "r" + std::to_string(rank) + ".json",
          trace(two_steps(), R"("distributedInfo": {"rank": )" + std::to_string(rank) + R"(, "world_size": 4}, )"));
    };
    auto const s = read_study({of_rank(0), of_rank(2)}, facts({"global_batch=64"}));
    REQUIRE(s.samples.size() == 4);
    CHECK(s.samples[2].rank == 2);
    CHECK_FALSE(s.samples[2].run.has_value());  // the same run
    CHECK(whole_steps(s).samples.size() == 2);
    auto const parts = components(s);
    REQUIRE(parts.samples.size() == 8);
    CHECK(parts.samples[0].op == Operation::serial);
    CHECK_CLOSE(parts.samples[0].time_s, 1e-9, 1e-6);  // compute and bare communication fill the step
    CHECK(parts.samples[1].op == Operation::compute);
    CHECK(parts.samples[1].local_batch == 16.0);
    // hidden / (compute (1 - 1/n)) = 150 / (800 / 2)
    CHECK_CLOSE(*parts.find_number("overlap_fraction"), 0.375, 1e-12);
    CHECK(parts.find("overlap_buckets") == "2");
    CHECK(has(test::message_of<DataError>([&] { return components(read_study({of_rank(1)})); }),
              "Add --assume global_batch=256?"));
    std::ostringstream out;
    write_study_csv(out, s);
    std::istringstream in(out.str());
    CHECK(read_study_csv(in, "again").samples[3].hidden_comm_s == s.samples[3].hidden_comm_s);
  }

  TEST_CASE("kineto: traces at several K are a scaling study") {
    test::TemporaryFolder folder;
    auto const one = folder.write("1.json", trace(two_steps(), R"("distributedInfo": {"rank": 0, "world_size": 1}, )"));
    auto const four = folder.write("4.json", trace(two_steps(), rank_1_of_4));
    auto const s = read_study({one, four});
    CHECK(s.kind() == StudyKind::steps);
    CHECK(s.steps().size() == 4);
  }

  TEST_CASE("nccl-tests JSON: devices are one line a process and iterations are rows") {
    test::TemporaryFolder folder;
    std::string const head =
        R"({"version": 3, "args": ["./build/all_reduce_perf"], "nccl_version": 22803, "config": {"nthreads": 1, "ngpus": 4,
        "devices": [{"rank": 0, "hostname": "a", "device_info": "NVIDIA H100"},
                    {"rank": 4, "hostname": "b", "device_info": "NVIDIA H100"}]}, "results": [)";
    auto const s = read_study({folder.write("n.json", head + R"(
        {"size": 0, "out_of_place": {"time": 5.0, "nwrong": null}, "in_place": {"time": 5.0, "nwrong": null}},
        {"size": 1024, "out_of_place": null, "in_place": {"cpu_time": 21.5, "alg_bw": 1, "bus_bw": 1, "nwrong": 0}},
        {"size": 4096, "out_of_place": {"time": 30.0, "nwrong": 0},
         "out_of_place_per_iter": {"skipped_iterations": 0, "times_us": [31.0, 29.0], "per_process_max_times_us": [[31, 28], [30, 29]]},
         "in_place": {"time": 30.0, "nwrong": 7}}]})")});
    CHECK(s.find("workers_per_node") == "4");
    CHECK(s.find("accelerator") == "NVIDIA H100");
    REQUIRE(s.samples.size() == 5);
    CHECK(s.samples[0].ranks == 8);
    CHECK(s.samples[0].run == 1);
    CHECK(!s.samples[0].rank);
    CHECK_CLOSE(s.samples[0].time_s, 21.5e-6, 1e-15);
    // Two processes of four GPUs, two iterations: a row each, and the slowest process is the iteration's time.
    CHECK(s.samples[1].step == 0);
    CHECK(s.samples[1].rank == 0);
    CHECK_CLOSE(s.samples[2].time_s, 28e-6, 1e-15);
    CHECK(s.samples[3].rank == 4);
    CHECK(s.samples[4].step == 1);
    auto const slowest = last_ranks(s);
    REQUIRE(slowest.size() == 3);
    CHECK_CLOSE(slowest[1].time_s, 31e-6, 1e-15);
    CHECK_CLOSE(slowest[2].time_s, 29e-6, 1e-15);
    CHECK(has(error_of({folder.write("ragged.json", head + R"({"size": 8, "in_place": {"time": 1, "alg_bw": 1},
        "in_place_per_iter": {"per_process_max_times_us": [[1, 2], [1]]}}]})")}),
              "process 1 has not as many times as process 0 at 8 bytes"));
    CHECK(noted(s, "1 timings with wrong results left out"));
    CHECK(noted(s, "2 rows of 0 bytes left out"));

    CHECK(has(error_of({folder.write("g.json", R"({"args": ["all_gather_perf"], "nccl_version": 1, "results": []})")}),
              "is a log of all_gather_perf"));
    CHECK(has(error_of({folder.write("cut.json", head)}), "cut.json:3: not valid JSON"));
    CHECK(has(error_of({folder.write("neg.json", head + R"({"size": 8, "in_place": {"time": -1, "alg_bw": 1}}]})")}),
              "time -1 us at 8 bytes (must be positive)"));
    auto const anonymous = folder.write(
        "a.json", R"({"nccl_version": 1, "results": [{"size": 8, "in_place": {"time": 9.5, "alg_bw": 1}}]})");
    CHECK(has(error_of({anonymous}), "Add --assume ranks=16?"));
    CHECK(read_study({anonymous}, facts({"ranks=2"})).samples[0].ranks == 2);
  }

  TEST_CASE("nccl-tests JSON: lines of rccl-tests") {
    test::TemporaryFolder folder;
    auto const line = [](int size, int in_place, std::string const& more = "") {
      return R"({"name":"AllReduce","size":)" + std::to_string(size) + R"(,"type":"float","redop":"sum","inPlace":)" +
             std::to_string(in_place) + R"(,"time":12.5,"algBw":1.0,"busBw":1.75,"#wrong":0,"gpus":8)" + more + "}\n";
    };
    auto const s = read_study({folder.write("r.jsonl", line(1024, 0) + line(1024, 1) + R"({"name":"AllRe)")});
    REQUIRE(s.samples.size() == 2);
    CHECK(s.samples[1].ranks == 8);
    CHECK(s.samples[1].run == 1);
    CHECK(noted(s, "the last line is cut off"));
    CHECK(has(error_of({folder.write("bad.jsonl", line(8, 0) + "nonsense\n" + line(8, 1))}),
              "bad.jsonl:2: not a JSON object"));
  }

  TEST_CASE("nccl-tests: bitwise columns a trailing timestamp and cpu time are found by the header") {
    test::TemporaryFolder folder;
    auto const s = read_study({folder.write(
        "log.txt",
        "# ranks: 4\n#       size         count      type   redop    root  cputime   algbw   busbw  #wrong  #bitdiff   "
        "cputime   algbw   busbw  #wrong  #bitdiff           timestamp\n"
        "        1024           256     float     sum      -1    20.00    0.05    0.08     N/A         0     10.00    "
        "0.10    0.15     N/A         0 2026-07-09 10:00:01\n")});
    REQUIRE(s.samples.size() == 2);
    CHECK_CLOSE(s.samples[1].time_s, 10e-6, 1e-15);
    CHECK(s.find("imported_from") == "nccl-tests");
  }

  TEST_CASE("osu: means or the slowest rank and K is asked for") {
    test::TemporaryFolder folder;
    auto const plain = folder.write("p.txt",
                                    "mpirun: welcome 12\n# OSU MPI-CUDA Allreduce Latency Test v7.0\n# Size       Avg "
                                    "Latency(us)\n4                       1.98\n[a100:0] Performance Warning 17\n"
                                    "8                       2.04\n16                      1.6");
    CHECK(has(error_of({plain}), "an OSU log does not say how many ranks ran. Add --assume ranks=16?"));
    auto const s = read_study({plain}, facts({"ranks=4", "workers_per_node=2"}));
    REQUIRE(s.samples.size() == 2);
    CHECK(s.samples[1].bytes == 8);
    CHECK(s.samples[1].ranks == 4);
    CHECK_CLOSE(s.samples[1].time_s, 2.04e-6, 1e-15);
    CHECK(s.find("workers_per_node") == "2");
    CHECK(noted(s, "1 rows that are cut off left out"));

    auto const table = [](char const* type) {
      return "# OSU MPI Allreduce Latency Test v7.4\n# Datatype: " + std::string(type) +
             ".\n# Size       Avg Latency(us)   Min Latency(us)   Max Latency(us)  Iterations  Validation\n"
             "1048576               104.30            104.26            110.33          10        Pass\n";
    };
    auto const full = read_study({folder.write("f.txt", table("MPI_CHAR") + table("MPI_FLOAT"))}, facts({"ranks=4"}));
    REQUIRE(full.samples.size() == 2);
    CHECK(full.samples[1].run == 1);
    CHECK_CLOSE(full.samples[1].time_s, 110.33e-6, 1e-15);
    CHECK(has(
        error_of({folder.write("b.txt", "# OSU MPI Broadcast Latency Test v5.9\n# Size  Avg Latency(us)\n1  2.00\n")}),
        "b.txt:1: is a log of another test"));
    CHECK(has(error_of({folder.write("e.txt", "# OSU MPI Allreduce Latency Test v7.4\n")}), "no row of osu_allreduce"));
  }

  TEST_CASE("google benchmark: names tell K batch and bytes") {
    test::TemporaryFolder folder;
    auto const row = [](std::string const& name, double time, std::string const& more = "") {
      return R"({"name": ")" + name + R"(", "run_name": ")" + name + R"(", "run_type": "iteration", "threads": 1, )" +
             R"("iterations": 9, "real_time": )" + std::to_string(time) + R"(, "cpu_time": 1.0, "time_unit": "ms")" +
             more + "}";
    };
    auto const file = [&](std::string const& name, std::vector<std::string> const& rows) {
      std::string text;
      for (auto const& r : rows) text += (text.empty() ? "" : ",\n") + r;
      return folder.write(name, R"({"context": {"num_cpus": 8}, "benchmarks": [)" + text + "]}");
    };
    auto const steps = read_study(
        {file("s.json", {row("BM/K:1/global_batch:64/real_time", 100), row("BM/K:4/global_batch:64/real_time", 30),
                         row("BM/K:4/global_batch:64/real_time", 31)})});
    // found by fuzzing: times K it was infinite, and the written Study could not be read again
    CHECK(has(error_of({file("huge.json", {row("BM/K:4/local_batch:1e308/real_time", 100)})}),
              "must be positive, up to"));
    CHECK(steps.kind() == StudyKind::steps);
    REQUIRE(steps.samples.size() == 3);
    CHECK(steps.samples[2].ranks == 4);
    CHECK(steps.samples[2].run == 1);
    CHECK(steps.samples[2].global_batch == 64.0);
    CHECK_CLOSE(steps.samples[2].time_s, 0.031, 1e-12);

    auto const bare = file("b.json", {row("BM/8", 100)});
    CHECK(read_study({bare}).samples[0].ranks == 8);
    CHECK(noted(read_study({bare}), "the number in the name read as K"));
    auto const compute = read_study({bare}, facts({"argument=local_batch"}));
    CHECK(compute.samples[0].op == Operation::compute);
    CHECK(compute.samples[0].local_batch == 8.0);
    CHECK(has(error_of({file("2.json", {row("BM/8/16", 100)})}), "Add --assume argument=K,local_batch?"));
    auto const sums = read_study({file("r.json", {row("BM/K:2/bytes:4294967296", 100)})});
    CHECK(sums.samples[0].op == Operation::allreduce);
    CHECK(sums.samples[0].bytes == 4294967296);

    auto const means = read_study({file(
        "m.json",
        {R"({"name": "BM/K:2_mean", "run_name": "BM/K:2", "run_type": "aggregate", "aggregate_name": "mean", "real_time": 5.0, "time_unit": "us"})",
         R"({"name": "BM/K:2_stddev", "run_name": "BM/K:2", "run_type": "aggregate", "aggregate_name": "stddev", "real_time": 0.1, "time_unit": "us"})"})});
    REQUIRE(means.samples.size() == 1);
    CHECK_CLOSE(means.samples[0].time_s, 5e-6, 1e-15);
    auto const two = file("t.json", {row("A/K:2", 1), row("B/K:2", 1), row("B/K:3", 1, R"(, "error_occurred": true)")});
    CHECK(has(error_of({two}), "several benchmarks in one file (A, B). Add --assume benchmark=A?"));
    CHECK(read_study({two}, facts({"benchmark=B"})).samples.size() == 1);
    CHECK(has(error_of({file("n.json", {row("A", 1)})}), "names neither K nor a batch"));
    CHECK(read_study({file("o.json", {row("A", 1)})}, facts({"op=serial"})).samples[0].op == Operation::serial);
    CHECK(has(error_of({file("z.json", {row("A/K:2", 0)})}), "real_time 0.0 (must be positive)"));
  }

  TEST_CASE("names that no line of a Study could hold are written as ones that it can") {
    test::TemporaryFolder folder;
    auto const written_again = [](Study const& study) {
      std::ostringstream out;
      write_study_csv(out, study);
      std::istringstream in(out.str());
      return read_study_csv(in, "again");
    };
    auto const benchmark = read_study({folder.write(  // found by fuzzing
        "del.json",
        R"({"benchmarks": [{"name": "B\u007fM\u0001/K:4", "real_time": 1.0, "time_unit": "ms", "iterations": 1}]})")});
    CHECK(written_again(benchmark).find("workload") == "benchmark B\\u007fM\\u0001");
    std::string const long_name = std::string(63, 'a') + "\xC3\xA9";  // its 64th byte is half a letter
    auto const experiment = read_study({folder.write(
        "long.json", R"({"parameters": ["p", ")" + long_name +
                         R"(", "d\u007fl"], "measurements": {"main": {"time": [)" +
                         R"({"point": [1, 2, 3], "values": [8]}, {"point": [2, 2, 3], "values": [4]}]}}})")});
    CHECK(written_again(experiment).configuration_columns == std::vector<std::string>{std::string(63, 'a'), "d_l"});
  }

  TEST_CASE("extra-p: text JSON and JSON lines say the same") {
    test::TemporaryFolder folder;
    auto const text = read_study({folder.write("a.txt",
                                               "# made by hand\nPARAMETER p\nPOINTS 1 2\nPOINTS 4\nREGION main\nMETRIC "
                                               "time\nDATA 8 8.5\nDATA 4\nDATA 2\n")});
    auto const json = read_study({folder.write(
        "a.json", R"({"parameters": ["p"], "measurements": {"main": {"time": [{"point": [1], "values": [8, 8.5]},
        {"point": [2], "values": [4]}, {"point": [4], "values": [2]}], "visits": [{"point": [1], "values": [1]}]},
        "main->f": {"time": [{"point": [1], "values": [1]}]}}})")});
    auto const lines =
        read_study({folder.write("a.jsonl",
                                 "{\"params\":{\"p\":1},\"value\":[8,8.5],\"callpath\":\"main\",\"metric\":\"time\"}\n"
                                 "{\"params\":{\"p\":2},\"value\":4,\"callpath\":\"main\",\"metric\":\"time\"}\n"
                                 "{\"params\":{\"p\":4},\"value\":2,\"callpath\":\"main\",\"metric\":\"time\"}\n")});
    for (auto const* s : {&text, &json, &lines}) {
      REQUIRE(s->samples.size() == 4);
      CHECK(s->samples[1].ranks == 1);
      CHECK(s->samples[1].run == 1);
      CHECK(s->samples[1].time_s == 8.5);
      CHECK(s->samples[3].ranks == 4);
      CHECK(s->time_column == "time_s");
    }
    auto const grid = read_study({folder.write(
        "g.txt", "PARAMETER p\nPARAMETER size\nPOINTS (1 10) (2 10)\nREGION main\nMETRIC time\nDATA 8\nDATA 4\n")});
    CHECK(grid.configuration_columns == std::vector<std::string>{"size"});
    CHECK(grid.samples[1].configuration == std::vector<std::string>{"10"});
  }

  TEST_CASE("extra-p: what is open is asked for and what is wrong has its line") {
    test::TemporaryFolder folder;
    CHECK(has(error_of({folder.write("empty.jsonl",  // found by fuzzing: read as a point without numbers
                                     "{\"params\":{},\"value\":1}\n{\"params\":{\"p\":2},\"value\":1}\n")}),
              "empty.jsonl:1: no parameter"));
    auto const open = folder.write("x.txt", "PARAMETER x\nPOINTS 1 2\nREGION r\nMETRIC time\nDATA 8\nDATA 4\n");
    CHECK(has(error_of({open}), "which parameter is K is open. Add --assume parameter=NAME?"));
    CHECK(read_study({open}, facts({"parameter=x"})).samples[1].ranks == 2);
    auto const metrics =
        folder.write("m.txt", "PARAMETER p\nPOINTS 1\nREGION r\nMETRIC flops\nDATA 8\nMETRIC visits\nDATA 4\n");
    CHECK(has(error_of({metrics}), "several metrics (flops, visits). Add --assume metric=flops?"));
    CHECK(read_study({metrics}, facts({"metric=visits"})).samples[0].time_s == 4.0);
    CHECK(has(error_of({folder.write("d.txt", "PARAMETER p\nPOINTS 1\nMETRIC time\nDATA 8\nDATA 4\n")}),
              "d.txt:5: a DATA line more than POINTS (1) before it"));
    CHECK(has(error_of({folder.write("late.txt",  // found by fuzzing: read beyond the end of the points
                                     "PARAMETER p\nPOINTS 1\nPARAMETER size\nREGION step\nMETRIC time\nDATA 8\n")}),
              "late.txt:3: PARAMETER after POINTS (the points lack its value)"));
    CHECK(has(error_of({folder.write("w.txt", "PARAMETER p\nPOINTS 1\nWHAT 1\n")}), "w.txt:3: unknown field 'WHAT'"));
    CHECK(has(error_of({folder.write("n.txt", "PARAMETER p\nPOINTS 1\nMETRIC time\nDATA -8\n")}), "n.txt:4: value -8"));
    CHECK(has(error_of({folder.write("k.txt", "PARAMETER p\nPOINTS 1.5\nMETRIC time\nDATA 8\n")}), "K=1.5"));
    CHECK(has(error_of({folder.write("o.json", R"({"callpaths": [], "parameters": [], "measurements": []})")}),
              "old layout"));
    CHECK(has(error_of({folder.write("j.jsonl", "{\"params\":{\"p\":1},\"value\":1}\n{\"params\":{\"p\"")}),
              "j.jsonl:2: no {"));
  }

  TEST_CASE("extra-p: what is exported reads back with the same points and repeats") {
    test::TemporaryFolder folder;
    for (std::string const table :
         {"# kurve: study/1\nK,global_batch,run,step_time_s\n1,64,0,8\n1,64,1,8.5\n4,64,0,2.25\n",
          "# kurve: study/1\nop,ranks,bytes,run,time_s\nallreduce,2,1024,0,1e-5\nallreduce,4,1024,0,2e-5\n"}) {
      auto const study = read_study({folder.write("s.csv", table)});
      std::ostringstream out;
      write_extra_p(out, study);
      auto const again = read_study({folder.write("x.json", out.str())});
      REQUIRE(again.samples.size() == study.samples.size());
      for (std::size_t i = 0; i < study.samples.size(); ++i) {
        CHECK(again.samples[i].ranks == study.samples[i].ranks);
        CHECK(again.samples[i].op == study.samples[i].op);
        CHECK(again.samples[i].bytes == study.samples[i].bytes);
        CHECK(again.samples[i].time_s == study.samples[i].time_s);
      }
      CHECK(again.time_column == study.time_column);
    }
  }

  TEST_CASE("input: components of different sources become one with both configurations") {
    test::TemporaryFolder folder;
    auto const own =
        folder.write("c.csv",
                     "# kurve: study/1\n# workload: mlp\n# configuration: algorithm,repeats\n"
                     "op,ranks,local_batch,time_s,algorithm,repeats\nserial,1,,0.01,,1\ncompute,1,8,0.1,,1\n");
    auto const osu =
        folder.write("o.txt", "# OSU MPI Allreduce Latency Test v7.4\n# Size  Avg Latency(us)\n1024  2.00\n");
    for (auto const& paths : {std::vector{own, osu}, std::vector{osu, own}}) {
      auto const s = read_study(paths, facts({"ranks=4"}));
      CHECK(s.samples.size() == 3);
      CHECK(s.find("workload") == "mlp");
      CHECK(s.configuration_columns.size() == 2);
      for (auto const& row : s.samples) CHECK(row.configuration.size() == 2);
    }
  }
}
