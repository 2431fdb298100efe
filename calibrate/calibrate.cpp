// SPDX-License-Identifier: Apache-2.0
#include "calibrate/calibrate.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "calibrate/journal.hpp"
#include "calibrate/robust.hpp"
#include "calibrate/sampler.hpp"
#include "calibrate/step_runs.hpp"
#include "calibrate/study_of.hpp"
#include "calibrate/watch.hpp"
#include "data/provenance.hpp"
#include "data/quantity_text.hpp"
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
        journal_(options.journal != nullptr ? *options.journal : own_journal_),
        info_(backend.info()),
        design_(make_design(info_, options.design)),
        watch_([&backend] { return backend.now_s(); }, options),
        sampler_(backend, options.stopping, [this] { return watch_.over(); }),
        steps_(design_.steps, options, journal_) {
    for (auto const& point : design_.components) series_.push_back({.point = point});
  }

  Calibration all() {
    result_.sleep_bias_s = sleep_bias_s(backend_, Seconds{options_.sleep_s});
    verify();
    try {
      measure();
      result_.ended = watch_.ended(unfinished() > 0);
    } catch (DeviceError const&) {
      failed();
    } catch (InputError const&) {
      failed();
    }
    report();
    return std::move(result_);
  }

 private:
  void tell(std::string const& what) const {
    if (!options_.progress) return;
    double const all = static_cast<double>(series_.size() + steps_.points().size());
    double const done = 1.0 - static_cast<double>(unfinished()) / all;
    options_.progress(
        {.what = what, .fraction = std::min(1.0, std::max(done, watch_.spent_s() / options_.time_limit_s))});
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
    for (int round = 0; unfinished() > 0 && (journal_.replaying() || !watch_.over()); ++round) {
      visit_components(round);
      steps_.round(round, [this](Point const& point, int run) { return measure_run(point, run); });
    }
  }

  std::size_t unfinished() const {
    std::size_t count = steps_.unfinished();
    for (auto const& series : series_) count += series.done ? 0 : 1;
    return count;
  }

  void visit_components(int round) {
    bool begun = false;
    for (auto const i : shuffled_order(series_.size(), options_.seed, round)) {
      auto& series = series_[i];
      if (series.done) continue;
      if (auto const record = journal_.next_block(series.point, round)) {
        sampler_.take(series, *record);
        continue;
      }
      if (watch_.over()) return;
      tell(describe(series.point, info_));
      if (!begun) backend_.begin_run(options_.seed + static_cast<std::uint64_t>(round));
      begun = true;
      auto const record = sampler_.visit(series, round);
      if (record.timings.empty()) return;  // time was out
      journal_.add(record);
      sampler_.take(series, record);
    }
  }

  /// One job from a fresh state; dropped where time is out before it is whole.
  std::optional<RunRecord> measure_run(Point const& point, int run) {
    if (watch_.over()) return std::nullopt;
    tell(describe(point, info_) + ", run " + std::to_string(run + 1));
    backend_.begin_run(options_.seed + static_cast<std::uint64_t>(run));
    std::vector<StepRow> rows;
    for (int step = 0; step < options_.steps_per_run; ++step) {
      if (watch_.over()) return std::nullopt;
      rows.push_back(
          {.point = point, .run = run, .step = step, .ranks = backend_.time_step(point.ranks, point.local_batch)});
    }
    return without_warmup(std::move(rows));
  }

  /// Keeps what there is beside the exception in hand; where there is nothing, the exception is all there is to say.
  void failed() {
    bool const any = std::any_of(series_.begin(), series_.end(), [](auto const& s) { return !s.timings.empty(); });
    if (!any && steps_.rows().empty()) throw;
    result_.ended = Ended::failed;
    result_.failure = std::current_exception();
  }

  void report() {
    for (auto const& series : series_) result_.points.push_back(report_of(series, info_));
    result_.warnings = info_.notes;
    warn_about_points();
    if (result_.ended != Ended::failed) result_.rates = backend_.rates(timed_parts(result_.points));
    std::vector<std::string> described;
    for (auto const& point : design_.steps) described.push_back(describe(point, info_));
    for (auto const& line : steps_.shortfalls(described)) result_.warnings.push_back(line);
    result_.components = component_study(series_, info_, options_);
    result_.steps = step_study(steps_.rows(), info_, options_);
    result_.per_rank = per_rank_study(steps_.rows(), info_, options_);
    for (auto* study : {&result_.components, &result_.steps, &result_.per_rank})
      study->set("sleep_bias_s", std::to_string(result_.sleep_bias_s));
    result_.elapsed_s = watch_.spent_s();
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
        result_.warnings.push_back(point.description + ": not measured.");
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

  Backend& backend_;
  CalibrateOptions const& options_;
  Journal own_journal_;  // of nothing
  Journal& journal_;
  BackendInfo const& info_;
  Design design_;
  Watch watch_;
  Sampler sampler_;
  StepRuns steps_;
  std::vector<Series> series_;
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

JournalIdentity journal_identity(BackendInfo const& info, CalibrateOptions const& options) {
  auto const machine = data::this_machine();
  auto const design = make_design(info, options.design);
  std::string points;
  for (auto const* list : {&design.components, &design.steps})
    for (auto const& point : *list) points += (points.empty() ? "" : "; ") + describe(point, info);
  return {
      {"version", machine.version},
      {"host", machine.host},
      {"processor", machine.processor},
      {"device", info.name + ": " + info.device},
      {"workload", info.workload},
      {"points", points},
      {"precision", data::number_text(options.stopping.relative_half_width)},
      {"samples", std::to_string(options.stopping.min_samples) + " to " + std::to_string(options.stopping.max_samples)},
      {"runs", std::to_string(options.runs) + " to " + std::to_string(options.max_runs)},
      {"steps per run", std::to_string(options.steps_per_run)},
      {"seed", std::to_string(options.seed)}};
}

}  // namespace kurve::calibrate
