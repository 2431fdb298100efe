// SPDX-License-Identifier: Apache-2.0
#include "validate/plan.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <sstream>

#include "data/model_file.hpp"
#include "data/quantity_text.hpp"
#include "model/contract.hpp"
#include "model/error.hpp"
#include "validate/plan_choice.hpp"

namespace kurve::validate {
namespace {

constexpr double hour = data::hour_s;
constexpr std::size_t most_ranks = 500;

[[noreturn]] void refuse(std::string const& name, double value, std::string const& range) {
  throw InputError(name + "=" + data::number_text(value) + " (must be " + range + ")");
}

/// Steps of different batches are different jobs. A batch of 1 is one that nobody told.
void check_same_job(std::vector<Offer> const& offers, PlanOptions const& o) {
  if (offers.size() < 2 || !o.job.steps) return;
  double const first = reference_batch(offers[0].model, o), second = reference_batch(offers[1].model, o);
  if (first == second || first == 1.0 || second == 1.0) return;
  throw InputError("steps of " + data::number_text(first) + " samples at " + offers[0].name + " and of " +
                   data::number_text(second) + " at " + offers[1].name +
                   " (the same number of steps is not the same job). Give --samples.");
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
  if (!(o.failures.each_log_sd >= 0.0 && o.failures.each_log_sd <= 10.0))
    refuse("log sd of the mean time between failures", o.failures.each_log_sd, "from 0 to 10");
  if (o.failures.interval_s && !(*o.failures.interval_s > 0.0))
    refuse("checkpoint interval", *o.failures.interval_s, "positive");
  check_same_job(offers, o);
  for (auto const& offer : offers) {
    if (offer.model.regime == model::Regime::mixed && o.global_batches.empty())
      throw InputError("a mixed regime has no rule for the global batch. Give --global-batch B, or one for each K.");
    if (!(offer.block >= 1.0) || offer.block != std::round(offer.block))
      refuse("block", offer.block, "a whole number of GPUs");
    if (offer.gpus && !(*offer.gpus >= 1.0)) refuse("gpus", *offer.gpus, "at least 1");
    if (offer.price && offer.price->by == data::PricedBy::month && !offer.gpus)
      throw InputError("price " + data::price_text(*offer.price) + " (for how many GPUs is not said). Give --gpus N.");
    if (!offer.price && (o.budget || o.value_per_s))
      throw InputError("a budget or a value of time without a price. Give --price, such as 2.5/gpu-hour.");
  }
}

/// The one currency of prices, budget and value. @throws InputError where two are named
std::string currency_of(std::vector<Offer> const& offers, PlanOptions const& o) {
  std::string currency;
  auto const take = [&](std::string const& name) {
    if (!currency.empty() && !name.empty() && name != currency)
      throw InputError("currencies " + currency + " and " + name +
                       " (exchange rates are not known). Name one of them.");
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
                     (o.nodes_only ? ", of whole nodes of " + data::number_text(node) : "") + "). Give another --K.");
  return candidates;
}

/// sd over mean of a step within a run: what averages out over the steps.
double step_cv(model::StepParameters const& p, model::CurvePoint const& at) {
  double const cv = at.sd_s / at.mean_s, run = p.noise_run_cv;  // 1 + cv^2 = (1 + run^2) (1 + step^2)
  return std::sqrt(std::max(0.0, (cv * cv - run * run) / (1.0 + run * run)));
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
  option.feasible = option.impossible.empty() && option.time_s.high <= data::never_s &&
                    option.p_deadline.value_or(1.0) >= o.confidence && option.p_budget.value_or(1.0) >= o.confidence;
}

/// The K after which a quantity is never again as small: its last minimum, of those that can run if any can.
template <typename Value>
double last_minimum(std::vector<PlanOption> const& options, Value&& value) {
  bool const none = std::none_of(options.begin(), options.end(), [](auto const& p) { return p.impossible.empty(); });
  PlanOption const* best = nullptr;
  for (auto const& option : options)
    if ((none || option.impossible.empty()) && (best == nullptr || value(option) <= value(*best))) best = &option;
  return best->ranks;
}

/// Why K workers cannot run this job; "" where they can. A batch of 1 is one that nobody told.
std::string why_impossible(model::Model const& model, double ranks, double batch) {
  auto const replicas = model.replicas(ranks);
  if (!replicas) {
    std::string cuts;
    for (double const workers : model.replica_workers)
      cuts += (cuts.empty() ? "" : " or ") + data::number_text(workers);
    return "no multiple of TP x PP x CP = " + cuts;
  }
  if (batch > 1.0 && batch < *replicas)
    return *replicas == ranks ? "a worker has less than one sample" : "a replica has less than one sample";
  return {};
}

double paid_gpus(Offer const& offer, double ranks) {
  double const blocks = std::ceil(ranks / offer.block) * offer.block;
  return offer.price && offer.price->by == data::PricedBy::month ? std::max(blocks, *offer.gpus) : blocks;
}

}  // namespace

double reference_batch(model::Model const& model, PlanOptions const& o) {
  return o.global_batches.empty() ? model.global_batch : o.global_batches.front();
}

double steps_of(Job const& job, model::Model const& model, double reference_batch, double global_batch) {
  int const said = job.steps.has_value() + job.samples.has_value() + job.least_steps.has_value();
  if (said != 1)
    throw InputError(std::string("how long the job is, is said ") + (said == 0 ? "nowhere" : "twice") +
                     ". Give one of --steps, --samples, --min-steps.");
  if (job.least_steps && !job.critical_batch)
    throw InputError("--min-steps without --critical-batch (steps(B) = N_min (1 + B_crit/B) needs both)");
  if (job.critical_batch && !(*job.critical_batch > 0.0)) refuse("critical batch", *job.critical_batch, "positive");
  if (!job.critical_batch) {
    if (job.steps && reference_batch == global_batch) return *job.steps;
    return std::ceil((job.steps ? *job.steps * reference_batch : *job.samples) / global_batch);
  }
  double const there = 1.0 + *job.critical_batch / global_batch, here = 1.0 + *job.critical_batch / model.global_batch;
  if (job.least_steps) return *job.least_steps * there;
  return (job.steps ? *job.steps : *job.samples / model.global_batch) * there / here;
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
  sim::SimulateOptions simulation{.ranks = {},
                                  .global_batches = {},
                                  .threshold = std::min(o.threshold, 1.0 - 1e-12),
                                  .confidence = o.confidence,
                                  .draws = o.draws,
                                  .seed = o.seed,
                                  .quantile_levels = {},
                                  .progress = {}};
  for (auto const& c : candidates_of(offer, o)) {
    simulation.ranks.push_back(c.ranks);
    simulation.global_batches.push_back(c.batch);
  }
  return plan_offer(offer, o, sim::simulate_with_draws(offer.model, simulation));
}

OfferPlan plan_offer(Offer const& offer, PlanOptions const& o, sim::Simulated const& steps) {
  OfferPlan plan{.offer = offer, .options = {}, .best = {}, .cheapest_ranks = {}, .not_measured = {}};
  double const reference = reference_batch(offer.model, o);
  for (std::size_t i = 0; i < steps.curve.points.size(); ++i) {
    auto const& point = steps.curve.points[i];
    PlanOption option{.ranks = point.ranks,
                      .gpus_paid = paid_gpus(offer, point.ranks),
                      .global_batch = point.global_batch,
                      .steps = steps_of(o.job, offer.model, reference, point.global_batch),
                      .step_s = point.mean_s,
                      .cost = {},
                      .energy_J = {},
                      .efficiency = point.efficiency.centre,
                      .p_pays = point.p_pays,
                      .p_deadline = {},
                      .p_budget = {},
                      .impossible = why_impossible(offer.model, point.ranks, point.global_batch),
                      .times_s = {}};
    auto const failures = apply_failures(option, offer, o);
    option.times_s = run_times_s(option, failures, step_cv(offer.model.parameters, point), steps.mean_draws_s[i], o);
    option.time_s = span_of(option.times_s, o.confidence);
    option.mean_time_s = mean_of(option.times_s);
    fill_costs(option, offer, o);
    plan.options.push_back(std::move(option));
  }
  plan.not_measured = steps.curve.not_measured;
  plan.fastest_ranks = last_minimum(plan.options, [](auto const& p) { return p.time_s.median; });
  if (offer.price) plan.cheapest_ranks = last_minimum(plan.options, [](auto const& p) { return p.cost->median; });
  plan.best = best_option(plan, o, {&plan, 1});
  return plan;
}

namespace {

/// Whether files would hold the same Model, whoever made them: every draw is the same then.
bool same_model(model::Model const& a, model::Model const& b) {
  auto const text = [](model::Model const& m) {
    std::ostringstream out;
    data::write_model(out, m, {});
    return out.str();
  };
  return text(a) == text(b);
}

Plan judged(std::vector<OfferPlan> offers, PlanOptions const& options, std::string currency, bool one_model = false) {
  Plan plan{.options = options,
            .currency = std::move(currency),
            .offers = std::move(offers),
            .recommended = {},
            .comparison = {},
            .verdict = {},
            .notes = {}};
  compare(plan, one_model);
  choose(plan);
  add_notes(plan);
  return plan;
}

}  // namespace

Plan make_plan(std::vector<Offer> const& offers, PlanOptions const& options) {
  check(offers, options);
  std::vector<OfferPlan> plans;
  auto currency = currency_of(offers, options);
  bool const one_model = offers.size() == 2 && same_model(offers[0].model, offers[1].model);
  for (std::size_t i = 0; i < offers.size(); ++i) {
    auto one = options;
    if (!one_model) one.seed += i;  // two machines are independent
    plans.push_back(plan_offer(offers[i], one));
  }
  return judged(std::move(plans), options, std::move(currency), one_model);
}

Plan make_plan(Offer const& offer, PlanOptions const& options, sim::Simulated const& steps) {
  check({offer}, options);
  KURVE_EXPECT(steps.curve.points.size() == candidates_of(offer, options).size());
  return judged({plan_offer(offer, options, steps)}, options, currency_of({offer}, options));
}

}  // namespace kurve::validate
