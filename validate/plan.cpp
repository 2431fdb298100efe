// SPDX-License-Identifier: Apache-2.0
#include "validate/plan.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "data/philox.hpp"
#include "data/quantity_text.hpp"
#include "model/contract.hpp"
#include "model/elementary.hpp"
#include "model/error.hpp"
#include "sim/expected.hpp"
#include "sim/interrupted_run.hpp"
#include "sim/predict.hpp"
#include "sim/simulate.hpp"
#include "validate/plan_choice.hpp"

namespace kurve::validate {
namespace {

constexpr double hour = data::hour_s, day = 24.0 * hour;
constexpr std::size_t most_ranks = 500;

struct Fleet {
  char const* name;
  double each_s;
  bool by_node;
  char const* note;
};
constexpr Fleet fleets[] = {
    {"llama3", 50'677.0 * hour, false, "Llama 3: 419 unexpected interruptions in 54 d on 16,384 H100"},
    {"rsc1", 1000.0 / 6.50 * day, true, "Meta RSC-1: 6.50 failures in 1000 node-days (HPCA 2025)"},
    {"rsc2", 1000.0 / 2.34 * day, true, "Meta RSC-2: 2.34 failures in 1000 node-days (HPCA 2025)"}};

[[noreturn]] void refuse(std::string const& name, double value, std::string const& range) {
  throw InputError(name + "=" + data::number_text(value) + " (must be " + range + ")");
}

void check(std::vector<Offer> const& offers, PlanOptions const& o) {
  KURVE_EXPECT(!offers.empty() && offers.size() <= 2);
  if (o.draws < 1 || o.draws > 100'000) refuse("draws", o.draws, "from 1 to 100000");
  if (o.runs < 1 || o.runs > 1000) refuse("runs", o.runs, "from 1 to 1000");
  if (o.ranks.empty() || o.ranks.size() > most_ranks)
    refuse("number of K", static_cast<double>(o.ranks.size()), "from 1 to 500");
  if (!o.global_batches.empty() && o.global_batches.size() != o.ranks.size())
    refuse("number of global batches", static_cast<double>(o.global_batches.size()), "one for each K");
  if (o.deadline_s && !(*o.deadline_s > 0.0)) refuse("deadline", *o.deadline_s, "positive");
  if (o.budget && !(o.budget->amount > 0.0)) refuse("budget", o.budget->amount, "positive");
  if (o.watts && !(*o.watts > 0.0)) refuse("watts", *o.watts, "positive");
  if (!(o.failures.each_s > 0.0)) refuse("mean time between failures", o.failures.each_s, "positive");
  if (o.failures.interval_s && !(*o.failures.interval_s > 0.0))
    refuse("checkpoint interval", *o.failures.interval_s, "positive");
  for (auto const& offer : offers) {
    if (offer.model.regime == model::Regime::mixed && o.global_batches.empty())
      throw InputError("a mixed regime has no rule for the global batch. Add --global-batch B, or one for each K?");
    if (!(offer.block >= 1.0) || offer.block != std::round(offer.block))
      refuse("block", offer.block, "a whole number of GPUs");
    if (offer.gpus && !(*offer.gpus >= 1.0)) refuse("gpus", *offer.gpus, "at least 1");
    if (offer.price && offer.price->by == data::PricedBy::month && !offer.gpus)
      throw InputError("price " + data::price_text(*offer.price) + " (for how many GPUs is not said). Add --gpus N?");
    if (!offer.price && (o.budget || o.value_per_s))
      throw InputError("a budget or a value of time without a price. Add --price 2.5/gpu-hour?");
  }
}

/// The one currency of prices, budget and value. @throws InputError where two are named
std::string currency_of(std::vector<Offer> const& offers, PlanOptions const& o) {
  std::string currency;
  auto const take = [&](std::string const& name) {
    if (!currency.empty() && !name.empty() && name != currency)
      throw InputError("currencies " + currency + " and " + name + " (exchange rates are not known). Use one of them?");
    if (currency.empty()) currency = name;
  };
  for (auto const& offer : offers)
    if (offer.price) take(offer.price->money.currency);
  if (o.budget) take(o.budget->currency);
  return currency;
}

/// A candidate K with its batch.
struct Candidate {
  double ranks, batch;
};

std::vector<Candidate> candidates_of(Offer const& offer, PlanOptions const& o) {
  double const node = offer.model.parameters.workers_per_node;
  std::vector<Candidate> candidates;
  for (std::size_t i = 0; i < o.ranks.size(); ++i) {
    double const k = o.ranks[i];
    if (offer.gpus && k > *offer.gpus) continue;
    if (o.nodes_only && std::fmod(k, node) != 0.0) continue;
    double const batch = o.global_batches.empty() ? offer.model.batch_at(k) : o.global_batches[i];
    candidates.push_back({k, batch});
  }
  if (candidates.empty())
    throw InputError("no K is left for " + offer.name + " (of " + data::number_text(o.ranks.front()) + " to " +
                     data::number_text(o.ranks.back()) +
                     (offer.gpus ? ", of an offer of " + data::number_text(*offer.gpus) + " GPUs" : "") +
                     (o.nodes_only ? ", of whole nodes of " + data::number_text(node) : "") + "). Another --K?");
  return candidates;
}

/// sd over mean of a step within a run: what averages out over the steps.
double step_cv(model::StepParameters p, Candidate const& at) {
  p.noise_run_cv = 0.0;
  auto const step = sim::expected_step(p, at.ranks, at.batch, {});
  return step.sd_s / step.mean_s;
}

Span span_of(std::vector<double> values, double confidence) {
  std::sort(values.begin(), values.end());
  auto const at = [&](double level) {  // no interpolation: an infinite time must not meet a finite one
    return values[static_cast<std::size_t>(std::lround(level * static_cast<double>(values.size() - 1)))];
  };
  return {at(0.5), at(0.5 - 0.5 * confidence), at(0.5 + 0.5 * confidence)};
}

double mean_of(std::vector<double> const& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double standard_normal(std::uint64_t seed, std::uint32_t run, std::uint32_t ranks) {
  double const u = data::uniforms(seed, run, ranks, 0, data::Stream::run_length).first;
  return u < 0.5 ? -model::elementary::normal_upper(u) : model::elementary::normal_upper(1.0 - u);
}

/// Wall times of whole runs, from draws of the mean step.
std::vector<double> run_times(PlanOption const& option, model::Failures const& failures, double cv,
                              std::vector<double> const& step_draws_s, PlanOptions const& o) {
  auto const ranks = static_cast<std::uint32_t>(option.ranks);
  std::vector<double> times_s;
  times_s.reserve(step_draws_s.size() * static_cast<std::size_t>(o.runs));
  std::uint32_t run = 0;
  for (double const step_s : step_draws_s)
    for (int r = 0; r < o.runs; ++r, ++run) {
      double const spread = cv > 0.0 ? cv / std::sqrt(option.steps) * standard_normal(o.seed, run, ranks) : 0.0;
      double const work_s = step_s * option.steps * std::max(0.0, 1.0 + spread);
      times_s.push_back(sim::interrupted_run_s(failures, work_s, model::segment_count(work_s, option.interval_s),
                                               o.seed, run, ranks));
    }
  return times_s;
}

/// The checkpoint interval and what failures make of the run, in expectation.
model::Failures apply_failures(PlanOption& option, Offer const& offer, PlanOptions const& o) {
  double const node = offer.model.parameters.workers_per_node;
  double const count = o.failures.by_node ? std::ceil(option.ranks / node) : option.ranks;
  model::Failures const f{.mean_between_s = model::mean_between_failures_s(o.failures.each_s, count),
                          .checkpoint_s = o.failures.checkpoint_s,
                          .restart_s = o.failures.restart_s};
  // A checkpoint cannot be nearer to the next than one step.
  option.interval_s = std::max(o.failures.interval_s.value_or(model::best_interval_s(f)), option.step_s);
  option.mean_between_s = f.mean_between_s;
  double const work_s = option.step_s * option.steps;
  double const wall_s = model::expected_run_s(f, work_s, model::segment_count(work_s, option.interval_s));
  option.goodput = work_s / wall_s;
  option.interruptions = std::isinf(f.mean_between_s) ? 0.0 : wall_s / f.mean_between_s;
  return f;
}

/// Money and energy follow from time: both never fall with it, so their quantiles are those of time.
void fill_costs(PlanOption& option, Offer const& offer, PlanOptions const& o) {
  double const node = offer.model.parameters.workers_per_node;
  auto const of_time = [&](auto&& f) {
    return Span{f(option.time_s.median), f(option.time_s.low), f(option.time_s.high)};
  };
  if (offer.price) option.cost = of_time([&](double t) { return cost_of(*offer.price, option.gpus_paid, node, t); });
  if (o.watts) option.energy_J = of_time([&](double t) { return *o.watts * option.ranks * t; });
  auto const share = [&](auto&& holds) {
    auto const n = std::count_if(option.times_s.begin(), option.times_s.end(), holds);
    return static_cast<double>(n) / static_cast<double>(option.times_s.size());
  };
  if (o.deadline_s) option.p_deadline = share([&](double t) { return t <= *o.deadline_s; });
  if (o.budget)
    option.p_budget =
        share([&](double t) { return cost_of(*offer.price, option.gpus_paid, node, t) <= o.budget->amount; });
  option.feasible = std::isfinite(option.time_s.high) && option.p_deadline.value_or(1.0) >= o.confidence &&
                    option.p_budget.value_or(1.0) >= o.confidence;
}

/// The K after which a quantity is never again as small: its last minimum.
template <typename Value>
double last_minimum(std::vector<PlanOption> const& options, Value&& value) {
  auto best = options.begin();
  for (auto it = options.begin(); it != options.end(); ++it)
    if (value(*it) <= value(*best)) best = it;
  return best->ranks;
}

double paid_gpus(Offer const& offer, double ranks) {
  double const blocks = std::ceil(ranks / offer.block) * offer.block;
  return offer.price && offer.price->by == data::PricedBy::month ? std::max(blocks, *offer.gpus) : blocks;
}

}  // namespace

FailurePolicy failures_from_text(std::string const& text) {
  if (text == "none") return {};
  FailurePolicy policy;
  for (auto const& fleet : fleets)
    if (text == fleet.name) {
      policy.each_s = fleet.each_s;
      policy.by_node = fleet.by_node;
      policy.source = "published";
      policy.note = fleet.note;
      return policy;
    }
  auto const slash = text.find('/');
  std::string const unit = slash == std::string::npos ? "" : text.substr(slash + 1);
  if (unit != "gpu" && unit != "node")
    throw InputError("mean time between failures '" + text +
                     "' (must be llama3, rsc1, rsc2, none, or a time for one GPU or one node, such as 50000h/gpu or "
                     "150d/node)");
  policy.each_s = data::seconds_from_text(text.substr(0, slash)).count();
  if (!(policy.each_s > 0.0)) throw InputError("mean time between failures '" + text + "' (must be positive)");
  policy.by_node = unit == "node";
  policy.source = "assumed";
  policy.note = "given on the command line";
  return policy;
}

double steps_of(Job const& job, model::Model const& model, double global_batch) {
  int const said = job.steps.has_value() + job.samples.has_value() + job.least_steps.has_value();
  if (said != 1)
    throw InputError(std::string("how long the job is, is said ") + (said == 0 ? "nowhere" : "twice") +
                     ". Give one of --steps, --samples, --min-steps?");
  if (job.least_steps && !job.critical_batch)
    throw InputError("--min-steps without --critical-batch (steps(B) = N_min (1 + B_crit/B) needs both)");
  if (job.critical_batch && !(*job.critical_batch > 0.0)) refuse("critical batch", *job.critical_batch, "positive");
  double const said_steps = job.least_steps.value_or(job.steps.value_or(0.0));
  if (!job.critical_batch) return job.steps ? said_steps : std::ceil(*job.samples / global_batch);
  double const there = 1.0 + *job.critical_batch / global_batch, here = 1.0 + *job.critical_batch / model.global_batch;
  if (job.least_steps) return said_steps * there;
  return (job.steps ? said_steps : *job.samples / model.global_batch) * there / here;
}

double cost_of(data::Price const& price, double gpus_paid, double workers_per_node, double time_s) {
  switch (price.by) {
    case data::PricedBy::gpu_hour:
      return price.money.amount * gpus_paid * time_s / hour;
    case data::PricedBy::node_hour:
      return price.money.amount * std::ceil(gpus_paid / workers_per_node) * time_s / hour;
    case data::PricedBy::month:
      break;
  }
  return price.money.amount * std::ceil(time_s / data::month_s);
}

OfferPlan plan_offer(Offer const& offer, PlanOptions const& o) {
  auto const candidates = candidates_of(offer, o);
  OfferPlan plan{.offer = offer, .options = {}, .best = {}, .cheapest_ranks = {}, .not_measured = {}};
  sim::SimulateOptions simulation{.ranks = {},
                                  .global_batches = {},
                                  .threshold = std::min(o.threshold, 1.0 - 1e-12),
                                  .confidence = o.confidence,
                                  .draws = o.draws,
                                  .seed = o.seed,
                                  .quantile_levels = {},
                                  .progress = {}};
  std::vector<sim::Target> targets;
  for (auto const& c : candidates) {
    simulation.ranks.push_back(c.ranks);
    simulation.global_batches.push_back(c.batch);
    targets.push_back({c.ranks, c.batch});
  }
  auto const curve = sim::simulate(offer.model, simulation);
  auto const step_draws_s = sim::predict(offer.model, targets, {.draws = o.draws, .seed = o.seed});
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    auto const& point = curve.points[i];
    PlanOption option{.ranks = point.ranks,
                      .gpus_paid = paid_gpus(offer, point.ranks),
                      .global_batch = point.global_batch,
                      .steps = steps_of(o.job, offer.model, point.global_batch),
                      .step_s = point.mean_s,
                      .cost = {},
                      .energy_J = {},
                      .efficiency = point.efficiency.centre,
                      .p_pays = point.p_pays,
                      .p_deadline = {},
                      .p_budget = {},
                      .times_s = {}};
    auto const failures = apply_failures(option, offer, o);
    option.times_s = run_times(option, failures, step_cv(offer.model.parameters, candidates[i]), step_draws_s[i], o);
    option.time_s = span_of(option.times_s, o.confidence);
    option.mean_time_s = mean_of(option.times_s);
    fill_costs(option, offer, o);
    plan.options.push_back(std::move(option));
  }
  plan.not_measured = curve.not_measured;
  plan.fastest_ranks = last_minimum(plan.options, [](auto const& p) { return p.time_s.median; });
  if (offer.price) plan.cheapest_ranks = last_minimum(plan.options, [](auto const& p) { return p.cost->median; });
  plan.best = best_option(plan, o);
  return plan;
}

Plan make_plan(std::vector<Offer> const& offers, PlanOptions const& options) {
  check(offers, options);
  Plan plan{.options = options,
            .currency = currency_of(offers, options),
            .offers = {},
            .recommended = {},
            .comparison = {},
            .verdict = {},
            .notes = {}};
  for (std::size_t i = 0; i < offers.size(); ++i) {
    auto one = options;
    one.seed += i;  // two machines are independent
    plan.offers.push_back(plan_offer(offers[i], one));
  }
  compare(plan);
  choose(plan);
  add_notes(plan);
  return plan;
}

}  // namespace kurve::validate
