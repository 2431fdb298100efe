// SPDX-License-Identifier: Apache-2.0
#include "data/study.hpp"

#include <fstream>
#include <sstream>
#include <streambuf>

#include "model/error.hpp"
#include "tests/support/checks.hpp"

using namespace kurve;
using namespace kurve::data;

namespace {

Study read(std::string const& text) {
  std::istringstream in(text);
  return read_study_csv(in, "t.csv");
}

std::string error_of(std::string const& text) {
  return test::message_of<DataError>([&] { return read(text); });
}

bool has(std::string const& text, std::string const& part) { return text.find(part) != std::string::npos; }

bool noted(Study const& study, std::string const& part) {
  for (auto const& note : study.notes)
    if (has(note, part)) return true;
  return false;
}

std::string written(Study const& study) {
  std::ostringstream out;
  write_study_csv(out, study);
  return out.str();
}

/// An endless file of one byte, which counts how many were taken from it.
class Endless : public std::streambuf {
 public:
  explicit Endless(std::string pattern) : block_(std::move(pattern)) {}
  std::size_t taken = 0;

 protected:
  int_type underflow() override {
    setg(block_.data(), block_.data(), block_.data() + block_.size());
    taken += block_.size();
    return traits_type::to_int_type(block_.front());
  }

 private:
  std::string block_;
};

constexpr char const* header = "# kurve: study/1\n";

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("study: every column and the header are read") {
    auto const s = read(
        "# kurve: study/1\n# workload: GPT: the big one\n# workers_per_node: 8\n# configuration: parallelism\n"
        "K,global_batch,run,step,step_time_s,parallelism\n512,2048,0,3,11.0425,\"TP4, PP8\"\n");
    CHECK(s.kind() == StudyKind::steps);
    CHECK(s.find("workload") == "GPT: the big one");
    CHECK(s.find_number("workers_per_node") == 8.0);
    REQUIRE(s.samples.size() == 1);
    auto const& row = s.samples[0];
    CHECK(row.ranks == 512);
    CHECK(row.global_batch == 2048.0);
    CHECK(row.run == 0);
    CHECK(row.step == 3);
    CHECK(row.time_s == 11.0425);
    CHECK(row.configuration == std::vector<std::string>{"TP4, PP8"});
    CHECK(row.line == 6);
    CHECK(s.notes.empty());
  }

  TEST_CASE("study: regime follows the batch column") {
    auto const with = [](std::string const& rows) { return read("K,global_batch,step_time_s\n" + rows); };
    CHECK(with("1,64,1\n2,64,1\n").regime() == model::Regime::strong);
    CHECK(with("1,64,1\n2,128,1\n").regime() == model::Regime::weak);
    CHECK(with("3,100,1\n7,233,1\n").regime() == model::Regime::weak);  // 100/3 and 233/7: 0.14 % apart, rounding
    CHECK(with("512,2048,1\n768,3072,1\n4096,2048,1\n").regime() == model::Regime::mixed);
    CHECK_FALSE(with("2,64,1\n2,64,1\n").derived_regime().has_value());
    CHECK(read("# regime: weak\nK,step_time_s\n1,1\n2,1\n").regime() == model::Regime::weak);
    CHECK(read("K,step_time_s\n1,1\n2,1\n").regime() == model::Regime::strong);
  }

  TEST_CASE("study: what is wrong is said with file and line") {
    std::string const h = header;
    CHECK(error_of("") == "t.csv: empty file (expected a table with a header row, such as K,step_time_s)");
    CHECK(has(error_of("# kurve: study/1\n"), "t.csv:1: no table"));
    CHECK(error_of("K,step_time_s\n") == "t.csv:1: no rows below the header row");
    CHECK(has(error_of("step_time_s\n1\n"), "t.csv:1: missing column 'K'"));
    CHECK(has(error_of("K,run\n1,1\n"), "t.csv:1: missing a time column"));
    CHECK(has(error_of("K,step_time_s,loss\n1,1,1\n"), "t.csv:1: unknown column 'loss'"));
    CHECK(has(error_of(h + "K,step_tine_s\n1,1\n"), "t.csv:2: unknown column 'step_tine_s'"));
    CHECK(has(error_of(h + "K,step_tine_s\n1,1\n"), "Did you mean 'step_time_s'?"));
    CHECK(error_of("K,K,step_time_s\n1,1,1\n") == "t.csv:1: repeated column 'K'");
    CHECK(error_of("# source: a\n# source: b\nK,step_time_s\n1,1\n") == "t.csv:2: repeated header key 'source'");
    CHECK(error_of("K,step_time_s\n1,nan\n") == "t.csv:2: step_time_s='nan' (must be finite)");
    CHECK(error_of("K,step_time_s\n1,1\n2,inf\n") == "t.csv:3: step_time_s='inf' (must be finite)");
    CHECK(error_of("K,step_time_s\n1,0\n") == "t.csv:2: step_time_s='0' (must be positive)");
    CHECK(error_of("K,step_time_s\n1,-0.5\n") == "t.csv:2: step_time_s='-0.5' (must be positive)");
    CHECK(error_of("K,step_time_s\n1,fast\n") == "t.csv:2: step_time_s='fast' (must be a number)");
    CHECK(error_of("K,step_time_s\n0,1\n") == "t.csv:2: K='0' (must be at least 1)");
    CHECK(error_of("K,step_time_s\n1.5,1\n") == "t.csv:2: K='1.5' (must be a whole number)");
    CHECK(error_of("K,step_time_s\n,1\n") == "t.csv:2: missing value of 'K'");
    CHECK(error_of("K,step_time_s\n1,\n") == "t.csv:2: missing value of the time");
    CHECK(error_of("K,step_time_s\n1,1,1\n") == "t.csv:2: row has 3 fields (the header has 2)");
    CHECK(has(error_of("K,step_time_s\n1,\"1\n"), "t.csv:2: bad quoting"));
    CHECK(has(error_of("K,step_time_s\n1,\"1\"x\n"), "t.csv:2: bad quoting in field 2"));
    CHECK(error_of("# kurve: study/2\nK,step_time_s\n1,1\n") ==
          "t.csv:1: unknown study version 'study/2' (this Kurve reads study/1)");
    CHECK(has(error_of("# regime: strnog\nK,step_time_s\n1,1\n"),
              "t.csv:1: # regime: regime 'strnog' (must be one of strong weak mixed)"));
    CHECK(has(error_of("# workers_per_node: eight\nK,step_time_s\n1,1\n"),
              "t.csv:1: # workers_per_node: 'eight' (must be a positive number)"));
    CHECK(has(error_of("# warmup: some\nK,step_time_s\n1,1\n"), "must be excluded, included or unknown"));
    CHECK(has(error_of("# configuration: tp\nK,step_time_s\n1,1\n"), "missing configuration column 'tp'"));
    // found by fuzzing: written, the column stood twice
    CHECK(
        has(error_of("# configuration: run\nK,run,step_time_s\n1,0,1\n"), "'run' (a Study column of its own meaning)"));
    CHECK(has(error_of(h + "K,throughput_samples_per_s\n1,1\n"), "missing column 'global_batch'"));
    CHECK(has(error_of("K,step_time_s,time_s\n1,1,1\n"), "several time columns"));
    CHECK(has(error_of("op,ranks,time_s\nallreduce,2,1\n"), "missing value of 'bytes'"));
    CHECK(has(error_of("op,ranks,time_s\nbroadcast,2,1\n"), "op 'broadcast'"));
  }

  TEST_CASE("study: a unit missing in a Study is an error and in a hand-made table a note") {
    CHECK(has(error_of(std::string(header) + "K,time\n1,1\n"), "t.csv:2: column 'time' (a Study's times are seconds"));
    CHECK(has(error_of(std::string(header) + "K,step_time_ms\n1,1\n"), "name it step_time_s?"));
    auto const s = read("gpus,time\n1,10\n2,5.5\n");
    CHECK(noted(s, "'gpus' read as K"));
    CHECK(noted(s, "'time' read as seconds of a fixed job or step (its name has no unit)"));
    CHECK(s.time_column == "time_s");
    CHECK(s.samples[1].time_s == 5.5);
  }

  TEST_CASE("study: hand-made tables are read by the names people give") {
    struct Table {
      std::string text;
      int ranks;
      double time_s;
      std::string note;
    };
    for (auto const& t : std::vector<Table>{
             {"GPUs, step time (ms)\n8,250\n", 8, 0.25, "ms per step"},
             {"K;time\n8;2,5\n", 8, 2.5, "seconds"},
             {"workers\tsec/iter\n8\t2.5\n", 8, 2.5, "sec per step"},
             {"num_gpus,time_us\n8,250\n", 8, 250e-6, "us"},
             {"world size,iterations/s\n8,4\n", 8, 0.25, "steps/s"},
             {"nodes,throughput\n8,500\n", 8, 1.0 / 500, "K is the number of nodes"},
             {"gpus,images/sec\n8,500\n", 8, 1.0 / 500, "images/s of all workers together"},
             {"gpus,tokens/s/GPU\n8,500\n", 8, 1.0 / 4000, "tokens/s of each worker"},
             {"gpus,global_batch,images/sec\n8,1000,500\n", 8, 2.0, "global batch / throughput"},
             {"gpus,batch per gpu,throughput (samples/s)\n8,10,40\n", 8, 2.0, "batch of each worker"},
             {"# workers_per_node: 4\nnodes,time (s)\n8,2\n", 32, 2.0, "nodes times workers_per_node"}}) {
      INFO(t.text);
      auto const s = read(t.text);
      CHECK(s.samples.at(0).ranks == t.ranks);
      CHECK_CLOSE(s.samples.at(0).time_s, t.time_s, 4e-16);
      CHECK(noted(s, t.note));
    }
    CHECK(has(error_of("gpus,batch,time\n1,1,1\n"), "column 'batch' (of one worker or of all?)"));
    CHECK(has(error_of("gpus,workers,time\n1,1,1\n"), "says again what another column says"));
    CHECK(read("# regime: weak\ngpus,images/s\n8,400\n").samples[0].time_s == 8.0 / 400);  // an item for each worker
  }

  TEST_CASE("study: BOM and CRLF are accepted") {
    auto const s = read("\xEF\xBB\xBF# workload: w\r\nK,step_time_s\r\n1,2\r\n\r\n2,1\r\n");
    CHECK(s.samples.size() == 2);
    CHECK(s.find("workload") == "w");
  }

  TEST_CASE("study: misspelt keys are kept and noted and unknown ones kept") {
    auto const s = read("# workres_per_node: 8\n# cluster: eos\n# a comment for people: 3\nK,step_time_s\n1,1\n");
    CHECK(noted(s, "Did you mean 'workers_per_node'?"));
    CHECK(s.find("cluster") == "eos");
    CHECK(s.notes.size() == 1);
  }

  TEST_CASE("study: components and ranks of one job") {
    auto const c = read(
        "op,ranks,bytes,local_batch,time_s\nserial,,,,0.1\ncompute,,,32,0.2\nallreduce,8,1024,,0.3\nstep,4,,32,0.4\n");
    CHECK(c.kind() == StudyKind::components);
    CHECK(c.samples[2].op == Operation::allreduce);
    CHECK(c.samples[2].bytes == 1024);
    CHECK(c.samples[2].ranks == 8);
    CHECK(c.steps().size() == 1);
    auto const r = read("step,stage,rank,compute_s,comm_s\n3,0,0,1.5,0\n3,0,1,2.5,0.5\n3,0,2,2,0.5\n");
    CHECK(r.kind() == StudyKind::per_rank);
    CHECK(r.samples[1].ranks == 3);
    CHECK(r.samples[1].time_s == 3.0);
    CHECK(r.steps().empty());
  }

  TEST_CASE("study: written and read back it is the same") {
    for (std::string const text : {"# kurve: study/1\n# workload: w\n# configuration: "
                                   "a,b\nK,nodes,global_batch,run,step,step_time_s,a,b\n8,1,64,0,3,0.1,\"x,\"\"y\"\"\","
                                   "\n16,2,64,1,3,0.05000000000000001,z,w\n",
                                   "# kurve: "
                                   "study/"
                                   "1\nop,ranks,local_batch,bytes,run,time_s\nserial,1,,,0,0.25\ncompute,1,32,,0,0."
                                   "5\nallreduce,8,,1024,1,3e-05\n",
                                   "# kurve: study/1\n# source: s\nstep,stage,rank,compute_s\n3,0,0,1.5\n3,0,1,2.5\n",
                                   "# kurve: study/1\nK,time_s\n8,1e-300\n"}) {
      auto const once = read(text);
      CHECK(written(once) == text);
      CHECK(written(read(written(once))) == written(once));
    }
    // values that would break a line or look like a comment
    Study s;
    s.configuration_columns = {"c"};
    s.samples.resize(1);
    s.samples[0].time_s = 1.0;
    s.samples[0].configuration = {"two\nlines"};
    s.set("source", "two\nlines");
    auto const back = read(written(s));
    CHECK(back.samples[0].configuration[0] == "two\nlines");
    CHECK(back.find("source") == "two\\u000alines");
  }

  TEST_CASE("study: K and times that follow from other columns are in range too") {
    // found by mutation: a Study was accepted, and what was written of it could not be read again
    std::string const nodes = "# kurve: study/1\n# workers_per_node: 0.1\nnodes,step_time_s\n1,0.5\n";
    CHECK(has(error_of(nodes), "t.csv:4: K=0.1 "));
    CHECK(has(error_of("# kurve: study/1\n# workers_per_node: 1e9\nnodes,step_time_s\n9,0.5\n"), "t.csv:4: K=9e+09 "));
    CHECK(has(error_of("# kurve: study/1\nK,global_batch,throughput_samples_per_s\n1,1e300,1e-300\n"), "t.csv:3: "));
    CHECK(has(error_of("# kurve: study/1\nK,local_batch,step_time_s\n9,1e308,1\n"), "t.csv:3: "));
  }
  TEST_CASE("study: ranks with a K or a step time of their own keep them") {
    std::string const rows = "K,step,rank,compute_s,step_time_s\n8,0,0,0.5,0.7\n8,0,1,0.6,0.7\n";
    auto const again = read(written(read("# kurve: study/1\n" + rows)));
    REQUIRE(again.samples.size() == 2);
    CHECK(again.samples[0].ranks == 8);
    CHECK(again.samples[0].time_s == 0.7);
  }
  TEST_CASE("study: endless garbage is refused after a bounded read") {
    for (auto const& pattern :
         std::vector<std::string>{std::string(1 << 16, 'x'), std::string(1 << 16, '\0'),
                                  std::string("\x7f"
                                              "ELF\x02\x01\n"),
                                  std::string("\xff\xfe\n"), std::string("lorem ipsum\n"), std::string("# key: v\n")}) {
      Endless garbage(pattern);
      std::istream in(&garbage);
      auto const message = test::message_of<DataError>([&] { return read_study_csv(in, "g"); });
      CHECK(has(message, "g:"));
      CHECK(garbage.taken <= (2u << 20));
    }
    CHECK(has(error_of(std::string("\x1f\x8b\x08\n", 4)), "t.csv:1: byte 0x1f at column 1 (not UTF-8 text)"));
    CHECK(has(error_of("K,step_time_s\n1,\xC0\x80\n"), "t.csv:2: byte 0xc0 at column 3"));
  }

  TEST_CASE("study: a collective with a row a rank lasts until its last one") {
    auto const study = read(
        "# configuration: algorithm\nop,ranks,bytes,run,step,rank,time_s,algorithm\n"
        "allreduce,2,8,0,0,0,1,ring\nallreduce,2,8,0,0,1,3,ring\nallreduce,2,8,0,0,0,7,library\n"
        "allreduce,2,8,0,1,0,5,ring\nallreduce,2,8,0,1,1,4,ring\nserial,2,,0,0,0,9,\n");
    std::vector<double> times;
    for (auto const& row : data::last_ranks(study)) times.push_back(row.time_s);
    CHECK(times == std::vector<double>{3, 7, 5, 9});
  }

  TEST_CASE("study: random bytes never do more than throw DataError") {
    std::string const alphabet = "K,step_time_s\n\r\"#:;0123.-e\t\xEF\xBB\xBF\xC3\xA9 gpustime(m)/\x01";
    std::uint64_t state = 1;
    auto const next = [&state](std::size_t n) {
      state = state * 6364136223846793005u + 1442695040888963407u;  // Knuth's MMIX generator
      return static_cast<std::size_t>((state >> 33) % n);
    };
    int read_well = 0;
    for (int trial = 0; trial < 20'000; ++trial) {
      std::string text =
          next(2) == 0 ? "gpus,time\n1,2\n4,1\n" : "# kurve: study/1\nK,run,step_time_s\n1,0,2\n\"4\",1,1e-3\n";
      for (std::size_t edits = next(6); edits > 0; --edits) {
        std::size_t const at = next(text.size());
        if (next(3) == 0)
          text.erase(at, next(4));
        else
          text.insert(at, 1, alphabet[next(alphabet.size())]);
        if (text.empty()) text = ",";
      }
      try {
        auto const study = read(text);
        CHECK(written(read(written(study))) == written(study));
        ++read_well;
      } catch (DataError const&) {
      }
    }
    CHECK(read_well > 1000);
  }
}
