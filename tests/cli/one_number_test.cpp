// SPDX-License-Identifier: Apache-2.0
// One Model, asked by every verb: the same number.
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>
#include <tuple>

#include "tests/cli/program.hpp"
#include "tests/support/checks.hpp"

using namespace kurve::test;
using nlohmann::json;

namespace {

json json_of(std::string const& arguments) {
  auto const run = run_kurve(arguments + " --json");
  INFO(arguments, "\n", run.err);
  REQUIRE((run.code == 0 || run.code == 5));  // a plan may recommend nothing
  return json::parse(run.out);
}

json const& at(json const& points, double ranks) {
  for (auto const& point : points)
    if (point["K"].get<double>() == ranks) return point;
  FAIL("no K = ", ranks);
  return points;
}

/// What a run printed, its lines put together again.
std::string flat_out(std::string const& arguments) {
  std::string words;
  std::istringstream in(run_kurve(arguments).out);
  for (std::string word; in >> word;) words += word + " ";
  return words;
}

bool has(std::string const& text, std::string const& piece) { return text.find(piece) != std::string::npos; }

/// A step time as tables print it: to four significant digits, as "2.214".
std::string four_digits(double value) {
  std::ostringstream text;
  text.precision(3 - static_cast<int>(std::floor(std::log10(value))));
  text << std::fixed << value;
  return text.str();
}

/// Fits `csv` and compares what the verbs say of every fitted K. @param batch  of -B, "" where the regime has a rule
void check_one_number(std::string const& csv, std::string const& batch) {
  TemporaryFolder const folder;
  auto const study = "'" + folder.write("study.csv", csv) + "'", model = "'" + folder.path("model.json") + "'";
  REQUIRE(run_kurve("fit " + study + " --out " + model).code == 0);
  auto const fitted = json::parse(read_text(folder.path("model.json")))["fitted"];
  REQUIRE(fitted.size() >= 3);
  std::string ranks;
  for (auto const& point : fitted) ranks += (ranks.empty() ? "" : ",") + std::to_string(point["K"].get<int>());
  std::string const asked = model + " -K " + ranks + batch;
  auto const curve = json_of("simulate " + asked);
  auto const plan = json_of("plan " + asked + " --steps 1000 --price 2/gpu-hour");
  auto const card = json_of("validate " + study + " --model " + model);
  auto const drawn = json_of("simulate " + asked + " --method order-statistics --trials 20000");
  for (auto const& point : fitted) {
    double const k = point["K"], time_s = point["fitted_s"];
    INFO("K ", k, " fitted ", time_s);
    auto const& simulated = at(curve["points"], k);
    auto const& scored = at(card["points"], k);
    CHECK_CLOSE(simulated["mean_s"].get<double>(), time_s, 1e-3);
    CHECK_CLOSE(scored["predicted_s"].get<double>(), time_s, 1e-3);
    CHECK_CLOSE(at(plan["options"], k)["step_s"].get<double>(), time_s, 1e-3);
    CHECK_CLOSE(at(drawn["points"], k)["mean_s"].get<double>(), time_s, 1e-3);  // no worker's noise: nothing to draw
    CHECK_CLOSE(at(plan["options"], k)["efficiency"].get<double>(), simulated["efficiency"]["mean"].get<double>(),
                1e-3);
    CHECK(scored["part"] == "fitted");
    CHECK(scored["held_out"] == false);
    double parts_s = 0.0;
    for (auto const& part : simulated["contributions"]) parts_s += part.get<double>();
    CHECK_CLOSE(parts_s, simulated["mean_s"].get<double>(), 1e-9);
    CHECK(simulated["low_s"] < simulated["mean_s"]);
    CHECK(simulated["mean_s"] < simulated["high_s"]);
  }
  double const last = fitted.back()["K"], last_s = fitted.back()["fitted_s"];
  auto const attributed =
      json_of("simulate " + model + " -K " + std::to_string(static_cast<int>(last)) + batch + " --attribute");
  CHECK_CLOSE(attributed["attribution"]["mean_s"].get<double>(), last_s, 1e-3);
  CHECK(card["summary"]["n"] == 0);
  CHECK(has(flat_out("validate " + study + " --model " + model), "the Model was fitted to all of these"));
}

std::string const readme = "gpus,time\n1,10.2\n2,5.4\n4,3.1\n8,2.2\n";

}  // namespace

TEST_SUITE("cli") {
  TEST_CASE("one number: four rows as in the README") { check_one_number(readme, ""); }

  TEST_CASE("one number: weak scaling with repeats") {
    check_one_number(
        "# regime: weak\nK,global_batch,run,step_time_s\n2,64,0,0.5\n2,64,1,0.51\n8,256,0,0.56\n8,256,1,0.555\n"
        "32,1024,0,0.63\n32,1024,1,0.65\n",
        "");
  }

  TEST_CASE("one number: the four rows are right where they were measured, and the report shows the same T") {
    TemporaryFolder const folder;
    auto const study = "'" + folder.write("mine.csv", readme) + "'", model = "'" + folder.path("mine.json") + "'";
    auto const fit = run_kurve("fit " + study + " --out " + model);
    REQUIRE(fit.code == 0);
    auto const curve = json_of("simulate " + model + " -K 1,2,4,8");
    double const measured_s[] = {10.2, 5.4, 3.1, 2.2};
    for (std::size_t i = 0; i < 4; ++i) CHECK_CLOSE(curve["points"][i]["mean_s"].get<double>(), measured_s[i], 0.03);
    CHECK_CLOSE(curve["baseline"]["measured_s"].get<double>(), 10.2, 1e-9);
    auto const shown = four_digits(curve["points"][3]["mean_s"].get<double>());
    for (auto const& text : {fit.out, run_kurve("simulate " + model + " -K 1,2,4,8").out,
                             run_kurve("report " + study + " " + model + " -K 1,2,4,8").out})
      CHECK_MESSAGE(has(text, shown.substr(0, 4)), shown);
  }

  TEST_CASE("S is E K / K0 whatever regime and batch a what-if asks for") {
    TemporaryFolder const folder;
    auto const study = folder.write(
        "weak.csv", "# regime: weak\nK,global_batch,step_time_s\n1,64,0.5\n2,128,0.52\n4,256,0.55\n8,512,0.56\n");
    auto const model = "'" + folder.path("weak.json") + "'";
    REQUIRE(run_kurve("fit '" + study + "' --out " + model).code == 0);
    for (std::string const asked : {"--set regime=strong -B 512", "--set regime=strong -B 64,1024,512",
                                    "--set regime=strong", "--set regime=strong --set global_batch=512 -B 1024"}) {
      auto const curve = json_of("simulate " + model + " -K 1,2,8 " + asked);
      for (auto const& point : curve["points"]) {
        INFO(asked);
        CHECK_CLOSE(point["speedup"].get<double>(),
                    point["efficiency"]["mean"].get<double>() * point["K"].get<double>(), 1e-9);
      }
    }
  }

  TEST_CASE("a what-if that does not touch the baseline leaves E there as it was, and one that does moves it along") {
    TemporaryFolder const folder;
    auto const model = "'" + folder.path("mine.json") + "'";
    REQUIRE(run_kurve("fit '" + folder.write("mine.csv", readme) + "' --out " + model).code == 0);
    auto const e = [&](std::string const& set) {
      return json_of("simulate " + model + " -K 1,64 " + set)["points"][0]["efficiency"]["mean"].get<double>();
    };
    double const plain = e("");
    CHECK_CLOSE(plain, 1.0, 0.03);  // measured over fitted
    CHECK(e("--set extra.per_log2=0.05") == plain);
    CHECK_CLOSE(e("--set compute.per_sample=20"), plain, 0.05);  // twice as slow for all K: no twice as inefficient
  }

  TEST_CASE(
      "rows that a Model was fitted to are fitted, new rows are held out, and a Model of unknown origin says so") {
    TemporaryFolder const folder;
    auto const study = folder.write("all.csv", readme + "16,1.9\n");
    auto const model = folder.path("part.json");
    REQUIRE(run_kurve("fit '" + study + "' --fit 'K<=4' --out '" + model + "'").code == 0);
    auto const parts = [&](std::string const& file) {
      auto const card = json_of("validate '" + file + "' --model '" + model + "'");
      std::string text;
      for (auto const& point : card["points"]) text += point["part"].get<std::string>() + " ";
      return text;
    };
    CHECK(parts(study) == "fitted fitted fitted held out held out ");
    // another file of the same measurements, and new measurements at the same K
    CHECK(parts(folder.write("copy.csv", "# workload: copy\n" + readme)) == "fitted fitted fitted held out ");
    CHECK(parts(folder.write("new.csv", "gpus,time\n1,10.3\n2,5.4\n")) == "held out fitted ");
    auto const text = flat_out("validate '" + study + "' --model '" + model + "'");
    CHECK(has(text, "it was fitted to 3 of them, and not to the other 2"));
    CHECK(has(text, " of 2 held-out points lie in their 90 % interval"));

    auto stripped = json::parse(read_text(model));
    stripped.erase("provenance");
    stripped.erase("fitted");
    auto const nameless = folder.write("nameless.json", stripped.dump());
    auto const card = json_of("validate '" + study + "' --model '" + nameless + "'");
    for (auto const& point : card["points"]) {
      CHECK(point["part"] == "unknown");
      CHECK(point["held_out"].is_null());
    }
    CHECK(has(flat_out("validate '" + study + "' --model '" + nameless + "'"), "no coverage is claimed"));
    auto const page = flat_out("report '" + study + "' '" + model + "'");
    CHECK(has(page, "it was fitted to 3 of them, and not to the other 2"));
  }

  TEST_CASE("a point that the Model misses, and a Model of one point, are named by every verb") {
    TemporaryFolder const folder;
    // T(4) of another job: three times what its neighbours say
    auto const study =
        folder.write("other.csv",
                     "K,global_batch,run,step_time_s\n1,512,0,10\n1,512,1,10.1\n2,512,0,5\n2,512,1,5.02\n4,512,0,7.5\n"
                     "4,512,1,7.52\n8,512,0,1.26\n8,512,1,1.25\n16,512,0,0.64\n16,512,1,0.63\n");
    auto const model = "'" + folder.path("other.json") + "'";
    auto const one = folder.write("one.csv", "K,global_batch,step_time_s\n8,512,1.25\n");
    auto const of_one = "'" + folder.path("one.json") + "'";
    for (auto const& [text, from, to] : {std::tuple{std::string("was measured at 7.51 s, but the Model"), study, model},
                                         std::tuple{std::string("everything beyond it is prior"), one, of_one}}) {
      CHECK(has(flat_out("fit '" + from + "' --out " + to), text));
      for (auto const& verb :
           {"simulate " + to, "simulate " + to + " --attribute",
            "simulate " + to + " -K 8,16 --set compute.floor=0,0.1", "plan " + to + " --steps 1000 --price 2/gpu-hour",
            "validate '" + from + "' --model " + to, "report " + to})
        CHECK_MESSAGE(has(flat_out(verb), text), verb);
      CHECK(has(json_of("simulate " + to)["cautions"].dump(), text));
    }
  }
}
