// SPDX-License-Identifier: Apache-2.0
#include "calibrate/calibrate.hpp"

#include <algorithm>
#include <cmath>
#include <span>

#include "calibrate/robust.hpp"
#include "calibrate/sampler.hpp"
#include "calibrate/study_of.hpp"
#include "data/stats.hpp"
#include "model/error.hpp"

namespace kurve::calibrate {
namespace {

using data::Operation;

constexpr double suspect_share = 0.05;  // stragglers beyond this are told; FACTS F has 20 % as the end of trust

PointReport report_of(Series const& series, BackendInfo const& info) {
  PointReport r{.point = series.point,
                .description = describe(series.point, info),
                .termination = series.termination,
                .timings = static_cast<int>(series.timings.size()),
                .repeats = series.repeats,
                .warmup_dropped = series.warmup_dropped,
                .throttled = static_cast<int>(series.throttled.size()),
                .suspect = series.suspect};
  auto const values = series.values();
  if (values.empty()) return r;
  auto const split = split_stragglers(values);
  auto const precision = precision_of(split.core, 0.95);
  r.stragglers = static_cast<int>(split.stragglers.size());
  r.median_s = data::median(values);
  r.low_quartile_s = data::quantile(values, 0.25);
  r.high_quartile_s = data::quantile(values, 0.75);
  r.mean_s = precision.mean;
  r.standard_error_s = precision.standard_error;
  return r;
}

/// What one rank alone takes for each part, started kernel by kernel, and from a graph where that was measured too.
std::vector<TimedPart> timed_parts(std::vector<PointReport> const& points) {
  std::vector<TimedPart> parts;
  for (int const launch : {0, 1})
    for (auto const& p : points) {
      if (p.point.op == Operation::allreduce || p.point.ranks != 1 || p.point.launch != launch || p.timings == 0)
        continue;
      if (launch == 0) parts.push_back({.local_batch = p.point.local_batch, .seconds = p.mean_s});
      for (auto& part : parts)
        if (launch == 1 && part.local_batch == p.point.local_batch) part.graph_seconds = p.mean_s;
    }
  return parts;
}

class Run {
 public:
  Run(Backend& backend, CalibrateOptions const& options)
      : backend_(backend),
        options_(options),
        info_(backend.info()),
        design_(make_design(info_, options.design)),
        start_s_(backend.now_s()) {}

  Calibration all() {
    result_.sleep_bias_s = sleep_bias_s(backend_, Seconds{options_.sleep_s});
    verify();
    measure();
    result_.rates = backend_.rates(timed_parts(result_.points));
    result_.warnings.insert(result_.warnings.begin(), info_.notes.begin(), info_.notes.end());
    result_.components = component_study(series_, info_, options_);
    result_.steps = step_study(step_rows_, info_, options_);
    result_.per_rank = per_rank_study(step_rows_, info_, options_);
    for (auto* study : {&result_.components, &result_.steps, &result_.per_rank})
      study->set("sleep_bias_s", std::to_string(result_.sleep_bias_s));
    result_.elapsed_s = backend_.now_s() - start_s_;
    return std::move(result_);
  }

 private:
  double spent() const { return backend_.now_s() - start_s_; }
  bool out_of_time() const { return spent() >= options_.time_limit_s; }
  void tell(std::string const& what) const {
    if (!options_.progress) return;
    double const all = static_cast<double>(design_.components.size() + design_.steps.size());
    double const done = series_.empty() ? 0.0 : 1.0 - static_cast<double>(unfinished()) / all;
    options_.progress({.what = what, .fraction = std::min(1.0, std::max(done, spent() / options_.time_limit_s))});
  }

  void verify() {
    for (auto const& point : design_.components) {
      if (point.op != Operation::allreduce) continue;
      tell("verify " + describe(point, info_));
      backend_.verify_allreduce({.ranks = point.ranks, .message = {point.bytes}, .algorithm = point.algorithm});
    }
  }

  /// Rounds of everything: components and whole steps see the same machine, so that a busy minute is in both or
  /// neither.
  void measure() {
    for (auto const& point : design_.components) series_.push_back({.point = point});
    runs_of_.resize(design_.steps.size());
    for (int round = 0; unfinished() > 0 && !out_of_time(); ++round) {
      visit_components(round);
      run_steps(round);
    }
    for (auto const& series : series_) result_.points.push_back(report_of(series, info_));
    warn_about_points();
    for (std::size_t i = 0; i < runs_of_.size(); ++i)
      if (static_cast<int>(runs_of_[i].size()) < options_.runs)
        result_.warnings.push_back(describe(design_.steps[i], info_) + ": " + std::to_string(runs_of_[i].size()) +
                                   " of " + std::to_string(options_.runs) +
                                   " runs, time was out. Raise the time limit?");
  }

  std::size_t unfinished() const {
    std::size_t count = 0;
    for (auto const& series : series_) count += series.done ? 0 : 1;
    for (std::size_t i = 0; i < runs_of_.size(); ++i) count += steps_done(i) ? 0 : 1;
    return count;
  }

  void visit_components(int round) {
    Sampler sampler(backend_, options_.stopping, start_s_ + options_.time_limit_s);
    backend_.begin_run(options_.seed + static_cast<std::uint64_t>(round));
    for (auto const i : shuffled_order(series_.size(), options_.seed, round)) {
      if (series_[i].done || out_of_time()) continue;
      tell(describe(series_[i].point, info_));
      sampler.visit(series_[i], round);
    }
  }

  /// A line a kind, each with its worst point: the whole table is in the report.
  void warn_about_points() {
    int imprecise = 0, straggling = 0, throttled = 0, suspect = 0;
    double widest = 0.0, most = 0.0;
    std::string widest_at, most_at;
    for (auto const& point : result_.points) {
      throttled += point.throttled;
      suspect += point.suspect ? 1 : 0;
      if (point.timings == 0) {
        result_.warnings.push_back(point.description + ": not measured, time was out. Raise the time limit?");
        continue;
      }
      int const ranks = point.point.op == Operation::allreduce ? 1 : point.point.ranks;
      double const width = 1.96 * point.standard_error_s / point.mean_s;
      double const share = static_cast<double>(point.stragglers) / (point.timings * ranks);
      if (point.termination != Termination::precise && ++imprecise > 0 && width >= widest)
        widest = width, widest_at = point.description;
      if (share > suspect_share && ++straggling > 0 && share >= most) most = share, most_at = point.description;
    }
    std::string const of = " of " + std::to_string(result_.points.size()) + " points ";
    auto percent = [](double x) { return std::to_string(std::lround(100.0 * x)) + " %"; };
    if (imprecise > 0)
      result_.warnings.push_back(std::to_string(imprecise) + of +
                                 "are known less well than asked (worst: " + widest_at + ", +-" + percent(widest) +
                                 "). Raise the time limit, or leave the machine alone?");
    if (throttled > 0)
      result_.warnings.push_back(std::to_string(throttled) +
                                 " timings were discarded because the device was throttled. Is it cooled well?");
    if (suspect > 0)
      result_.warnings.push_back(std::to_string(suspect) + of +
                                 "are suspect: the device was throttled in over a fifth of their timings. Cool it, or "
                                 "read them as what this machine does when hot?");
    if (straggling > 0)
      result_.warnings.push_back(std::to_string(straggling) + of + "straggle (worst: " + most_at + ", " +
                                 percent(most) + " of its timings). Is the machine busy with something else?");
  }

  /// The run is the unit of replication, so precision is that of the runs' means.
  bool steps_done(std::size_t i) const {
    auto const& means = runs_of_[i];
    auto rule = options_.stopping;
    rule.min_samples = options_.runs;
    return static_cast<int>(means.size()) >= options_.max_runs || precise_enough(means, rule);
  }

  void run_steps(int run) {
    for (auto const i : shuffled_order(design_.steps.size(), options_.seed, -1 - run)) {
      if (steps_done(i) || out_of_time()) continue;
      tell(describe(design_.steps[i], info_) + ", run " + std::to_string(run + 1));
      measure_run(i, run);
    }
  }

  /// One job from a fresh state; dropped where time is out before it is whole.
  void measure_run(std::size_t i, int run) {
    auto const& point = design_.steps[i];
    backend_.begin_run(options_.seed + static_cast<std::uint64_t>(run));
    std::vector<StepRow> rows;
    std::vector<double> times;
    for (int step = 0; step < options_.steps_per_run; ++step) {
      if (out_of_time()) return;
      rows.push_back(
          {.point = point, .run = run, .step = step, .ranks = backend_.time_step(point.ranks, point.local_batch)});
      times.push_back(last_end_s(rows.back()));
    }
    // The first step of a job is always set-up (pages, connections); how many more, the series itself says.
    auto const warmup = static_cast<std::ptrdiff_t>(std::max<std::size_t>(1, data::warmup_length(times)));
    step_rows_.insert(step_rows_.end(), rows.begin() + warmup, rows.end());
    runs_of_[i].push_back(data::summarize(std::span(times).subspan(static_cast<std::size_t>(warmup))).mean);
  }

  Backend& backend_;
  CalibrateOptions const& options_;
  BackendInfo const& info_;
  Design design_;
  double start_s_;
  std::vector<Series> series_;
  std::vector<std::vector<double>> runs_of_;  // [n_steps][runs so far], mean of each
  std::vector<StepRow> step_rows_;
  Calibration result_;
};

}  // namespace

void check(CalibrateOptions const& options) {
  check(options.stopping);
  auto require = [](bool ok, std::string const& what, double value, char const* range) {
    if (!ok) throw InputError(what + "=" + std::to_string(value) + " (must be " + range + ")");
  };
  require(options.runs >= 2, "runs", options.runs, "at least 2: one run says nothing of the spread between runs");
  require(options.max_runs >= options.runs, "max_runs", options.max_runs, "at least runs");
  require(options.steps_per_run >= 3, "steps_per_run", options.steps_per_run, "at least 3");
  require(options.time_limit_s > 0.0, "time_limit", options.time_limit_s, "positive");
  require(options.sleep_s > 0.0, "sleep", options.sleep_s, "positive");
}

Calibration run_calibration(Backend& backend, CalibrateOptions const& options) {
  if (!backend.drives()) {
    backend.follow();
    return {.drives = false};
  }
  check(options);
  return Run(backend, options).all();
}

std::vector<PlannedPoint> plan_calibration(Backend& backend, CalibrateOptions const& options) {
  if (!backend.drives()) {
    backend.follow();
    return {};
  }
  check(options);
  auto const& info = backend.info();
  auto const design = make_design(info, options.design);
  StoppingRule const once{.relative_half_width = 0.5, .min_samples = 3, .max_samples = 3};
  Sampler sampler(backend, once, backend.now_s() + options.time_limit_s);
  std::vector<PlannedPoint> plan;
  backend.begin_run(options.seed);
  for (auto const& point : design.components) {
    Series probe{.point = point};
    double const start = backend.now_s();
    sampler.visit(probe, 0);
    double const each = (backend.now_s() - start) / 7.0;  // 2 first executions, 2 of warm-up, 3 timings
    plan.push_back({point, describe(point, info), each * options.stopping.min_samples * 1.2});
  }
  for (auto const& point : design.steps) {
    static_cast<void>(backend.time_step(point.ranks, point.local_batch));
    double const start = backend.now_s();
    static_cast<void>(backend.time_step(point.ranks, point.local_batch));
    plan.push_back({point, describe(point, info), (backend.now_s() - start) * options.runs * options.steps_per_run});
  }
  return plan;
}

}  // namespace kurve::calibrate
