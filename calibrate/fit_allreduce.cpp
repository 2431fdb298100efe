// SPDX-License-Identifier: Apache-2.0
#include "calibrate/fit_allreduce.hpp"

#include <algorithm>
#include <map>

#include "data/stats.hpp"
#include "model/error.hpp"

namespace kurve::calibrate {

bool is_allreduce_only(data::Study const& study) {
  return !study.samples.empty() && std::all_of(study.samples.begin(), study.samples.end(),
                                               [](auto const& s) { return s.op == data::Operation::allreduce; });
}

FitResult fit_allreduce(data::Study const& study) {
  std::map<std::pair<int, std::int64_t>, std::vector<double>> times_s;
  for (auto const& s : data::last_ranks(study))
    if (s.op == data::Operation::allreduce && s.ranks > 1 && s.bytes && *s.bytes > 0)
      times_s[{s.ranks, *s.bytes}].push_back(s.time_s);
  if (times_s.empty())
    throw DataError(study.path, 0, "no all-reduce of 2 or more ranks (a network is fitted from those)");
  FitResult result;
  auto& m = result.model;
  m.workload = study.find("workload").value_or("all-reduce");
  auto const per_node = study.find_number("workers_per_node");
  m.allreduce.workers_per_node = per_node.value_or(8.0);
  m.parameters.workers_per_node = m.allreduce.workers_per_node;
  m.knowledge["network.workers_per_node"] = {.source = per_node ? model::Source::imported : model::Source::assumed,
                                             .sd = 0.0,
                                             .identified = per_node.has_value(),
                                             .note = per_node ? "the log's" : "not in the log: 8 assumed"};
  for (auto const& [at, times] : times_s) {
    auto const [low, high] = std::minmax_element(times.begin(), times.end());
    m.allreduce.points.push_back({.ranks = static_cast<double>(at.first),
                                  .bytes = static_cast<double>(at.second),
                                  .time_s = *high > 1.5 * *low ? *low : data::median(times)});
  }
  result.messages.push_back("all-reduces alone: this Model times collectives (simulate --op allreduce), not steps");
  if (!per_node)
    result.messages.push_back("workers per node: not in the log, 8 assumed. Add a line '# workers_per_node: N'?");
  return result;
}

}  // namespace kurve::calibrate
