// SPDX-License-Identifier: Apache-2.0
#include "validate/rank_table.hpp"

#include "tests/support/checks.hpp"

using namespace kurve;

TEST_SUITE("unit") {
  TEST_CASE("rank table: means of each rank and the hidden share of its communication") {
    data::Study study;
    for (int step = 0; step < 2; ++step)
      for (int rank = 0; rank < 2; ++rank) {
        data::Sample row;
        row.ranks = 2;
        row.rank = rank;
        row.step = step;
        row.compute_s = 1.0 + rank + step;  // means 1.5 and 2.5
        row.comm_s = rank == 0 ? 0.5 : 0.0;
        row.time_s = 4.0;
        if (rank == 0) row.hidden_comm_s = 1.5;
        study.samples.push_back(row);
      }
    auto const ranks = validate::rank_times(study);
    REQUIRE(ranks.size() == 2);
    CHECK(ranks[0].steps == 2);
    CHECK(ranks[0].compute_s == 1.5);
    CHECK(ranks[1].compute_s == 2.5);
    CHECK(ranks[0].overlap() == 0.75);  // 1.5 of 0.5 + 1.5
    CHECK(ranks[1].overlap() == 0.0);   // communicates nothing
    auto const table = validate::table_of(ranks);
    CHECK(table.columns.back().title == "overlap");
    CHECK(table.rows[0].back() == "75.0 %");
    CHECK(validate::to_text(table).find("exposed comm") != std::string::npos);
  }

  TEST_CASE("rank table: stages apart, idle time where there is some, no column of nothing") {
    data::Study study;
    for (int stage = 0; stage < 2; ++stage) {
      data::Sample row;
      row.ranks = 2;
      row.rank = 0;
      row.stage = stage;
      row.time_s = 4.0;
      row.compute_s = 3.0 - stage;
      study.samples.push_back(row);
    }
    auto const ranks = validate::rank_times(study);
    REQUIRE(ranks.size() == 2);
    CHECK(ranks[1].stage == 1);
    auto const table = validate::table_of(ranks);
    std::vector<std::string> titles;
    for (auto const& column : table.columns) titles.push_back(column.title);
    CHECK(titles == std::vector<std::string>{"K", "stage", "rank", "steps", "step", "compute", "idle"});
    CHECK(table.rows[1] == std::vector<std::string>{"2", "1", "0", "1", "4.0000", "2.0000", "2.0000"});
  }
}
