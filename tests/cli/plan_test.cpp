// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>
#include <vector>

#include "tests/cli/program.hpp"
#include "tests/support/checks.hpp"

using namespace kurve::test;
using nlohmann::json;

namespace {

std::string const strong = "docs/tutorial/strong.json";  // 0.04 + 0.96/K + 0.010 log2 K

void check_fits(std::string const& text) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) CHECK_MESSAGE(line.size() <= 80, line);
}

}  // namespace

TEST_SUITE("cli") {
  TEST_CASE("plan prints a table of 80 columns and recommends in words") {
    auto const run = run_kurve("plan " + strong + " --steps 10M --price 2.5/gpu-hour --gpus 64 --K 1..64");
    INFO(run.err);
    CHECK(run.code == 0);
    CHECK(run.out.find("Recommended: K = 4 is the largest whose efficiency is at least 0.7") != std::string::npos);
    CHECK(run.out.find("other 60 of the 64") != std::string::npos);
    CHECK(run.out.find("published: Llama 3") != std::string::npos);
    check_fits(run.out);
  }

  TEST_CASE("plan agrees with simulate and names what it assumed") {
    auto const plan = run_kurve("plan " + strong + " --steps 1M --mtbf none --K 1..64 --json");
    REQUIRE(plan.code == 0);
    auto const a = json::parse(plan.out), b = json::parse(run_kurve("simulate " + strong + " --K 1..64 --json").out);
    for (std::size_t i = 0; i < 7; ++i) {
      CHECK(a["options"][i]["step_s"] == b["points"][i]["mean_s"]);
      CHECK(a["options"][i]["efficiency"] == b["points"][i]["efficiency"]["mean"]);
      CHECK_CLOSE(a["options"][i]["time_s"]["median"].get<double>(), 1e6 * b["points"][i]["mean_s"].get<double>(),
                  1e-9);
      CHECK(a["options"][i]["cost"].is_null());
    }
    CHECK(a["failures"]["source"] == "none");
    CHECK(a["provenance"]["command_line"].get<std::string>().find("kurve plan") == 0);
  }

  TEST_CASE("plan says what an impossible deadline would take and fails the verdict") {
    auto const run = run_kurve("plan " + strong + " --steps 10M --deadline 12h --K 1..64");
    CHECK(run.code == 5);
    CHECK(run.out.find("no K up to 64 meets 12.0 h with 90 %: K = ") != std::string::npos);
    CHECK(std::regex_search(run.out, std::regex("comes\\snearest,\\sin\\s")));
    CHECK(run.out.find("what would: ") != std::string::npos);
    check_fits(run.out);
  }

  TEST_CASE("plan refuses bad flags and units with a reason") {
    struct Bad {
      char const *flags, *words;
    };
    for (auto const& [flags, words] : {Bad{"", "nowhere"},
                                       Bad{"--steps 1M --samples 1M", "twice"},
                                       Bad{"--steps many", "count 'many'"},
                                       Bad{"--steps 1M --deadline 7", "a unit is missing"},
                                       Bad{"--steps 1M --deadline 7dayz", "unknown unit 'dayz'"},
                                       Bad{"--steps 1M --price 2.5/gpu", "gpu-hour, node-hour or month"},
                                       Bad{"--steps 1M --price 1,2,3", "3 values for 1 offer"},
                                       Bad{"--steps 1M --price 100k/month", "--gpus"},
                                       Bad{"--steps 1M --budget 1M", "without a price"},
                                       Bad{"--steps 1M --mtbf 7d", "llama3, rsc1, rsc2"},
                                       Bad{"--steps 1M --value-of-time 500 --price 1", "500/h"},
                                       Bad{"--steps 1M --bugdet 1M", "Did you mean '--budget'?"},
                                       Bad{"--steps 1M --mtbf lama3", "Did you mean 'llama3'?"},
                                       Bad{"--steps 1M --set network.inter.bandwidth_Bps=1", "changes nothing"},
                                       Bad{"--steps 1M --set gradient_bytes=1GB", "count communication twice"},
                                       Bad{"--steps 1M --K 0", "K list"},
                                       Bad{"--steps 1M --K 1:900:1", "from 1 to 500"},
                                       Bad{"--steps 1M --runs 0", "runs=0"},
                                       Bad{"--steps 1M --confidence 2", "confidence"},
                                       Bad{"--min-steps 1M", "--critical-batch"},
                                       Bad{"--steps 1M --nodes-only --gpus 0.5", "gpus"}}) {
      auto const run = run_kurve("plan " + strong + " " + flags);
      CHECK_MESSAGE(run.code == 2, flags, ": ", run.code);
      CHECK_MESSAGE(run.err.find(words) != std::string::npos, flags, ": ", run.err);
      CHECK(run.out.empty());
    }
    CHECK(run_kurve("plan no-such-file.json --steps 1M").code == 3);
  }

  TEST_CASE("plan reads every quantity in one language") {
    auto const options = [](std::string const& flags) {
      auto const run = run_kurve("plan " + strong + " -K 1..64 --json " + flags);
      INFO(flags, run.err);
      REQUIRE((run.code == 0 || run.code == 5));
      return json::parse(run.out)["options"].dump();
    };
    CHECK(options("--steps 10M --price 2.5 --deadline 3weeks --watts 0.7kW --value-of-time 12k/day -c 90% -t 70% "
                  "--draws 1e3 --gpus 1k --set serial=50ms") ==
          options("--steps 1e7 --price 2.5/gpu-hour --deadline 21d --watts 700 --value-of-time 500/h -c 0.9 -t 0.7 "
                  "--draws 1000 --gpus 1000 --set serial=0.05"));
  }

  TEST_CASE("plan tells the K that a Study's parallelism excludes and never recommends one") {
    TemporaryFolder const folder;
    auto const study = folder.write("tp.csv",
                                    "# kurve: study/1\n# configuration: parallelism\n"
                                    "K,global_batch,step_time_s,parallelism\n"
                                    "64,256,8.0,TP8PP4\n128,256,4.1,TP8PP4\n256,256,2.1,TP8PP4\n");
    auto const model = folder.path("tp.json");
    REQUIRE(run_kurve("fit '" + study + "' --draws 200 --out '" + model + "'").code == 0);
    CHECK(json::parse(read_text(model))["workers_per_replica"] == json::array({32}));
    auto const result = json::parse(run_kurve("plan '" + model + "' --steps 1k -K 48,64,80,96 --json").out);
    std::vector<bool> possible;
    for (auto const& option : result["options"]) possible.push_back(option["impossible"].is_null());
    CHECK(possible == std::vector<bool>{false, true, false, true});
    CHECK(result["recommended"]["K"].get<int>() % 32 == 0);
  }

  TEST_CASE("plan tells one Model at two prices apart by price alone") {
    auto const both = json::parse(
        run_kurve("plan " + strong + " " + strong + " --steps 1M --price 2,3/gpu-hour -K 1..8 --draws 50 --json").out);
    CHECK(both["offers"][0]["name"] == "strong at 2/gpu-hour");
    CHECK(both["offers"][1]["name"] == "strong at 3/gpu-hour");
    CHECK(both["comparison"]["one_model"] == true);
    for (std::size_t i = 0; i < 4; ++i) {
      CHECK(both["options"][i]["time_s"] == both["options"][i + 4]["time_s"]);
      CHECK(both["comparison"]["points"][i]["p_first_cheaper"] == 1.0);
    }
    CHECK(both["recommended"]["offer"] == "strong at 2/gpu-hour");
  }

  TEST_CASE("plan compares two offers and draws time and cost") {
    TemporaryFolder const folder;
    auto const both = strong + " docs/tutorial/weak.json --samples 640M --price 2.5,1.9 -K 1..64 --mtbf none";
    auto const result = json::parse(run_kurve("plan " + both + " --json").out);
    CHECK(result["offers"].size() == 2);
    CHECK(result["options"].size() == 14);
    CHECK(result["options"][7]["offer"] == "weak");
    CHECK(result["comparison"]["points"].size() == 7);
    if (run_kurve("plan " + both + " --plot '" + folder.path("p.svg") + "'").code == 4) {
      MESSAGE("skipped: no gnuplot here");
      return;
    }
    CHECK(read_text(folder.path("p.svg")).find("</svg>") != std::string::npos);
    CHECK(run_kurve("plan " + both + " --plot -").out.find("time of the run") != std::string::npos);
    CHECK(run_kurve("plan " + both + " --plot p.bmp").code == 2);
  }
}
