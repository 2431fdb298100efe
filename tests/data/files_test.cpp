// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>

#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "data/atomic_file.hpp"
#include "data/curve_file.hpp"
#include "data/model_file.hpp"
#include "data/open_file.hpp"
#include "data/provenance.hpp"
#include "data/sha256.hpp"
#include "model/error.hpp"
#include "tests/support/checks.hpp"
#include "tests/support/skewed_noise.hpp"
#include "tests/support/temporary.hpp"

using namespace kurve;
using namespace kurve::data;

namespace {

bool has(std::string const& text, std::string const& part) { return text.find(part) != std::string::npos; }

std::string digest(std::string_view text) {
  Sha256 sha;
  sha.add(text);
  return sha.finish();
}

Provenance some_provenance() {
  Provenance p = this_machine();
  p.command_line = "kurve fit \"a b.csv\"";
  p.seed = "42";
  p.inputs = {{"a b.csv", digest("")}};
  return p;
}

/// A Model in which every parameter has a value that needs all its digits, inside its range.
model::Model awkward_model() {
  model::Model m;
  m.workload = "GPT-3 \"175B\", \xC3\xA9";
  m.regime = model::Regime::weak;
  m.global_batch = 2048;
  m.baseline_ranks = 512;
  double x = 1.0 / 3.0;
  for (auto const& info : model::parameter_table()) {
    m.parameters.*(info.member) = std::min(info.min + x, info.max);
    m.knowledge[std::string(info.name)] = {
        .source = model::Source::fitted, .sd = x / 7.0, .identified = x > 0.1, .note = "n" + std::to_string(x)};
    x *= 0.97;
  }
  m.parameters.barriers_per_step = 3;  // whole
  m.parameters.allreduce = model::AllreduceAlgorithm::hierarchical_ring;
  m.parameters.noise_shape = model::Shape::gumbel;
  for (int i = 0; i < 3; ++i) {
    auto draw = m.parameters;
    draw.serial_s = 0.1 * (i + 1);
    draw.compute_per_sample_s = 1e-9 / (i + 3.0);
    m.draws.push_back(draw);
  }
  return m;
}

std::string written(model::Model const& m) {
  std::ostringstream out;
  write_model(out, m, some_provenance());
  return out.str();
}

std::string model_error(std::string const& text) {
  test::TemporaryFolder folder;
  return test::message_of<DataError>([&] { return read_model(folder.write("m.json", text)); });
}

/// The written awkward Model with one piece of text replaced.
std::string broken(std::string const& from, std::string const& to) {
  auto text = written(awkward_model());
  auto const at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

model::Curve some_curve() {
  model::Curve c;
  c.workload = "w";
  c.method = "closed-form";
  c.baseline_ranks = 8;
  for (double const k : {8.0, 64.0}) {
    model::CurvePoint p;
    p.ranks = k;
    p.global_batch = 2048;
    p.mean_s = 1.0 / k / 3.0;
    p.quantiles_s = {{0.05, 0.1}, {0.5, 1.0 / 3.0}};
    if (k == 8.0) p.speedup = 1.0;
    p.efficiency = {0.9, 0.8, 1.0};
    p.contributions.compute_s = p.mean_s;
    c.points.push_back(p);
  }
  c.bend = model::CurveBend{
      .ranks = 64, .last_ok_ranks = 8, .crossing_ranks = 20.5, .low_ranks = std::nullopt, .high_ranks = std::nullopt};
  c.not_measured = {"serial", "overlap.fraction"};
  c.cautions = {"K = 8 is missed"};
  c.baseline_s = 1.0 / 3.0;
  return c;
}

std::set<std::string> keys(nlohmann::json const& object) {
  std::set<std::string> names;
  for (auto const& [key, value] : object.items()) names.insert(key);
  return names;
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("model file: written and read back it is the same bit for bit") {
    test::TemporaryFolder folder;
    auto const m = awkward_model();
    auto const back = read_model(folder.write("m.json", written(m)));
    CHECK(back.workload == m.workload);
    CHECK(back.regime == m.regime);
    CHECK(back.global_batch == m.global_batch);
    CHECK(back.baseline_ranks == m.baseline_ranks);
    CHECK(back.knowledge.size() == m.knowledge.size());
    REQUIRE(back.draws.size() == m.draws.size());
    for (auto const& info : model::parameter_table()) {
      INFO(info.name);
      CHECK(back.parameters.*(info.member) == m.parameters.*(info.member));
      auto const &was = m.knowledge.at(std::string(info.name)), &is = back.knowledge.at(std::string(info.name));
      CHECK(is.sd == was.sd);
      CHECK(is.source == was.source);
      CHECK(is.identified == was.identified);
      CHECK(is.note == was.note);
      for (std::size_t i = 0; i < m.draws.size(); ++i) CHECK(back.draws[i].*(info.member) == m.draws[i].*(info.member));
    }
    for (auto const& choice : model::choice_table()) CHECK(choice.get(back.parameters) == choice.get(m.parameters));
    auto const names = nlohmann::json::parse(written(m))["posterior"]["names"];
    CHECK(names == nlohmann::json{"serial", "compute.per_sample"});  // only what varies
  }

  TEST_CASE("model file: the shape of measured noise is kept and may be asked for") {
    test::TemporaryFolder folder;
    auto m = awkward_model();
    m.parameters = test::with_skewed_noise(m.parameters);
    m.draws.clear();
    auto const back = read_model(folder.write("m.json", written(m)));
    CHECK(back.parameters.noise_shape == model::Shape::measured);
    REQUIRE(back.parameters.measured_noise);
    CHECK(*back.parameters.measured_noise == *m.parameters.measured_noise);
    auto json = nlohmann::json::parse(written(m));
    json["measured_noise"]["knots"].erase(0);
    CHECK(test::message_of<DataError>([&] {
            return read_model(folder.write("m.json", json.dump()));
          }).find("a measured shape of 18 knots (must have 19)") != std::string::npos);
    json.erase("measured_noise");
    CHECK(test::message_of<DataError>([&] {
            return read_model(folder.write("m.json", json.dump()));
          }).find("this Model has no measured noise") != std::string::npos);
  }

  TEST_CASE("model file: ratings are kept and figures that cannot be are refused") {
    auto m = awkward_model();
    m.ratings = {{"alpha between nodes", "s", 1.0 / 3e5, 2.7e-6, "NCCL's own", "good"},
                 {"bus bandwidth in a node", "B/s", 1e11 / 3.0, 0.0, "", "nothing to set it beside"}};
    test::TemporaryFolder folder;
    auto const back = read_model(folder.write("m.json", written(m)));
    REQUIRE(back.ratings.size() == 2);
    for (std::size_t i = 0; i < 2; ++i) {
      CHECK(back.ratings[i].what == m.ratings[i].what);
      CHECK(back.ratings[i].unit == m.ratings[i].unit);
      CHECK(back.ratings[i].achieved == m.ratings[i].achieved);
      CHECK(back.ratings[i].ceiling == m.ratings[i].ceiling);
      CHECK(back.ratings[i].ceiling_is == m.ratings[i].ceiling_is);
      CHECK(back.ratings[i].verdict == m.ratings[i].verdict);
    }
    m.ratings[1].achieved = -1.0;
    CHECK(has(model_error(written(m)), "achieved=-1.0 of ratings/1 (must be from 0 to 1e+30)"));
  }

  TEST_CASE("model file: what it was fitted to is kept, and a file that does not say is of unknown origin") {
    auto m = awkward_model();
    test::TemporaryFolder folder;
    CHECK(read_model(folder.write("m.json", written(m))).origin.digests == std::vector{digest("")});
    m.origin.known = true;
    m.origin.fitted = {{.ranks = 2,
                        .global_batch = 64,
                        .runs = 3,
                        .measured_s = 1.0 / 3.0,
                        .fitted_s = 0.3,
                        .low_s = 0.25,
                        .high_s = 0.35,
                        .weight = 0.9,
                        .flag = "odd"}};
    m.baseline_s = 1.0 / 3.0;
    auto const back = read_model(folder.write("m.json", written(m)));
    CHECK(back.baseline_s == m.baseline_s);
    REQUIRE(back.origin.fitted.size() == 1);
    auto const &a = back.origin.fitted[0], &b = m.origin.fitted[0];
    CHECK((a.ranks == b.ranks && a.global_batch == b.global_batch && a.runs == b.runs && a.flag == b.flag));
    CHECK((a.measured_s == b.measured_s && a.fitted_s == b.fitted_s && a.low_s == b.low_s && a.high_s == b.high_s));
    CHECK(a.weight == b.weight);
    m.origin.fitted[0].high_s = 0.1;  // below its low end
    CHECK(has(model_error(written(m)), "(must be at least low_s)"));
    CHECK_FALSE(read_model(KURVE_SOURCE_DIR "/docs/tutorial/strong.json").origin.known);
  }

  TEST_CASE("model file: what is wrong is said") {
    auto const whole = written(awkward_model());
    auto const cut = model_error(whole.substr(0, whole.size() / 2));
    CHECK(has(cut, "m.json:"));
    CHECK(has(cut, "not valid JSON (syntax error"));
    CHECK(has(cut, "Is the file cut off?"));
    CHECK(has(model_error("{\n\"schema\": \"kurve.model/1\",\n oops }"), "m.json:3: not valid JSON"));
    CHECK(has(model_error(""), "m.json: empty file (expected JSON)"));
    CHECK(has(model_error("K,step_time_s\n"), "m.json:1: not JSON"));
    CHECK(has(model_error("{}"), "no \"schema\" (expected \"kurve.model/1\")"));
    CHECK(has(model_error("[1]"), "no \"schema\""));
    CHECK(has(model_error(broken("kurve.model/1", "kurve.model/2")), "kurve.model/2 is newer than this Kurve reads"));
    CHECK(
        has(model_error(broken("kurve.model/1", "kurve.curve/1")), "schema 'kurve.curve/1' (expected kurve.model/1)"));
    CHECK(
        has(model_error(broken("\"compute.fixed\": {", "\"compute.fxied\": {")), "unknown parameter 'compute.fxied'"));
    CHECK(has(model_error(broken("\"unit\":\"B/s\"", "\"unit\":\"GB/s\"")),
              "unit 'GB/s' of parameter 'network.intra.bandwidth_Bps' (must be 'B/s')"));
    CHECK(has(model_error(broken("\"unit\":\"s\",", "")), "unit '' of parameter 'serial' (must be 's')"));
    CHECK(has(model_error(broken("\"serial\": {\"value\":", "\"serial\": {\"valve\":")),
              "missing \"value\" of parameter 'serial'"));
    CHECK(has(model_error(broken("\"serial\": {\"value\":", "\"serial\": {\"value\":-")),
              "m.json:8: value=-0.3333333333333333 of parameter 'serial' (must be from 0 to 1e+10)"));
    CHECK(has(model_error(broken("\"source\":\"fitted\"", "\"source\":\"guessed\"")),
              "source 'guessed' (must be one of"));
    CHECK(has(model_error(broken("\"regime\": \"weak\"", "\"regime\": \"weekly\"")), "regime 'weekly'"));
    CHECK(has(model_error(broken("\"global_batch\": 2048.0", "\"global_batch\": 0")),
              "m.json:5: global_batch=0 (must be from 1e-09 to 1e+15)"));
    CHECK(has(model_error(broken("\"network.allreduce\":\"hierarchical\"", "\"network.allreduce\":\"star\"")),
              "network.allreduce='star' (must be one of"));
    CHECK(has(model_error(broken("\"names\": [\"serial\",", "\"names\": [")),
              "draw 1 of the posterior has 2 values (names has 1)"));
    CHECK(has(model_error(broken("[0.1,", "[-0.1,")), "draw 1 of the posterior: serial=-0.1"));
    auto bad = awkward_model();
    bad.parameters.serial_s = -1.0;
    CHECK(has(test::message_of<InputError>([&] { return written(bad); }), "serial=-1"));
  }

  TEST_CASE("model file: a short one keeps the defaults and calls them assumed") {
    test::TemporaryFolder folder;
    auto const m =
        read_model(folder.write("m.json", R"({"schema": "kurve.model/1", "global_batch": 8, "baseline_ranks": 1,
        "parameters": {"serial": {"value": 0.5, "unit": "s"}}})"));
    CHECK(m.parameters.serial_s == 0.5);
    CHECK(m.parameters.overlap_buckets == 1.0);
    CHECK(m.knowledge.at("serial").source == model::Source::assumed);
    CHECK_FALSE(m.knowledge.contains("compute.fixed"));
  }

  TEST_CASE("curve file: the keys other programs rely on and a round trip") {
    std::ostringstream out;
    write_curve(out, some_curve(), some_provenance());
    auto const j = nlohmann::json::parse(out.str());
    CHECK(j["schema"] == "kurve.curve/1");
    CHECK(keys(j["points"][0]) == std::set<std::string>{"K", "global_batch", "mean_s", "standard_error_s", "sd_s",
                                                        "low_s", "high_s", "quantiles", "speedup", "efficiency",
                                                        "p_pays", "contributions"});
    CHECK(keys(j["points"][0]["efficiency"]) == std::set<std::string>{"mean", "low", "high"});
    CHECK(keys(j["points"][0]["contributions"]) ==
          std::set<std::string>{"serial_s", "compute_s", "noise_s", "straggler_s", "imbalance_s", "exposed_comm_s"});
    CHECK(keys(j["bend"]) == std::set<std::string>{"K", "last_ok_K", "crossing_K", "ci_low_K", "ci_high_K"});
    CHECK(j["points"][0]["K"].dump() == "8");
    CHECK(j["points"][1]["speedup"].is_null());
    CHECK(j["bend"]["ci_low_K"].is_null());
    test::TemporaryFolder folder;
    std::ostringstream again;
    auto const back = read_curve(folder.write("c.json", out.str()));
    write_curve(again, back, some_provenance());
    CHECK(nlohmann::json::parse(again.str())["points"] == j["points"]);
    CHECK(nlohmann::json::parse(again.str())["bend"] == j["bend"]);
    CHECK(back.points[0].quantiles_s == some_curve().points[0].quantiles_s);
    CHECK(back.not_measured == some_curve().not_measured);
    CHECK(back.cautions == some_curve().cautions);
    CHECK(back.baseline_s == some_curve().baseline_s);
    CHECK(has(test::message_of<DataError>(
                  [&] { return read_curve(folder.write("d.json", R"({"schema": "kurve.curve/1"})")); }),
              "d.json: "));
    CHECK(has(test::message_of<DataError>(
                  [&] { return read_curve(folder.write("e.json", R"({"schema": "kurve.curve/7"})")); }),
              "kurve.curve/7 is newer"));
  }

  TEST_CASE("curve file: the table has a row for each K and as many fields as columns") {
    std::ostringstream out;
    write_curve_csv(out, some_curve(), some_provenance());
    std::istringstream in(out.str());
    std::vector<std::string> rows;
    for (std::string line; std::getline(in, line);)
      if (!line.starts_with("#")) rows.push_back(line);
    REQUIRE(rows.size() == 3);
    CHECK(rows[0] ==
          "K,global_batch,mean_s,standard_error_s,sd_s,low_s,high_s,q0.05_s,q0.5_s,speedup,efficiency,efficiency_low,"
          "efficiency_high,"
          "p_pays,serial_s,compute_s,noise_s,straggler_s,imbalance_s,exposed_comm_s");
    for (auto const& row : rows) CHECK(std::count(row.begin(), row.end(), ',') == 19);
    CHECK(has(rows[2], "64,2048,"));
    CHECK(has(out.str(), "# not_measured: serial,overlap.fraction\n"));
  }

  TEST_CASE("sha-256: the published answers") {
    // FIPS 180-4 examples (NIST CSRC, SHA256.pdf and SHA2_Additional.pdf)
    CHECK(digest("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(digest("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    CHECK(digest(std::string(1'000'000, 'a')) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  }

  TEST_CASE("provenance: this machine and a file's digest") {
    auto const p = this_machine();
    CHECK_FALSE(p.version.empty());
    CHECK_FALSE(p.kernel.empty());
    CHECK(p.utc_time.size() == std::string("2024-01-01T00:00:00Z").size());
    CHECK(p.utc_time.back() == 'Z');
    test::TemporaryFolder folder;
    CHECK(file_digest(folder.write("abc", "abc")) == digest("abc"));
    CHECK(has(test::message_of<DataError>([&] { return file_digest(folder.path("none")); }), "no such file"));
  }

  TEST_CASE("atomic file: whole or not at all") {
    namespace fs = std::filesystem;
    test::TemporaryFolder folder;
    auto const path = folder.write("out.txt", "old");
    fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
    write_file(path, "new");
    CHECK(read_whole(path, 100) == "new");
    CHECK(fs::status(path).permissions() == (fs::perms::owner_read | fs::perms::owner_write));
    fs::create_symlink(path, folder.path("link"));
    write_file(folder.path("link"), "through");
    CHECK(fs::is_symlink(folder.path("link")));
    CHECK(read_whole(path, 100) == "through");
    write_file("/dev/null", "gone");
    CHECK(fs::is_character_file("/dev/null"));
    CHECK(has(test::message_of<InputError>([&] {
                write_file(folder.path(""), "x");
                return 0;
              }),
              "(Is a directory)"));
    CHECK(has(test::message_of<InputError>([&] {
                write_file(folder.path("none/out.txt"), "x");
                return 0;
              }),
              "(No such file or directory)"));
    CHECK(has(test::message_of<InputError>([] {
                write_file("", "x");
                return 0;
              }),
              "cannot write ''"));
    CHECK(has(test::message_of<InputError>([] {
                write_file("/proc/kurve", "x");
                return 0;
              }),
              "cannot write '/proc/kurve'"));
    for (auto const& entry : fs::directory_iterator(folder.path(""))) CHECK_FALSE(has(entry.path().string(), ".tmp"));
  }

  TEST_CASE("open file: large files are refused by size") {
    test::TemporaryFolder folder;
    CHECK(has(test::message_of<DataError>(
                  [&] { return read_whole(folder.write("big", std::string(3 << 20, 'x')), 2 << 20); }),
              "over 2 MiB"));
  }
}
