// SPDX-License-Identifier: Apache-2.0
#include "calibrate/step_runs.hpp"

#include <algorithm>

namespace kurve::calibrate {

StepRuns::StepRuns(std::vector<Point> points, CalibrateOptions const& options, Journal& journal)
    : points_(std::move(points)), options_(options), journal_(journal), means_(points_.size()) {}

void StepRuns::round(int run, Measure const& measure) {
  for (auto const i : shuffled_order(points_.size(), options_.seed, -1 - run)) {
    if (done(i)) continue;
    auto record = journal_.next_run(points_[i], run);
    if (!record) {
      record = measure(points_[i], run);
      if (!record) continue;
      journal_.add(*record);
    }
    take(i, *record);
  }
}

void StepRuns::take(std::size_t i, RunRecord const& record) {
  means_[i].push_back(mean_s(record));
  rows_.insert(rows_.end(), record.steps.begin(), record.steps.end());
  if (!record.note.empty() && std::find(notes_.begin(), notes_.end(), record.note) == notes_.end())
    notes_.push_back(record.note);
}

bool StepRuns::done(std::size_t i) const {
  auto rule = options_.stopping;
  rule.min_samples = options_.runs;
  return static_cast<int>(means_[i].size()) >= options_.max_runs || precise_enough(means_[i], rule);
}

std::size_t StepRuns::unfinished() const {
  std::size_t count = 0;
  for (std::size_t i = 0; i < points_.size(); ++i) count += done(i) ? 0 : 1;
  return count;
}

std::vector<int> StepRuns::runs() const {
  std::vector<int> runs;
  for (auto const& means : means_) runs.push_back(static_cast<int>(means.size()));
  return runs;
}

std::vector<std::string> StepRuns::shortfalls(std::vector<std::string> const& described) const {
  std::vector<std::string> result;
  for (std::size_t i = 0; i < means_.size(); ++i)
    if (static_cast<int>(means_[i].size()) < options_.runs)
      result.push_back(described[i] + ": " + std::to_string(means_[i].size()) + " of " + std::to_string(options_.runs) +
                       " runs.");
  return result;
}

}  // namespace kurve::calibrate
