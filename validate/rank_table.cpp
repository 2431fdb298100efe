// SPDX-License-Identifier: Apache-2.0
#include "validate/rank_table.hpp"

#include <algorithm>
#include <map>
#include <tuple>

#include "validate/number_text.hpp"

namespace kurve::validate {

double RankTimes::overlap() const {
  double const all_s = comm_s + hidden_comm_s;
  return all_s > 0.0 ? hidden_comm_s / all_s : 0.0;
}

std::vector<RankTimes> rank_times(data::Study const& study) {
  std::map<std::tuple<int, int, int>, RankTimes> sums;
  for (auto const& row : study.samples) {
    if (!row.rank || !row.compute_s) continue;
    auto& r = sums[{row.ranks, row.stage.value_or(0), *row.rank}];
    r.ranks = row.ranks;
    r.rank = *row.rank;
    r.stage = row.stage;
    ++r.steps;
    r.step_s += row.time_s;
    r.compute_s += *row.compute_s;
    r.comm_s += row.comm_s.value_or(0.0);
    r.hidden_comm_s += row.hidden_comm_s.value_or(0.0);
    r.has_hidden = r.has_hidden || row.hidden_comm_s.has_value();
  }
  std::vector<RankTimes> result;
  for (auto& [at, r] : sums) {
    for (auto* time_s : {&r.step_s, &r.compute_s, &r.comm_s, &r.hidden_comm_s}) *time_s /= r.steps;
    result.push_back(r);
  }
  return result;
}

namespace {

/// Neither computing nor communicating [s].
double idle_s(RankTimes const& r) { return std::max(0.0, r.step_s - r.compute_s - r.comm_s); }

}  // namespace

TextTable table_of(std::vector<RankTimes> const& ranks) {
  double smallest_s = 0.0, largest_s = 0.0;
  bool hidden = false, staged = false, communicates = false, idles = false;
  for (auto const& r : ranks) {
    largest_s = std::max(largest_s, r.step_s);
    smallest_s = smallest_s == 0.0 ? r.compute_s : std::min(smallest_s, r.compute_s);
    hidden = hidden || r.has_hidden;
    staged = staged || r.stage;
    communicates = communicates || r.comm_s > 0.0;
    idles = idles || idle_s(r) > 0.001 * r.step_s;
  }
  auto const unit = time_unit_for(smallest_s, largest_s);
  std::string const in = "[" + unit.name + "]";
  TextTable table{{{"K"}}, {}};
  if (staged) table.columns.push_back({"stage"});
  table.columns.insert(table.columns.end(), {{"rank"}, {"steps"}, {"step", in}, {"compute", in}});
  if (communicates || hidden) table.columns.push_back({"exposed comm", in});
  if (idles) table.columns.push_back({"idle", in});
  if (hidden) table.columns.insert(table.columns.end(), {{"hidden comm", in}, {"overlap"}});
  for (auto const& r : ranks) {
    std::vector<std::string> cells{std::to_string(r.ranks)};
    if (staged) cells.push_back(r.stage ? std::to_string(*r.stage) : "-");
    cells.insert(cells.end(),
                 {std::to_string(r.rank), std::to_string(r.steps), unit.text(r.step_s), unit.text(r.compute_s)});
    if (communicates || hidden) cells.push_back(unit.text(r.comm_s));
    if (idles) cells.push_back(unit.text(idle_s(r)));
    if (hidden) cells.insert(cells.end(), {unit.text(r.hidden_comm_s), percent_text(r.overlap(), 1)});
    table.add(std::move(cells));
  }
  return table;
}

}  // namespace kurve::validate
