// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "validate/number_text.hpp"
#include "validate/plan_choice.hpp"

namespace kurve::validate {
namespace {

using P = model::StepParameters;

/// A change to try. `apply` leaves a machine without the thing as it is.
struct WhatIf {
  char const* words;
  void (*apply)(P&, FailurePolicy&);
};

constexpr WhatIf what_ifs[] = {
    {"twice the bandwidth",
     [](P& p, FailurePolicy&) {
       p.inter_bandwidth_Bps *= 2.0;
       p.intra_bandwidth_Bps *= 2.0;
     }},
    {"half the latency",
     [](P& p, FailurePolicy&) {
       p.inter_latency_s /= 2.0;
       p.intra_latency_s /= 2.0;
     }},
    {"half the serial part", [](P& p, FailurePolicy&) { p.serial_s /= 2.0; }},
    {"GPUs twice as fast",
     [](P& p, FailurePolicy&) {
       p.compute_fixed_s /= 2.0;
       p.compute_floor_s /= 2.0;
       p.compute_per_sample_s /= 2.0;
       p.compute_spill_per_sample_s /= 2.0;
       p.extra_hidden_per_sample_s /= 2.0;
     }},
    {"half the exposed communication and waiting that was fitted",
     [](P& p, FailurePolicy&) {
       for (auto const member : {&P::extra_multi_s, &P::extra_in_node_s, &P::extra_in_node_per_sample_s,
                                 &P::extra_cross_node_s, &P::extra_cross_node_per_sample_s, &P::extra_per_log2_nodes_s,
                                 &P::extra_per_log2_s, &P::extra_per_rank_s, &P::extra_hidden_per_sample_s,
                                 &P::skew_normal_per_sample_s, &P::skew_log_per_sample_s, &P::skew_pareto_per_sample_s})
         p.*member /= 2.0;
     }},
    {"no stragglers",
     [](P& p, FailurePolicy&) {
       p.straggler_probability = 0.0;
       p.persistent_probability = 0.0;
     }},
    {"half the imbalance", [](P& p, FailurePolicy&) { p.imbalance_cv /= 2.0; }},
    {"half as many failures", [](P&, FailurePolicy& f) { f.each_s *= 2.0; }},
    {"checkpoints and restarts in half the time",
     [](P&, FailurePolicy& f) {
       f.checkpoint_s /= 2.0;
       f.restart_s /= 2.0;
     }},
};

}  // namespace

std::vector<std::string> what_would_help(OfferPlan const& plan, PlanOptions const& options) {
  struct Found {
    double p;
    std::string words;
  };
  std::vector<Found> found;
  auto const attempt = [&](Offer const& offer, PlanOptions const& o, std::string const& words) {
    auto const tried = plan_offer(offer, o);
    if (!tried.best) return;
    auto const& best = tried.options[*tried.best];
    double const p = std::min(best.p_deadline.value_or(1.0), best.p_budget.value_or(1.0));
    found.push_back({p, words + " (K = " + number_text(best.ranks, 9) + ": " + percent_text(p, 0) + ")"});
  };
  PlanOptions quick = options;
  quick.draws = std::min(options.draws, 500);
  for (auto const& what_if : what_ifs) {
    Offer changed = plan.offer;
    PlanOptions o = quick;
    what_if.apply(changed.model.parameters, o.failures);
    FailurePolicy changed_already = options.failures;
    for (auto& draw : changed.model.draws) what_if.apply(draw, changed_already);
    attempt(changed, o, what_if.words);
  }
  if (plan.offer.model.regime != model::Regime::mixed) {
    PlanOptions more = quick;
    Offer larger = plan.offer;
    double const largest = plan.options.back().ranks;
    more.ranks = {2.0 * largest, 4.0 * largest};
    more.global_batches.assign(options.global_batches.empty() ? 0 : 2,
                               options.global_batches.empty() ? 0.0 : options.global_batches.back());
    if (larger.gpus) larger.gpus = 4.0 * largest;  // at the same price: a block that size would have another
    if (!larger.price || larger.price->by != data::PricedBy::month) attempt(larger, more, "more GPUs");
  }
  std::stable_sort(found.begin(), found.end(), [](auto const& a, auto const& b) { return a.p > b.p; });
  std::vector<std::string> words;
  for (auto const& f : found) words.push_back(f.words);
  return words;
}

}  // namespace kurve::validate
