// SPDX-License-Identifier: Apache-2.0
#include "validate/allreduce_holdout.hpp"

#include <cmath>
#include <filesystem>
#include <set>

#include "calibrate/fit_allreduce.hpp"
#include "data/input.hpp"
#include "model/error.hpp"
#include "tests/support/checks.hpp"
#include "validate/present_allreduce.hpp"

using namespace kurve;

namespace {

/// Beside the repository; tests that need them skip where they are absent.
std::filesystem::path const logs = std::filesystem::path(KURVE_SOURCE_DIR) / "../shared/data/logs/nccl-tests";

bool absent() {
  if (std::filesystem::exists(logs)) return false;
  MESSAGE("skipped: ../shared/data is not here");
  return true;
}

data::Study ring_sweep(std::vector<int> const& ranks) {
  data::Study study;
  study.path = "ring.csv";
  for (int const k : ranks)
    for (std::int64_t n = 1024; n <= 1 << 28; n *= 2) {
      data::Sample s;
      s.op = data::Operation::allreduce;
      s.ranks = k;
      s.bytes = n;
      s.time_s = 2.0 * (k - 1) * 5e-6 + 2.0 * (k - 1) / k * static_cast<double>(n) / 20e9;
      study.samples.push_back(s);
    }
  return study;
}

}  // namespace

TEST_SUITE_BEGIN("unit");

TEST_CASE("all-reduce hold-out: a ring's sizes are met by a chain of lines and by one") {
  auto const set = validate::leave_sizes_out(std::vector{ring_sweep({4, 8})}, calibrate::fit_allreduce, 0.9);
  // 19 sizes, of which the first and last never lie between fitted ones in their parity: 17 at each rank count
  CHECK(set.summary.errors.n == 34);
  CHECK(set.summary.errors.max < 1e-9);
  CHECK(set.summary.line_errors.max < 1e-9);
  CHECK(set.summary.coverage.share == 1.0);
}

TEST_CASE("all-reduce hold-out: a held-out row never reaches the fit") {
  auto const study = ring_sweep({4, 8});
  std::set<std::pair<int, std::int64_t>> seen;
  int calls = 0;
  auto const spy = [&](data::Study const& part) {
    if (calls++ == 1)  // the first call is for what was measured; the second is the fit of even places
      for (auto const& s : part.samples) seen.insert({s.ranks, s.bytes.value_or(0)});
    return calibrate::fit_allreduce(part);
  };
  static_cast<void>(validate::leave_sizes_out(std::vector{study}, spy, 0.9));
  CHECK(seen.size() == 20);
  for (auto const& [ranks, bytes] : seen) CHECK(static_cast<int>(std::lround(std::log2(bytes))) % 2 == 0);
}

TEST_CASE("all-reduce hold-out: rank counts are split as steps are and a split that takes all is refused") {
  auto const set =
      validate::leave_ranks_out(ring_sweep({2, 4, 8}), validate::leave_largest_split(), calibrate::fit_allreduce, 0.9);
  REQUIRE(set.studies.size() == 1);
  for (auto const& p : set.studies[0].points) CHECK(p.ranks == 8.0);
  CHECK(set.summary.line_errors.max < 1e-9);
  CHECK(test::message_of<DataError>([&] {
          return validate::leave_ranks_out(ring_sweep({8}), validate::leave_largest_split(), calibrate::fit_allreduce,
                                           0.9);
        }) != "");
}

TEST_CASE("all-reduce hold-out: sizes between measured ones in published logs") {
  if (absent()) return;
  std::vector<data::Study> studies;
  for (auto const& entry : std::filesystem::directory_iterator(logs))
    studies.push_back(data::read_study({entry.path().string()}));
  auto const set = validate::leave_sizes_out(studies, calibrate::fit_allreduce, 0.9);
  MESSAGE(validate::to_text(set));
  REQUIRE(set.summary.errors.n > 400);
  CHECK(set.summary.errors.median <= 0.04);
  CHECK(set.summary.errors.p90 <= 0.12);
  CHECK(set.summary.line_errors.median > 2.0 * set.summary.errors.median);
  CHECK(set.summary.line_errors.p90 > 2.0 * set.summary.errors.p90);
  CHECK(set.summary.coverage.share >= 0.85);
  CHECK(set.summary.half_width < 0.2);
}

TEST_CASE("all-reduce hold-out: twice the nodes of published clusters") {
  if (absent()) return;
  std::pair<char const*, char const*> const clusters[] = {
      {"h100_ib400_2node_16rank_issue309_gjaion.txt", "h100_ib400_4node_32rank_issue309_gjaion.txt"},
      {"h100_ib400_2node_16rank_issue309_qoofyk.txt", "h100_ib400_4node_32rank_issue309_qoofyk.txt"},
      {"dgxa100_ib_2node_16rank_deepops.txt", "dgxa100_4node_32rank_deepops.txt"}};
  for (auto const& [few, many] : clusters) {
    auto const study = data::read_study({(logs / few).string(), (logs / many).string()});
    auto const set = validate::leave_ranks_out(study, validate::leave_largest_split(), calibrate::fit_allreduce, 0.9);
    INFO(many);
    CHECK(set.summary.errors.median <= 0.15);
    CHECK(set.summary.coverage.share >= 0.8);
    CHECK(set.summary.errors.median < set.summary.line_errors.median);
  }
}

TEST_SUITE_END();
