// SPDX-License-Identifier: Apache-2.0
#include "calibrate/fit_allreduce.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

#include "data/input.hpp"
#include "data/stats.hpp"
#include "model/error.hpp"
#include "tests/support/checks.hpp"

using namespace kurve;
using model::SweepPoint;

namespace {

/// Beside the repository; tests that need them skip where they are absent.
std::filesystem::path const logs = std::filesystem::path(KURVE_SOURCE_DIR) / "../shared/data/logs/nccl-tests";

data::Sample allreduce_row(int ranks, std::int64_t bytes, double time_s) {
  data::Sample s;
  s.op = data::Operation::allreduce;
  s.ranks = ranks;
  s.bytes = bytes;
  s.time_s = time_s;
  return s;
}

model::AllreduceSweep swept(std::vector<std::string> const& names) {
  std::vector<std::string> paths;
  for (auto const& name : names) paths.push_back((logs / name).string());
  return calibrate::fit_allreduce(data::read_study(paths)).model.allreduce;
}

/// Least squares of relative errors: T = alpha + beta n.
double line_time(std::vector<SweepPoint> const& fitted, double bytes) {
  double a = 0, b = 0, c = 0, u = 0, v = 0;
  for (auto const& p : fitted) {
    double const w = 1.0 / (p.time_s * p.time_s);
    a += w, b += w * p.bytes, c += w * p.bytes * p.bytes, u += w * p.time_s, v += w * p.time_s * p.bytes;
  }
  double const d = a * c - b * b;
  return (c * u - b * v) / d + (a * v - b * u) / d * bytes;
}

}  // namespace

TEST_SUITE_BEGIN("unit");

TEST_CASE("fit all-reduce: measured points come back and one rank costs nothing") {
  data::Study study;
  study.samples = {allreduce_row(16, 1024, 2e-5), allreduce_row(16, 1024, 4e-5), allreduce_row(16, 4096, 8e-5),
                   allreduce_row(32, 1024, 3e-5)};
  REQUIRE(calibrate::is_allreduce_only(study));
  auto const sweep = calibrate::fit_allreduce(study).model.allreduce;
  REQUIRE(sweep.points.size() == 3);
  CHECK(model::sweep_time(sweep, 16, 1024).time_s == doctest::Approx(2e-5));  // the slow repeat warmed up
  CHECK(model::sweep_time(sweep, 16, 2048).time_s == doctest::Approx(4e-5));  // 2e-5 to 8e-5 over two doublings
  CHECK(model::sweep_time(sweep, 1, 1024).time_s == 0.0);
  auto const at64 = model::sweep_time(sweep, 64, 1024), at128 = model::sweep_time(sweep, 128, 1024);
  CHECK(at128.time_s > at64.time_s);
  CHECK(at128.log_sd > at64.log_sd);
}

TEST_CASE("fit all-reduce: a study without two ranks is refused") {
  data::Study study;
  study.path = "one.log";
  study.samples = {allreduce_row(1, 1024, 2e-5)};
  CHECK(test::message_of<DataError>([&] {
          return calibrate::fit_allreduce(study);
        }).find("one.log: no all-reduce of 2 or more ranks") == 0);
}

TEST_CASE("fit all-reduce: sizes between measured ones are closer than one line") {
  if (!std::filesystem::exists(logs)) {
    MESSAGE("skipped: ../shared/data is not here");
    return;
  }
  std::vector<double> errors, line_errors;
  for (auto const& entry : std::filesystem::directory_iterator(logs)) {
    auto const all = swept({entry.path().filename().string()});
    auto fitted = all;
    fitted.points.clear();
    for (std::size_t i = 0; i < all.points.size(); i += 2) fitted.points.push_back(all.points[i]);
    if (fitted.points.size() < 2) continue;
    for (std::size_t i = 1; i + 1 < all.points.size(); i += 2) {
      auto const& p = all.points[i];
      errors.push_back(std::abs(model::sweep_time(fitted, p.ranks, p.bytes).time_s / p.time_s - 1.0));
      line_errors.push_back(std::abs(line_time(fitted.points, p.bytes) / p.time_s - 1.0));
    }
  }
  MESSAGE(errors.size() << " sizes: median " << data::median(errors) << " p90 " << data::quantile(errors, 0.9)
                        << "; one line: median " << data::median(line_errors) << " p90 "
                        << data::quantile(line_errors, 0.9));
  CHECK(data::median(errors) <= 0.04);
  CHECK(data::quantile(errors, 0.9) < 0.5 * data::quantile(line_errors, 0.9));
  CHECK(data::median(line_errors) > data::median(errors));
}

TEST_CASE("fit all-reduce: twice the nodes on published clusters") {
  if (!std::filesystem::exists(logs)) {
    MESSAGE("skipped: ../shared/data is not here");
    return;
  }
  std::pair<char const*, char const*> const pairs[] = {
      {"h100_ib400_2node_16rank_issue309_gjaion.txt", "h100_ib400_4node_32rank_issue309_gjaion.txt"},
      {"h100_ib400_2node_16rank_issue309_qoofyk.txt", "h100_ib400_4node_32rank_issue309_qoofyk.txt"},
      {"dgxa100_ib_2node_16rank_deepops.txt", "dgxa100_4node_32rank_deepops.txt"},
      {"gb200_nvl72_1rack_72rank_coreweave.txt", "gb200_2rack_128rank_coreweave.txt"}};
  for (auto const& [few, many] : pairs) {
    auto const fitted = swept({few});
    std::vector<double> errors;
    int held = 0;
    for (auto const& p : swept({many}).points) {
      auto const t = model::sweep_time(fitted, p.ranks, p.bytes);
      double const log_error = std::log(t.time_s / p.time_s);
      errors.push_back(std::abs(std::exp(log_error) - 1.0));
      held += std::abs(log_error) <= 1.645 * t.log_sd;
    }
    MESSAGE(std::string(many) << ": median error " << data::median(errors) << ", 90 % interval holds " << held << " of "
                              << errors.size());
    CHECK(data::median(errors) < 0.3);
  }
}

TEST_SUITE_END();
