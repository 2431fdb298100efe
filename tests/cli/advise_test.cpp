// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/cli/program.hpp"
#include "tests/support/checks.hpp"

using namespace kurve::test;
using nlohmann::json;

namespace {

/// The advice for the last K, after a fit to `study`.
json advice_of(std::string const& study, std::string const& simulate) {
  TemporaryFolder const folder;
  auto const model = folder.path("model.json");
  auto const fit = run_kurve("fit " + study + " --quiet --out '" + model + "'");
  INFO(fit.err);
  REQUIRE(fit.code == 0);
  auto const run = run_kurve("simulate '" + model + "' " + simulate + " --advise --json");
  INFO(run.err);
  REQUIRE(run.code == 0);
  return json::parse(run.out)["advice"];
}

double gain_of(json const& advice, std::string const& part) {
  double gain = 0.0;
  for (auto const& a : advice)
    if (a["measurement"].get<std::string>().find(part) != std::string::npos)
      gain = std::max(gain, a["gain"].get<double>());
  return gain;
}

}  // namespace

TEST_SUITE("cli") {
  // K = 512 and 768 have 4 samples a GPU each, so serial and compute are one sum: only another local batch parts them.
  TEST_CASE("GPT-3 from one local batch: another local batch comes first and repeats tell nothing") {
    auto const advice =
        advice_of("data/sets/mlperf_gpt3_v3_1/points.csv --fit 'K<=768'", "--K 4096 --global-batch 2048");
    auto const first = advice[0]["measurement"].get<std::string>();
    INFO(first);
    CHECK(first.find("again") == std::string::npos);
    CHECK(first.find("all-reduce") == std::string::npos);
    CHECK(gain_of(advice, "K = 768 with B = 384") > 0.5);
    CHECK(gain_of(advice, "compute alone") > 0.2);
    CHECK(gain_of(advice, "again") < 0.05);
  }

  // One node says nothing of growth between nodes (FACTS 0.1): what crosses nodes must beat more of the same.
  TEST_CASE("one node to K = 1024: several nodes beat repeats") {
    TemporaryFolder const folder;
    auto const study =
        folder.write("node.csv",
                     "# kurve: study/1\n# regime: strong\n# workers_per_node: 8\nK,global_batch,run,step_time_s\n"
                     "1,1024,0,1.0121\n1,1024,1,1.0090\n2,1024,0,0.5110\n2,1024,1,0.5145\n"
                     "4,1024,0,0.2660\n4,1024,1,0.2631\n8,1024,0,0.1400\n8,1024,1,0.1422\n");
    auto const advice = advice_of("'" + study + "'", "--K 64,1024");
    CHECK(gain_of(advice, "K = 32") > gain_of(advice, "again") + 0.1);
    CHECK(gain_of(advice, "2 and 4 nodes") > gain_of(advice, "again") + 0.1);
  }
}
