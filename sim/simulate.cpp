// SPDX-License-Identifier: Apache-2.0
#include "sim/simulate.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <sstream>

#include "data/stats.hpp"
#include "model/elementary.hpp"
#include "model/error.hpp"
#include "model/near_miss.hpp"
#include "model/ring_jitter.hpp"
#include "model/scaling.hpp"
#include "sim/expected.hpp"
#include "sim/hop_step.hpp"
#include "sim/slowest.hpp"
#include "sim/step.hpp"
#include "sim/summary.hpp"
#include "sim/trials.hpp"

namespace kurve::sim {
namespace {

using model::Curve;
using model::CurvePoint;
using model::Model;

constexpr std::array<std::string_view, 5> methods{"automatic", "closed-form", "order-statistics", "workers", "ring"};

void require(bool condition, std::string_view name, double value, std::string_view range) {
  if (condition) return;
  std::ostringstream text;
  text << name << "=" << value << " (must be " << range << ")";
  throw InputError(text.str());
}

bool inside_unit(double x) { return x > 0.0 && x < 1.0; }

/// A step of so many has 9e9 hops: some ten seconds of one core, after which the run can say how far it is.
constexpr double most_ring_ranks = 65536;

void check(Model const& model, SimulateOptions const& o) {
  model::check(model.parameters);
  require(!o.ranks.empty(), "number of K", 0, "at least 1");
  for (double const k : o.ranks) require(k >= 1.0 && k <= 1e9, "K", k, "from 1 to 1e9");
  if (o.method == Method::ring)
    for (double const k : o.ranks)
      require(k <= most_ring_ranks, "K of method ring", k, "at most 65536: 2 K^2 hops a step");
  for (double const b : o.global_batches) require(b > 0.0 && std::isfinite(b), "global_batch", b, "positive");
  require(o.global_batches.empty() || o.global_batches.size() == o.ranks.size(), "number of global batches",
          static_cast<double>(o.global_batches.size()), "one for each K");
  if (model.regime == model::Regime::mixed && o.global_batches.empty())
    throw InputError("a mixed regime has no rule for the global batch. Give one for each K?");
  if (model::jittered_step_time(model.parameters, model.baseline_ranks, model.global_batch).total_s() == 0.0)
    throw InputError(
        "a step of this Model takes no time (it has neither serial work nor compute). Is it a network alone, to be "
        "asked "
        "with --op allreduce?");
  require(inside_unit(o.threshold), "threshold", o.threshold, "above 0 and below 1");
  require(inside_unit(o.confidence), "confidence", o.confidence, "above 0 and below 1");
  for (double const q : o.quantile_levels) require(inside_unit(q), "quantile", q, "above 0 and below 1");
  require(o.trials >= 2 && o.trials <= 10'000'000, "trials", static_cast<double>(o.trials), "from 2 to 1e7");
  require(o.draws >= 1 && o.draws <= 1'000'000, "draws", o.draws, "from 1 to 1e6");
  require(o.threads >= 0 && o.threads <= 4096, "threads", o.threads, "from 0 to 4096");
  if (o.device != nullptr && o.method != Method::workers && o.method != Method::ring)
    throw InputError("a device draws workers and rings only. Add --method workers or --method ring?");
}

std::vector<Target> targets_of(Model const& model, SimulateOptions const& o) {
  std::vector<Target> targets;
  for (std::size_t i = 0; i < o.ranks.size(); ++i)
    targets.push_back({o.ranks[i], o.global_batches.empty() ? model.batch_at(o.ranks[i]) : o.global_batches[i]});
  std::stable_sort(targets.begin(), targets.end(), [](Target a, Target b) { return a.ranks < b.ranks; });
  auto const twice =
      std::adjacent_find(targets.begin(), targets.end(), [](Target a, Target b) { return a.ranks == b.ranks; });
  if (twice != targets.end()) require(false, "K", twice->ranks, "given once");
  return targets;
}

/// Steps of a sampling method; by ring also the jitter tax of each.
struct Drawn {
  std::vector<double> steps_s, jitter_tax;
};

void draw_steps(StepSampler const& sampler, SimulateOptions const& o, std::uint32_t first, std::span<double> steps_s) {
  o.method == Method::order_statistics ? sampler.by_order_statistics_s(first, steps_s)
                                       : sampler.by_workers_s(first, steps_s, o.device);
}

/// Trials a thread takes at a time: about a tenth of a millisecond of work, of a device a second at most.
long batch_of(SimulateOptions const& o, double ranks) {
  double const draws = o.method == Method::order_statistics ? 1.0 : o.method == Method::ring ? ranks * ranks : ranks;
  return o.device != nullptr ? std::clamp(static_cast<long>(1e11 / draws), 1L, 65'536L)
                             : std::clamp(static_cast<long>(2e5 / draws), 1L, 1024L);
}

/// Values of all trials in order, `each` of them a trial; every rank draws its part.
std::vector<double> draw_trials(SimulateOptions const& o, long each, long batch, Trials const& trials,
                                std::function<bool(double)> const& go_on) {
  TrialRanks const alone;
  auto const& ranks = o.trial_ranks != nullptr ? *o.trial_ranks : alone;
  long const begin = each * (o.trials * ranks.rank() / ranks.size()),
             end = each * (o.trials * (ranks.rank() + 1) / ranks.size());
  if (begin == end) return ranks.join({});
  return ranks.join(run_trials(
      end - begin, o.device != nullptr ? 1 : o.threads, each * batch,
      [&](std::uint32_t first, std::span<double> values) { trials(first + static_cast<std::uint32_t>(begin), values); },
      go_on));
}

bool on_any_rank(SimulateOptions const& o, bool own) {
  if (o.trial_ranks == nullptr) return own;
  auto const all = o.trial_ranks->join({own ? 1.0 : 0.0});
  return std::find(all.begin(), all.end(), 1.0) != all.end();
}

Drawn draw_steps(model::StepParameters const& p, Target target, SimulateOptions const& o,
                 std::function<bool(double)> const& go_on) {
  long const batch = batch_of(o, target.ranks);
  if (o.method != Method::ring) {
    StepSampler const sampler(p, target.ranks, target.global_batch, o.seed);
    auto const trials = [&](std::uint32_t first, std::span<double> steps_s) { draw_steps(sampler, o, first, steps_s); };
    return {draw_trials(o, 1, batch, trials, go_on), {}};
  }
  HopStepSampler const sampler(p, target.ranks, target.global_batch, o.seed);
  auto const trials = [&](std::uint32_t first, std::span<double> values) {  // two values a trial
    std::vector<HopStepSampler::Step> steps(values.size() / 2);
    if (o.device != nullptr) {
      sampler.draw_on(*o.device, first / 2, steps);
    } else {
      for (std::size_t i = 0; i < steps.size(); ++i) steps[i] = sampler.draw(first / 2 + static_cast<std::uint32_t>(i));
    }
    for (std::size_t i = 0; i < steps.size(); ++i) {
      values[2 * i] = steps[i].time_s;
      values[2 * i + 1] = steps[i].jitter_tax;
    }
  };
  auto const values = draw_trials(o, 2, batch, trials, go_on);
  Drawn drawn;
  for (std::size_t i = 0; i < values.size(); i += 2) {
    drawn.steps_s.push_back(values[i]);
    drawn.jitter_tax.push_back(values[i + 1]);
  }
  return drawn;
}

/// Single steps at the Model's central parameters: mean, spread, quantiles, by the method, and the closed form's
/// breakdown of the mean. @return false where the caller's progress stopped it
bool fill_steps(CurvePoint& point, Model const& model, ExpectedStep const& expected, SimulateOptions const& o,
                std::function<bool(double)> const& go_on) {
  point.mean_s = expected.mean_s;
  point.sd_s = expected.sd_s;
  point.quantiles_s = expected.quantiles_s;
  require_time(expected.mean_s, {point.ranks, point.global_batch});
  point.contributions = expected.contributions;
  if (o.method == Method::automatic || o.method == Method::closed_form) return !go_on || go_on(1.0);

  bool stopped = false;
  auto const drawn = draw_steps(model.parameters, {point.ranks, point.global_batch}, o,
                                [&](double fraction) { return !(stopped = go_on && !go_on(fraction)); });
  stopped = on_any_rank(o, stopped);
  if (drawn.steps_s.size() < 2) return false;  // stopped before there was a standard error: the point keeps its law
  auto const summary = data::summarize(drawn.steps_s);
  point.mean_s = summary.mean;
  point.sd_s = summary.sd;
  point.standard_error_s = summary.standard_error();
  point.trials = static_cast<long>(drawn.steps_s.size());
  for (auto& [level, time_s] : point.quantiles_s) time_s = data::quantile(drawn.steps_s, level);
  if (!drawn.jitter_tax.empty()) point.jitter_tax = data::summarize(drawn.jitter_tax).mean;
  return !stopped;
}

/// From the central parameters to what is printed: T, E and where T goes are of the draws, and the spread of single
/// steps goes along with T.
void fill_summary(CurvePoint& point, Model const& model, ExpectedStep const& central, CurveSummary const& draws,
                  std::size_t i, SimulateOptions const& o) {
  auto const& summary = draws.targets[i];
  double const correction = point.mean_s / central.mean_s, scale = summary.time_s.centre / point.mean_s;
  point.mean_s = summary.time_s.centre;
  for (double* of_steps : {&point.sd_s, &point.standard_error_s}) *of_steps *= scale;
  for (auto& [level, time_s] : point.quantiles_s) time_s *= scale;
  // A sampled mean errs by its standard error: an interval that left it out could miss the value it stands beside.
  double const z = model::elementary::normal_upper(0.5 - 0.5 * o.confidence);
  double const sampling = z * point.standard_error_s / point.mean_s;
  auto const widened = [&](model::Interval const& x) {
    return model::Interval{x.centre, std::min(x.low, x.centre * (1.0 - sampling)),
                           std::max(x.high, x.centre * (1.0 + sampling))};
  };
  auto const time_s = widened(summary.time_s);
  point.low_s = time_s.low;
  point.high_s = time_s.high;
  point.efficiency = widened(summary.efficiency);
  point.p_pays = summary.p_pays;
  if (model.regime == model::Regime::strong)
    point.speedup = point.efficiency.centre * point.ranks / model.baseline_ranks;

  auto& c = point.contributions = time_breakdown(model, {point.ranks, point.global_batch}, o.seed, summary.middle,
                                                 draws.mean_s[i], point.mean_s / correction, central.contributions);
  // The parts are expectations; what sampling adds or takes goes to the largest random one, so that they add up, and
  // what hops add to communication.
  double& random = o.method == Method::ring ? c.exposed_comm_s
                                            : *std::max({&c.noise_s, &c.straggler_s, &c.imbalance_s},
                                                        [](double const* a, double const* b) { return *a < *b; });
  random += (1.0 - 1.0 / correction) * point.mean_s;
}

void fill_bend(Curve& curve, std::vector<std::vector<double>> const& efficiency_draws) {
  std::vector<double> ranks, centre;
  for (auto const& point : curve.points) {
    ranks.push_back(point.ranks);
    centre.push_back(point.efficiency.centre);
  }
  auto const bend = model::find_bend(ranks, centre, curve.threshold);
  if (!bend) return;
  curve.bend = model::CurveBend{bend->ranks, bend->last_ok_ranks, bend->crossing_ranks, {}, {}};
  // A draw that does not bend within these K bends beyond them: infinite. Sorted, so that inf is never interpolated.
  std::vector<double> bends;
  for (std::size_t d = 0; d < efficiency_draws.front().size(); ++d) {
    for (std::size_t i = 0; i < ranks.size(); ++i) centre[i] = efficiency_draws[i][d];
    auto const one = model::find_bend(ranks, centre, curve.threshold);
    bends.push_back(one ? one->ranks : std::numeric_limits<double>::infinity());
  }
  std::sort(bends.begin(), bends.end());
  auto const at = [&](double level) -> std::optional<double> {
    double const value = bends[static_cast<std::size_t>(std::lround(level * static_cast<double>(bends.size() - 1)))];
    return std::isfinite(value) ? std::optional(value) : std::nullopt;
  };
  curve.bend->low_ranks = at(0.5 - 0.5 * curve.confidence);
  curve.bend->high_ranks = at(0.5 + 0.5 * curve.confidence);
}

/// Names of the parameters that matter at `target` and were neither measured, fitted nor imported.
std::vector<std::string> not_measured(Model const& model, Target target) {
  constexpr int coarse = 512;  // lattice points: what moves T by 1 % shows on few
  auto const& p = model.parameters;
  auto const slowest_of = [&](model::StepParameters const& q) {
    return SlowestWorker(q, target.ranks, SlowestWorker::Include::imbalance, coarse).values(target.ranks);
  };
  auto const slowest = slowest_of(p);
  auto const mean_s = [&](model::StepParameters const& q) {
    auto const t = model::jittered_step_time(q, target.ranks, target.global_batch);
    return mean_step_s(t, same_variability(p, q) ? slowest : slowest_of(q));
  };
  model::StepParameters const defaults;
  double const reference_s = mean_s(p);
  std::vector<std::string> names;
  for (auto const& info : model::parameter_table()) {
    auto const known = model.knowledge.find(std::string(info.name));
    auto const source = known == model.knowledge.end() ? model::Source::assumed : known->second.source;
    if (source != model::Source::assumed && source != model::Source::published) continue;
    double const value = p.*(info.member), sd = known == model.knowledge.end() ? 0.0 : known->second.sd;
    bool const is_drift = info.member == &model::StepParameters::discrepancy_log_growth ||
                          info.member == &model::StepParameters::discrepancy_exposed_log_growth;  // 0 at its centre
    auto const matters = [&](double changed) {
      auto q = p;
      q.*(info.member) = changed;
      if (is_drift) return std::abs(model::discrepancy_log(q, target.ranks, target.global_batch / target.ranks)) > 0.01;
      return changed != value && std::abs(mean_s(q) / reference_s - 1.0) > 0.01;
    };
    bool const moves = is_drift ? matters(value + sd)
                                : value != defaults.*(info.member) &&
                                      (matters(std::min(1.5 * value, info.max)) || matters(defaults.*(info.member)));
    if (moves) names.emplace_back(info.name);
  }
  return names;
}

/// Who chose the method, and how exact it is for this Model.
std::string reason_of(Model const& model, SimulateOptions const& o) {
  auto const& p = model.parameters;
  bool const one_law = !(p.straggler_probability > 0.0 && p.straggler_slowdown > 1.0) &&
                       !(p.persistent_probability > 0.0 && p.persistent_slowdown > 1.0) &&
                       !(p.noise_cv > 0.0 && p.imbalance_cv > 0.0) && p.noise_node_cv == 0.0 &&
                       !(p.noise_cv > 0.0 && p.noise_shape == model::Shape::measured);
  std::string const who = o.method == Method::automatic ? "chosen, the fastest" : "as asked";
  std::string const on = o.device != nullptr ? " on " + o.device->name() : "";
  std::string const jitter =
      p.hop_jitter_cv > 0.0 || p.hop_jitter_s > 0.0 ? "; hop jitter by its mean alone, to 1 %" : "";
  switch (o.method) {
    case Method::automatic:
    case Method::closed_form:
      return who +
             (one_law ? ": quadrature of the slowest of K like workers"
                      : ": the law of the slowest of K workers on a lattice, to 0.2 % of what waiting costs") +
             jitter;
    case Method::order_statistics:
      return who + ": the slowest of each group of like workers is one exact draw" + jitter;
    case Method::workers:
      return who + ": every worker is drawn" + on + jitter;
    case Method::ring:
      return who + ": every worker and every hop of its collectives are drawn" + on;
  }
  return who;
}

}  // namespace

std::string_view to_text(Method method) { return methods[static_cast<std::size_t>(method)]; }

Method method_from_text(std::string_view text) {
  std::string name(text);
  std::replace(name.begin(), name.end(), '_', '-');
  auto const found = std::find(methods.begin(), methods.end(), name);
  if (found == methods.end())
    throw InputError("method '" + std::string(text) +
                     "' (must be one of automatic closed-form order-statistics workers ring)" +
                     did_you_mean(name, methods));
  return static_cast<Method>(found - methods.begin());
}

Curve simulate(Model const& model, SimulateOptions const& options) { return simulate_with_draws(model, options).curve; }

Simulated simulate_with_draws(Model const& model, SimulateOptions const& options) {
  check(model, options);
  auto targets = targets_of(model, options);
  StepLaw const law(model.parameters, std::max(targets.back().ranks, model.baseline_ranks));
  auto const method = options.method == Method::automatic ? Method::closed_form : options.method;
  Curve curve{.workload = model.workload,
              .regime = model.regime,
              .threshold = options.threshold,
              .confidence = options.confidence,
              .baseline_ranks = model.baseline_ranks,
              .baseline_s = model.baseline_s,
              .method = std::string(to_text(method)),
              .method_reason = reason_of(model, options),
              .stopped = false,
              .points = {},
              .bend = {},
              .not_measured = {},
              .cautions = cautions(model)};
  std::vector<ExpectedStep> central;
  std::vector<double> corrections;  // what the method finds over what the closed form does
  for (auto const& target : targets) {
    CurvePoint& point = curve.points.emplace_back();
    point.ranks = target.ranks;
    point.global_batch = target.global_batch;
    auto const before = static_cast<double>(curve.points.size() - 1), all = static_cast<double>(targets.size());
    central.push_back(law.at(target.ranks, target.global_batch, options.quantile_levels));
    bool const whole = fill_steps(point, model, central.back(), options, [&](double fraction) {
      return !options.progress || options.progress((before + fraction) / all);
    });
    corrections.push_back(point.mean_s / central.back().mean_s);
    if (!whole) {
      curve.stopped = true;
      break;
    }
  }
  targets.resize(curve.points.size());
  auto draws = summarize(
      model, targets, baseline_of(model),
      {.confidence = options.confidence, .threshold = options.threshold, .draws = options.draws, .seed = options.seed},
      law, corrections);
  for (std::size_t i = 0; i < curve.points.size(); ++i)
    fill_summary(curve.points[i], model, central[i], draws, i, options);
  fill_bend(curve, draws.efficiency);
  curve.not_measured = not_measured(model, targets.back());
  return {std::move(curve), std::move(draws.times_s)};
}

Trial replay_trial(Model const& model, double ranks, double global_batch, Method method, std::uint64_t seed,
                   std::uint32_t trial) {
  StepSampler const sampler(model.parameters, ranks, global_batch, seed);
  Trial replayed;
  if (method == Method::ring)
    replayed.step_s = HopStepSampler(model.parameters, ranks, global_batch, seed).draw(trial).time_s;
  else
    draw_steps(sampler, {.method = method}, trial, {&replayed.step_s, 1});
  if (method != Method::order_statistics) replayed.worker_s = sampler.worker_times_s(trial);
  return replayed;
}

}  // namespace kurve::sim
