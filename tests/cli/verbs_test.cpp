// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/cli/program.hpp"
#include "tests/support/checks.hpp"

using namespace kurve::test;
using nlohmann::json;

namespace {

std::string const book = "data/sets/book_code_5_2_1/book_code_5_2_1.csv";
std::string const gpt3 = "data/sets/mlperf_gpt3_v3_1/points.csv";

json json_of(std::string const& arguments) {
  auto const run = run_kurve(arguments + " --json");
  INFO(arguments, "\n", run.err);
  REQUIRE(run.code == 0);
  return json::parse(run.out);
}

}  // namespace

TEST_SUITE("cli") {
  TEST_CASE("analyze prints the book's table digit for digit") {
    auto const run = run_kurve("analyze " + book);
    REQUIRE(run.code == 0);
    for (auto const* row :
         {" 1.0047  0.0091 ", " 0.5343  0.0098 ", " 0.3032  0.0034 ", " 0.1884  0.0039 ", " 0.1392  0.0026 ",
          " 0.1189  0.0026 ", " 0.1140  0.0022 ", " 1.00  1.000 ", " 1.88  0.940 ", " 3.31  0.828 ", " 5.33  0.667 ",
          " 7.22  0.451 ", " 8.45  0.264 ", " 8.82  0.138 "})
      CHECK_MESSAGE(run.out.find(row) != std::string::npos, row);
    CHECK(run.out.find("Bend at K = 8") != std::string::npos);
    CHECK(run.out.find("last K that pays: 4") != std::string::npos);
    std::istringstream lines(run.out);
    for (std::string line; std::getline(lines, line);) CHECK(line.size() <= 80);
  }

  TEST_CASE("analyze gives the keys that programs rely on") {
    auto const result = json_of("analyze " + book);
    CHECK(result["regime"] == "strong");
    CHECK(result["baseline"]["K"] == 1);
    CHECK(result["bend"]["K"] == 8);
    CHECK(result["bend"]["last_ok_K"] == 4);
    REQUIRE(result["points"].size() == 7);
    for (auto const* key :
         {"K", "global_batch", "n", "mean_s", "std_s", "ci_low_s", "ci_high_s", "speedup", "efficiency", "verdict"})
      CHECK_MESSAGE(result["points"][3].contains(key), key);
    CHECK(result["provenance"]["command_line"].get<std::string>().find("kurve analyze") == 0);
  }

  TEST_CASE("a table of three lines that anyone would make is read and its reading explained") {
    TemporaryFolder const folder;
    auto const path = folder.write("mine.csv", "gpus,time\n1,10\n2,5\n4,2.5\n");
    auto const run = run_kurve("analyze '" + path + "'");
    CHECK(run.code == 0);
    CHECK(run.out.find("read as seconds") != std::string::npos);
    CHECK(run.out.find("1.000") != std::string::npos);
  }

  TEST_CASE("raw MLPerf logs give K and batch and mean step") {
    auto const folder = shared_data("logs/mllog");
    if (folder.empty()) return;
    auto const result = json_of("analyze '" + folder + "'/*.txt");
    struct Expected {
      int ranks;
      double batch, mean_s;
    };
    Expected const expected[] = {{512, 2048, 11.05}, {768, 3072, 11.08}, {4096, 2048, 1.608}};
    CHECK(result["regime"] == "mixed");
    REQUIRE(result["points"].size() == 3);
    for (std::size_t i = 0; i < 3; ++i) {
      CHECK(result["points"][i]["K"] == expected[i].ranks);
      CHECK(result["points"][i]["global_batch"] == expected[i].batch);
      CHECK_CLOSE(result["points"][i]["mean_s"].get<double>(), expected[i].mean_s, 0.005);
    }
    CHECK(run_kurve("analyze '" + folder + "'/*.txt").out.find("warm-up steps of") != std::string::npos);
  }

  TEST_CASE("an all-reduce log is said to be a component and what to do with it") {
    auto const log = shared_data("logs/nccl-tests/h100_ib400_2node_16rank_issue309_gjaion.txt");
    if (log.empty()) return;
    auto const run = run_kurve("analyze '" + log + "'");
    CHECK(run.code == 3);
    CHECK(run.err.find("component (all-reduce of 16 ranks), not a scaling study") != std::string::npos);
    CHECK(run.err.find("kurve fit") != std::string::npos);
  }

  TEST_CASE("GPT-3 at 6144 GPUs and more is foretold from 4096 and less") {
    auto const result = json_of("validate " + gpt3 + " --fit 'K<=4096'");
    int held_out = 0;
    for (auto const& point : result["points"]) {
      if (!point["held_out"].get<bool>()) continue;
      ++held_out;
      CHECK(std::abs(point["relative_error"].get<double>()) < 0.02);
      CHECK(point["covered"].get<bool>());
      CHECK((point["high_s"].get<double>() - point["low_s"].get<double>()) / (2 * point["predicted_s"].get<double>()) <
            0.06);
    }
    CHECK(held_out == 4);
    CHECK(result["summary"]["max_ape"].get<double>() < 0.02);
    CHECK(result["rivals"].size() >= 5);
  }

  TEST_CASE("GPT-3 from one local batch: serial and compute are not identified and the interval is wide") {
    auto const result = json_of("validate " + gpt3 + " --fit 'K<=768'");
    CHECK(result["identified"]["serial"] == false);
    CHECK(result["identified"]["compute.per_sample"] == false);
    auto const& last = result["points"].back();
    CHECK(last["high_s"].get<double>() / last["low_s"].get<double>() > 2.0);
    CHECK(last["covered"].get<bool>());
  }

  TEST_CASE("the gate of validate is an exit code") {
    CHECK(run_kurve("validate " + gpt3 + " --fit 'K<=4096' --max-error 0.05").code == 0);
    auto const run = run_kurve("validate " + gpt3 + " --fit 'K<=4096' --max-error 0.001");
    CHECK(run.code == 5);
    CHECK(run.err.find("--max-error") != std::string::npos);
  }

  TEST_CASE("fit then simulate: a Model goes through a file and what-ifs move it") {
    TemporaryFolder const folder;
    auto const model = folder.path("book.json");
    REQUIRE(run_kurve("fit " + book + " --out '" + model + "'").code == 0);
    auto const result = json_of("simulate '" + model + "' --K 1..64");
    REQUIRE(result["points"].size() == 7);
    auto const& last = result["points"].back();
    for (auto const* key :
         {"mean_s", "sd_s", "low_s", "high_s", "quantiles", "speedup", "efficiency", "p_pays", "contributions"})
      CHECK_MESSAGE(last.contains(key), key);
    CHECK(last["low_s"].get<double>() < 0.1140);
    CHECK(last["high_s"].get<double>() > 0.1140);
    CHECK(result["bend"]["K"] == 8);
    auto const slower = json_of("simulate '" + model + "' --K 64 --set serial=10");
    CHECK(slower["points"][0]["mean_s"].get<double>() > 9.9);
    CHECK(run_kurve("simulate '" + model + "' --set colour=1").code == 2);
  }

  TEST_CASE("a what-if that the Model cannot feel is a usage error that says what would be felt") {
    TemporaryFolder const folder;
    auto const model = folder.path("mine.json");
    auto const study = folder.write("mine.csv", "gpus,time\n1,10.2\n2,5.4\n4,3.1\n8,2.2\n");
    REQUIRE(run_kurve("fit '" + study + "' --draws 200 --out '" + model + "'").code == 0);
    auto const simulate = [&](std::string const& flags) { return run_kurve("simulate '" + model + "' " + flags); };
    for (auto const* set : {"network.inter.bandwidth_Bps=25e9", "network.inter.bandwidth_Bps=1000",
                            "network.inter.bandwidth_Bps=1e9,2e9", "network.inter.latency=5us"}) {
      auto const run = simulate("-K 8,64 --set " + std::string(set));
      CHECK_MESSAGE(run.code == 2, set);
      CHECK(run.out.empty());
      CHECK_MESSAGE(run.err.find("terms fitted to its steps") != std::string::npos, run.err);
      CHECK(run.err.find("fit STEPS NETWORK") != std::string::npos);
    }
    CHECK(simulate("-K 8 --set gradient_bytes=2.8GB --set network.inter.bandwidth_Bps=100Gbit/s").err.find("twice") !=
          std::string::npos);
    CHECK(
        simulate("-K 8 --set variability.stragglers.slowdown=4").err.find("variability.stragglers.probability is 0") !=
        std::string::npos);
    CHECK(simulate("-K 8,64 --set serial=50ms").code == 0);  // the README's
    CHECK(simulate("-K 8,64 --set serial=50ms..200ms --json").code == 0);
    CHECK(simulate("-K 8 --set compute.per_sampel=1").err.find("Did you mean 'compute.per_sample'?") !=
          std::string::npos);
    CHECK(simulate("-K 8 -n 1e3 -m workers --confidence 95% --draws 1k").code == 0);
    CHECK(simulate("-K 8 -m worker").err.find("Did you mean 'workers'?") != std::string::npos);
  }

  TEST_CASE("the same seed gives the same bytes whatever the threads and one trial can be replayed") {
    TemporaryFolder const folder;
    auto const model = folder.path("m.json");
    REQUIRE(run_kurve("fit " + book + " --out '" + model + "'").code == 0);
    auto const points = [&](std::string const& threads) {
      return json_of("simulate '" + model +
                     "' --K 1..64 -m workers -n 2000 --set variability.noise.cv=0.05 --threads " + threads)["points"]
          .dump();
    };
    auto const one = points("1");
    CHECK(points("2") == one);
    CHECK(points("7") == one);
    auto const replay = [&] {
      return run_kurve("simulate '" + model + "' --K 8 --trial 17 --set variability.noise.cv=0.05").out;
    };
    CHECK(replay() == replay());
    CHECK(replay().find("trial 17") != std::string::npos);
  }

  TEST_CASE("calibrate writes Studies and a Model that fit and simulate read") {
    TemporaryFolder const folder;
    auto const into = folder.path("calibration");
    auto const run = run_kurve("calibrate --device synthetic --time-limit 20s --into '" + into + "'");
    INFO(run.err);
    REQUIRE(run.code == 0);
    CHECK(run_kurve("simulate '" + into + "/model.json' --K 1..64").code == 0);
    CHECK(run_kurve("analyze '" + into + "/steps.csv'").code == 0);
    CHECK(run_kurve("fit '" + into + "/components.csv' '" + into + "/steps.csv'").code == 0);
    CHECK(run_kurve("calibrate --device cuda --into '" + into + "'").code == 4);
    CHECK(run_kurve("calibrate --device abacus --into '" + into + "'").code == 2);
  }

  TEST_CASE("plots and the report are written whole") {
    TemporaryFolder const folder;
    if (run_kurve("analyze " + book + " --plot '" + folder.path("p.svg") + "'").code == 4) {
      MESSAGE("skipped: no gnuplot here");
      return;
    }
    CHECK(read_text(folder.path("p.svg")).find("</svg>") != std::string::npos);
    CHECK(run_kurve("analyze " + book + " --plot '" + folder.path("p.png") + "'").code == 0);
    CHECK(read_text(folder.path("p.png")).substr(1, 3) == "PNG");
    CHECK(run_kurve("analyze " + book + " --plot '" + folder.path("p.pdf") + "'").code == 0);
    CHECK(run_kurve("analyze " + book + " --plot p.bmp").code == 2);
    CHECK(run_kurve("analyze " + book + " --plot -").out.find("bend") != std::string::npos);
    auto const page = folder.path("page.html");
    CHECK(run_kurve("report " + gpt3 + " --fit 'K<=4096' --out '" + page + "'").code == 0);
    CHECK(read_text(page).find("</html>") != std::string::npos);
    CHECK(read_text(page).find("http://") == std::string::npos);
  }

  TEST_CASE("a report of files of one K each shows them as one study and times of ranks with their cause") {
    TemporaryFolder const folder;
    auto const runs = [&](int k, double step_s) {
      std::string text = "K,run,step_time_s\n";
      for (int run = 0; run < 3; ++run)
        text += std::to_string(k) + "," + std::to_string(run) + "," + std::to_string(step_s + 0.001 * run) + "\n";
      return "'" + folder.write("k" + std::to_string(k) + ".csv", text) + "' ";
    };
    std::string ranks = "step,rank,compute_s,comm_s\n";
    for (int step = 0; step < 4; ++step)
      for (int rank = 0; rank < 4; ++rank)
        ranks += std::to_string(step) + "," + std::to_string(rank) + "," + (rank == 2 ? "1.5" : "1.0") + ",0.01\n";
    auto const page = folder.path("page.html");
    auto const made = run_kurve("report " + runs(1, 1.0) + runs(2, 0.6) + runs(4, 0.4) + "'" +
                                folder.write("ranks.csv", ranks) + "' --out '" + page + "'");
    if (made.code == 4) {
      MESSAGE("skipped: no gnuplot here");
      return;
    }
    REQUIRE_MESSAGE(made.code == 0, made.err);
    auto const html = read_text(page);
    CHECK(html.find("Bend at K = 4") != std::string::npos);
    CHECK(html.find("Cause: straggler, always rank 2") != std::string::npos);
    CHECK(html.find("load balance") != std::string::npos);
  }

  TEST_CASE("a report scores a Model of no name against the study it was fitted to alone") {
    TemporaryFolder const folder;
    auto const steps = [&](std::string const& name, double step_s) {
      std::string text = "K,global_batch,step_time_s\n";
      for (int k = 1; k <= 8; k *= 2) text += std::to_string(k) + ",64," + std::to_string(step_s / k + 0.1) + "\n";
      return "'" + folder.write(name, text) + "' ";
    };
    auto const mine = steps("mine.csv", 1.0), other = steps("other.csv", 7.0);
    auto const model = "'" + folder.path("mine.json") + "' ";
    REQUIRE(run_kurve("fit " + mine + "--out " + model).code == 0);
    auto const page = folder.path("page.html");
    auto const made = run_kurve("report " + mine + other + model + "--out '" + page + "'");
    if (made.code == 4) {
      MESSAGE("skipped: no gnuplot here");
      return;
    }
    auto const html = read_text(page);
    CHECK(html.find("Were we right: " + folder.path("mine.csv")) != std::string::npos);
    CHECK(html.find("Were we right: " + folder.path("other.csv")) == std::string::npos);
  }

  TEST_CASE("every verb has help with an example that runs") {
    TemporaryFolder const folder;
    for (auto const* verb : {"devices", "analyze", "calibrate", "fit", "simulate", "plan", "validate", "report"}) {
      auto const help = run_kurve(std::string(verb) + " --help");
      CHECK(help.code == 0);
      auto const at = help.out.find("Example:\n");
      REQUIRE_MESSAGE(at != std::string::npos, verb);
      std::istringstream lines(help.out.substr(at + 9));
      for (std::string line; std::getline(lines, line);) {
        auto const start = line.find("kurve ");
        if (start == std::string::npos) continue;
        std::string command = line.substr(start + 6);
        for (std::string const name :
             {"gpt3.json", "report.html", "calibration"})  // where an example writes, this test's folder
          if (auto const found = command.find(" " + name); found != std::string::npos)
            command.replace(found + 1, name.size(), "'" + folder.path(name) + "'");
        INFO(command);
        CHECK(run_kurve(command).code == 0);
      }
    }
  }

  TEST_CASE("options come from a file too and the command line wins") {
    TemporaryFolder const folder;
    auto const config = folder.write("options", "threshold = 0.9\n");
    CHECK(json_of("analyze " + book + " --config '" + config + "'")["threshold"] == 0.9);
    CHECK(json_of("analyze " + book + " --threshold 0.5 --config '" + config + "'")["threshold"] == 0.5);
  }
}
