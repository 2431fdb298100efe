// SPDX-License-Identifier: Apache-2.0
#include "calibrate/study_of.hpp"

#include <algorithm>
#include <array>

#include "data/quantity_text.hpp"

namespace kurve::calibrate {
namespace {

using data::Operation;

data::Study new_study(BackendInfo const& info, CalibrateOptions const& options) {
  data::Study study;
  study.set("workload", info.workload);
  study.set("regime", std::string(model::to_text(options.design.regime)));
  study.set("baseline", "one rank of the same build, no all-reduce");
  study.set("warmup", "excluded");
  study.set("setup", "excluded");
  study.set("source", "kurve calibrate, device " + info.name);
  study.set("device", info.device);
  study.set("accelerator", info.accelerator.empty() ? info.name : info.accelerator);
  study.set("workers_per_node", std::to_string(info.workers_per_node));
  study.set("gradient_bytes", std::to_string(info.gradient_bytes));
  study.set("global_batch", std::to_string(options.design.global_batch));
  study.set("seed", std::to_string(options.seed));
  return study;
}

/// Configuration columns beyond the first, each written only where some timing knows it.
struct ObservedColumn {
  char const* name;
  std::string (*cell)(Timing const&, std::size_t rank);
};
constexpr std::array<ObservedColumn, 5> observed_columns{{
    {"chosen", [](Timing const& t, std::size_t) { return t.observation.chosen; }},
    {"host_s",
     [](Timing const& t, std::size_t rank) {
       auto const& host = t.observation.host_s;
       return rank < host.size() ? data::number_text(host[rank]) : std::string{};
     }},
    {"sm_clock_Hz",
     [](Timing const& t, std::size_t) {
       auto const& clock = t.observation.sm_clock_Hz;
       return clock ? data::number_text(*clock) : std::string{};
     }},
    {"power_W",
     [](Timing const& t, std::size_t) {
       auto const& power = t.observation.power_W;
       return power ? data::number_text(*power) : std::string{};
     }},
    {"clock_reasons",
     [](Timing const& t, std::size_t) {
       auto const& reasons = t.observation.clock_reasons;
       return reasons ? clock_reasons_text(*reasons) : std::string{};
     }},
}};

/// Those that any timing fills.
std::vector<ObservedColumn> columns_seen(std::vector<Series> const& all) {
  std::vector<ObservedColumn> seen;
  for (auto const& column : observed_columns)
    if (std::any_of(all.begin(), all.end(), [&](Series const& series) {
          return std::any_of(series.timings.begin(), series.timings.end(),
                             [&](Timing const& t) { return !column.cell(t, 0).empty(); });
        }))
      seen.push_back(column);
  return seen;
}

}  // namespace

data::Study component_study(std::vector<Series> const& all, BackendInfo const& info, CalibrateOptions const& options) {
  auto study = new_study(info, options);
  study.time_column = "time_s";
  study.configuration_columns = {"algorithm", "repeats"};
  bool const several_launches = info.launches.size() > 1;
  if (several_launches) study.configuration_columns.push_back("launch");
  auto const observed = columns_seen(all);
  for (auto const& column : observed) study.configuration_columns.push_back(column.name);
  for (auto const& series : all) {
    auto const& point = series.point;
    bool const collective = point.op == Operation::allreduce;
    data::Sample row;
    row.op = point.op;
    row.ranks = point.ranks;
    if (collective) row.bytes = point.bytes;
    if (point.op == Operation::compute) row.local_batch = point.local_batch;
    auto const configuration = [&](Timing const& timing, std::size_t rank) {
      std::vector<std::string> cells{collective ? info.algorithms.at(point.algorithm) : "",
                                     std::to_string(series.repeats)};
      if (several_launches) cells.push_back(collective ? "" : info.launches.at(point.launch));
      for (auto const& column : observed) cells.push_back(column.cell(timing, rank));
      return cells;
    };
    for (std::size_t i = 0; i < series.timings.size(); ++i) {
      auto const& timing = series.timings[i];
      row.run = timing.round;
      row.step = static_cast<int>(i);
      for (std::size_t rank = 0; rank < timing.rank_s.size(); ++rank) {
        row.rank = static_cast<int>(rank);
        row.time_s = timing.rank_s[rank];
        row.configuration = configuration(timing, rank);
        study.samples.push_back(row);
      }
    }
  }
  return study;
}

data::Study step_study(std::vector<StepRow> const& rows, BackendInfo const& info, CalibrateOptions const& options) {
  auto study = new_study(info, options);
  for (auto const& row : rows) {
    data::Sample sample;
    sample.ranks = row.point.ranks;
    sample.time_s = last_end_s(row);
    sample.global_batch = static_cast<double>(row.point.ranks) * row.point.local_batch;
    sample.run = row.run;
    sample.step = row.step;
    study.samples.push_back(sample);
  }
  return study;
}

data::Study per_rank_study(std::vector<StepRow> const& rows, BackendInfo const& info, CalibrateOptions const& options) {
  auto study = new_study(info, options);
  int largest = 0;
  for (auto const& row : rows) largest = std::max(largest, row.point.ranks);
  for (auto const& row : rows) {
    if (row.point.ranks != largest) continue;
    for (std::size_t rank = 0; rank < row.ranks.size(); ++rank) {
      data::Sample sample;
      sample.ranks = largest;
      sample.time_s = row.ranks[rank].step_s;
      sample.run = row.run;
      sample.step = row.step;
      sample.rank = static_cast<int>(rank);
      sample.compute_s = row.ranks[rank].compute_s;
      sample.comm_s = row.ranks[rank].comm_s;
      study.samples.push_back(sample);
    }
  }
  return study;
}

}  // namespace kurve::calibrate
