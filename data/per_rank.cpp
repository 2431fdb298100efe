// SPDX-License-Identifier: Apache-2.0
#include "data/per_rank.hpp"

#include <algorithm>
#include <map>
#include <tuple>

#include "data/facts.hpp"
#include "data/quantity_text.hpp"

namespace kurve::data {
namespace {

constexpr double shortest_s = 1e-9;  ///< the resolution of profiler traces

/// Where it came from and on what it ran, without samples.
Study without_rows(Study const& study) {
  Study result;
  result.path = study.path;
  result.header = study.header;
  result.notes = study.notes;
  return result;
}

void set_overlap(Study& result, Study const& per_rank) {
  double compute_s = 0.0, hidden_s = 0.0;
  for (auto const& row : per_rank.samples) {
    compute_s += row.compute_s.value_or(0.0);
    hidden_s += row.hidden_comm_s.value_or(0.0);
  }
  auto const text = per_rank.find("collectives_per_step");  // ranks that disagree on it have several
  auto const collectives = text ? number_from_text(*text) : std::nullopt;
  if (!collectives || !(*collectives >= 2.0) || !(hidden_s > 0.0) || !(compute_s > 0.0)) return;
  double const fraction = std::min(1.0, hidden_s / (compute_s * (1.0 - 1.0 / *collectives)));
  result.set("overlap_fraction", number_text(fraction));
  result.set("overlap_buckets", number_text(*collectives));
}

}  // namespace

Study whole_steps(Study const& per_rank) {
  Study result = without_rows(per_rank);
  std::map<std::tuple<int, double, int, int>, std::size_t> seen;
  for (auto const& row : per_rank.samples) {
    std::size_t const next = result.samples.size();
    auto const [at, is_new] =
        row.step ? seen.try_emplace({row.ranks, row.global_batch.value_or(0.0), row.run.value_or(0), *row.step}, next)
                 : std::pair(seen.end(), true);
    if (is_new) {
      result.samples.push_back(row);
      auto& step = result.samples.back();
      step.rank.reset(), step.stage.reset();
      step.compute_s.reset(), step.comm_s.reset(), step.hidden_comm_s.reset();
    } else {
      auto& step = result.samples[at->second];
      step.time_s = std::max(step.time_s, row.time_s);
    }
  }
  result.configuration_columns = per_rank.configuration_columns;
  return result;
}

Study components(Study const& per_rank) {
  Study result = without_rows(per_rank);
  result.time_column = "time_s";
  for (auto const& row : per_rank.samples) {
    if (!row.global_batch && !row.local_batch)
      ask_for(per_rank.path, "times of single ranks without a batch: what compute costs a sample is open",
              "global_batch=256");
    Sample part;
    part.ranks = row.ranks;
    part.rank = row.rank;
    part.run = row.run;
    part.step = row.step;
    part.line = row.line;
    part.op = Operation::serial;
    part.time_s = std::max(shortest_s, row.time_s - *row.compute_s - row.comm_s.value_or(0.0));
    result.samples.push_back(part);
    part.op = Operation::compute;
    part.local_batch = row.local_batch ? *row.local_batch : *row.global_batch / row.ranks;
    part.time_s = *row.compute_s;
    result.samples.push_back(part);
  }
  set_overlap(result, per_rank);
  return result;
}

}  // namespace kurve::data
