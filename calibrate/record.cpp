// SPDX-License-Identifier: Apache-2.0
#include "calibrate/record.hpp"

#include <algorithm>

#include "data/stats.hpp"
#include "model/contract.hpp"

namespace kurve::calibrate {

double last_end_s(StepRow const& row) {
  return std::max_element(row.ranks.begin(), row.ranks.end(),
                          [](auto const& a, auto const& b) { return a.step_s < b.step_s; })
      ->step_s;
}

double mean_s(RunRecord const& record) {
  std::vector<double> times;
  for (auto const& row : record.steps) times.push_back(last_end_s(row));
  return data::summarize(times).mean;
}

RunRecord without_warmup(std::vector<StepRow> rows) {
  KURVE_EXPECT(rows.size() >= 2);
  std::vector<double> times;
  for (auto const& row : rows) times.push_back(last_end_s(row));
  auto const warmup = std::max<std::size_t>(1, data::warmup_length(times));
  RunRecord record{.point = rows.front().point, .run = rows.front().run, .warmup_dropped = static_cast<int>(warmup)};
  record.steps.assign(rows.begin() + static_cast<std::ptrdiff_t>(warmup), rows.end());
  return record;
}

}  // namespace kurve::calibrate
