// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <span>

#include "calibrate/calibrate.hpp"
#include "calibrate/command.hpp"
#include "calibrate/robust.hpp"
#include "calibrate/sampler.hpp"
#include "data/stats.hpp"

namespace kurve::calibrate {
namespace {

constexpr int probed_steps = 5;  // after one of warm-up

/// Fewest samples, from `least` to `most`, whose mean is as precise as asked where their sd over mean is `cv`.
int samples_for(double cv, StoppingRule const& rule, int least, int most) {
  for (int n = least; n < most; ++n) {
    data::Summary const summary{.n = static_cast<std::size_t>(n), .mean = 1.0, .sd = cv};
    auto const interval = data::student_t_interval(summary, rule.confidence);
    if (interval.high - interval.low <= 2.0 * rule.relative_half_width) return n;
  }
  return most;
}

double cv_of(std::vector<double> const& times_s) {
  auto const summary = data::summarize(split_stragglers(times_s).core);
  return summary.mean > 0.0 ? summary.sd / summary.mean : 0.0;
}

class DryRun {
 public:
  DryRun(Backend& backend, CalibrateOptions const& options)
      : backend_(backend), options_(options), sampler_(backend, one_block, [] { return false; }) {}

  std::vector<PlannedPoint> all() {
    auto const& info = backend_.info();
    auto const design = make_design(info, options_.design);
    double const start = backend_.now_s();
    backend_.begin_run(options_.seed);
    begin_run_s_ = backend_.now_s() - start;
    std::vector<PlannedPoint> plan;
    for (auto const* list : {&design.components, &design.steps})
      for (auto const& point : *list) {
        plan.push_back({.point = point, .description = describe(point, info)});
        point.op == data::Operation::step ? time_steps(plan.back()) : time_block(plan.back());
      }
    return plan;
  }

 private:
  /// One visit: what each further one takes, and from its spread how many there will be.
  void time_block(PlannedPoint& plan) {
    auto const& rule = options_.stopping;
    double const start = backend_.now_s();
    if (plan.point.op == data::Operation::allreduce)
      backend_.verify_allreduce(
          {.ranks = plan.point.ranks, .message = {plan.point.bytes}, .algorithm = plan.point.algorithm});
    double const begin = backend_.now_s();
    Series series{.point = plan.point};
    sampler_.take(series, sampler_.visit(series, 0));
    // Of the first visit's 2 first executions, 2 of warm-up and 10 timings, a later one has the last 12.
    double const visit_s = (backend_.now_s() - begin) * 12.0 / 14.0;
    auto const visits = [](int samples) { return std::ceil(samples / static_cast<double>(one_block.max_samples)); };
    double const first_s = begin - start + visit_s * 2.0 / 12.0;
    plan.least_s = first_s + visit_s * visits(rule.min_samples);
    plan.estimate_s =
        first_s + visit_s * visits(samples_for(cv_of(series.values()), rule, rule.min_samples, rule.max_samples));
  }

  void time_steps(PlannedPoint& plan) {
    std::vector<double> times_s;
    for (int i = 0; i <= probed_steps; ++i) {
      double const start = backend_.now_s();
      static_cast<void>(backend_.time_step(plan.point.ranks, plan.point.local_batch));
      if (i > 0) times_s.push_back(backend_.now_s() - start);
    }
    double const run_s = begin_run_s_ + options_.steps_per_run * data::summarize(times_s).mean;
    // Runs differ at least by what is left of their steps' noise.
    double const cv = cv_of(times_s) / std::sqrt(options_.steps_per_run);
    plan.least_s = run_s * options_.runs;
    plan.estimate_s = run_s * samples_for(cv, options_.stopping, options_.runs, options_.max_runs);
  }

  static constexpr StoppingRule one_block{.relative_half_width = 0.5, .min_samples = 10, .max_samples = 10};
  Backend& backend_;
  CalibrateOptions const& options_;
  Sampler sampler_;
  double begin_run_s_ = 0.0;
};

}  // namespace

std::vector<PlannedPoint> plan_calibration(Backend& backend, CalibrateOptions const& options) {
  if (!backend.drives()) {
    backend.follow();
    return {};
  }
  check(options);
  return DryRun(backend, options).all();
}

std::vector<PlannedCommand> plan_command(CommandOptions const& command, CalibrateOptions const& options,
                                         std::span<RunRecord const> earlier) {
  check(options);
  std::vector<PlannedCommand> plan;
  for (auto const& run : command_runs(command)) {
    std::vector<double> means_s, elapsed_s;
    for (auto const& record : earlier) {
      if (record.point != run.point || record.elapsed_s <= 0.0) continue;
      means_s.push_back(mean_s(record));
      elapsed_s.push_back(record.elapsed_s);
    }
    PlannedCommand planned{.run = run, .run_s = {}, .runs = options.runs};
    if (!elapsed_s.empty()) planned.run_s = data::summarize(elapsed_s).mean;
    if (means_s.size() > 1)
      planned.runs = samples_for(cv_of(means_s), options.stopping, options.runs, options.max_runs);
    plan.push_back(planned);
  }
  return plan;
}

}  // namespace kurve::calibrate
