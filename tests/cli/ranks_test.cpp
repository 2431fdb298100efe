// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "tests/cli/program.hpp"
#include "tests/support/checks.hpp"

using namespace kurve::test;
using nlohmann::json;

namespace {

std::string const model = "docs/tutorial/strong.json --quiet --draws 20 --seed 5 ";

/// Open MPI's plug-ins leak at exit and its threads are not instrumented: see tests/calibrate/CMakeLists.txt.
Run on_ranks(int ranks, std::string const& arguments) {
  return run_kurve(arguments,
                   "ASAN_OPTIONS=detect_leaks=0 TSAN_OPTIONS=ignore_noninstrumented_modules=1 '" KURVE_MPIEXEC
                   "' --allow-run-as-root --oversubscribe -n " +
                       std::to_string(ranks));
}

/// What the run says, without when and where it was made.
json answer(Run const& run) {
  INFO(run.err);
  REQUIRE(run.code == 0);
  auto parsed = json::parse(run.out);
  parsed.erase("provenance");
  return parsed;
}

bool has_mpi() {
  if (*KURVE_MPIEXEC != '\0') return true;
  MESSAGE("skipped: this build has no MPI");
  return false;
}

}  // namespace

TEST_SUITE("cli") {
  TEST_CASE("simulate on 1 2 and 3 ranks: the same bytes once by every method that draws") {
    if (!has_mpi()) return;
    for (std::string const method : {"workers", "order-statistics", "ring"}) {
      std::string const arguments = "simulate " + model + "-K 3,64 --trials 1001 --json --method " + method +
                                    " --set variability.noise.cv=0.1 --set extra.per_log2=0 --set gradient_bytes=1MB --set "
                                    "network.inter.bandwidth_Bps=1GB/s" +
                                    (method == "ring" ? " --set variability.hop_jitter.cv=0.1" : "");
      auto const alone = answer(run_kurve(arguments));
      CHECK(alone["points"][1]["trials"] == 1001);
      INFO(method);
      CHECK(answer(on_ranks(2, arguments)) == alone);
      CHECK(answer(on_ranks(3, arguments)) == alone);
    }
    std::string const text = "simulate " + model + "-K 8,512 --trials 500 --method workers";
    auto const alone = run_kurve(text);
    for (int const ranks : {1, 3}) {
      auto const run = on_ranks(ranks, text);
      CHECK(run.code == 0);
      CHECK(run.out == alone.out);
    }
  }

  TEST_CASE("simulate on ranks: more of them than trials, ranges, files and what is not drawn are written once") {
    if (!has_mpi()) return;
    std::string const few = "simulate " + model + "-K 16 --trials 2 --method workers --json";
    CHECK(answer(on_ranks(3, few)) == answer(run_kurve(few)));
    std::string const range =
        "simulate " + model + "-K 16 --trials 100 --method workers --set variability.noise.cv=0.1,0.2";
    CHECK(on_ranks(2, range).out == run_kurve(range).out);
    std::string const replay = "simulate " + model + "-K 16 --trial 3";
    CHECK(on_ranks(2, replay).out == run_kurve(replay).out);
    TemporaryFolder const folder;
    auto const written = on_ranks(2, "simulate " + model + "-K 16 --out '" + folder.path("curve.json") + "'");
    CHECK(written.code == 0);
    CHECK(folder.files() == 1);
  }

  TEST_CASE("simulate on ranks: bad input ends all with its own code") {
    if (!has_mpi()) return;
    auto const run = on_ranks(2, "simulate " + model + "-K 16 --method workers --trials 1");
    CHECK(run.code == 2);
    CHECK(run.err.find("trials=1 (must be from 2 to 1e7)") != std::string::npos);
    // only rank 0 writes, and so only rank 0 fails: the other must not wait for ever
    auto const nowhere = on_ranks(2, "simulate " + model + "-K 16 --out /nowhere/curve.json");
    CHECK(nowhere.code != 0);
    CHECK(nowhere.err.find("/nowhere/curve.json") != std::string::npos);
  }
}
