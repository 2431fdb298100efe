// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "data/json_text.hpp"
#include "validate/present_plan.hpp"

namespace kurve::validate {
namespace {

using nlohmann::ordered_json;

/// null where there is none, or no finite one.
ordered_json number(std::optional<double> value) {
  return value && std::isfinite(*value) ? ordered_json(*value) : ordered_json(nullptr);
}

ordered_json span(std::optional<Span> const& s) {
  if (!s) return nullptr;
  return {{"median", number(s->median)}, {"low", number(s->low)}, {"high", number(s->high)}};
}

ordered_json option_json(Plan const& plan, OfferPlan const& offer, PlanOption const& p) {
  ordered_json json;
  if (plan.offers.size() > 1) json["offer"] = offer.offer.name;
  json.update({{"K", p.ranks},
               {"gpus_paid", p.gpus_paid},
               {"global_batch", p.global_batch},
               {"steps", p.steps},
               {"step_s", p.step_s},
               {"time_s", span(p.time_s)},
               {"cost", span(p.cost)},
               {"energy_J", span(p.energy_J)},
               {"efficiency", p.efficiency},
               {"p_pays", p.p_pays},
               {"p_deadline", number(p.p_deadline)},
               {"p_budget", number(p.p_budget)},
               {"feasible", p.feasible},
               {"impossible", p.impossible.empty() ? ordered_json(nullptr) : ordered_json(p.impossible)},
               {"goodput", number(p.goodput)},
               {"interruptions", number(p.interruptions)},
               {"mean_between_s", number(p.mean_between_s)},
               {"checkpoint_interval_s", number(p.interval_s)}});
  return json;
}

ordered_json offer_json(Plan const& all, std::size_t index) {
  auto const& plan = all.offers[index];
  auto const& offer = plan.offer;
  return {{"name", offer.name},
          {"workload", offer.model.workload},
          {"regime", model::to_text(offer.model.regime)},
          {"price", offer.price ? ordered_json(data::price_text(*offer.price)) : ordered_json(nullptr)},
          {"gpus", number(offer.gpus)},
          {"block", offer.block},
          {"best_K", plan.best ? ordered_json(plan.options[*plan.best].ranks) : ordered_json(nullptr)},
          {"loses_time_beyond_K", plan.fastest_ranks},
          {"loses_money_beyond_K", number(plan.cheapest_ranks)},
          {"not_measured", plan.not_measured},
          {"sentences",
           {{"job", job_sentence(all, index)},
            {"failures", failure_sentence(all, index)},
            {"limits", limits_sentence(all, index)}}}};
}

ordered_json comparison_json(Plan const& plan) {
  auto const& c = *plan.comparison;
  ordered_json points = ordered_json::array();
  for (auto const& row : c.rows)
    points.push_back(
        {{"K", row.ranks}, {"p_first_cheaper", row.p_first_cheaper}, {"p_first_faster", row.p_first_faster}});
  return {{"one_model", c.one_model},
          {"points", points},
          {"crossing_K", span(c.crossing_ranks)},
          {"p_crosses", c.p_crosses},
          {"p_first_best_cheaper", number(c.p_first_best_cheaper)},
          {"sentence", comparison_sentence(plan)}};
}

}  // namespace

std::string to_json(Plan const& plan, data::Provenance const* provenance) {
  auto const& o = plan.options;
  ordered_json options = ordered_json::array(), offers = ordered_json::array();
  for (std::size_t i = 0; i < plan.offers.size(); ++i) {
    auto const& offer = plan.offers[i];
    offers.push_back(offer_json(plan, i));
    for (auto const& option : offer.options) options.push_back(option_json(plan, offer, option));
  }
  ordered_json recommended = nullptr;
  if (plan.recommended) {
    auto const& offer = plan.offers[plan.recommended->offer];
    recommended = {{"K", offer.options[plan.recommended->option].ranks}, {"why", plan.recommended->why}};
    if (plan.offers.size() > 1) recommended["offer"] = offer.offer.name;
  }
  auto const each = each_interval_s(o.failures, o.confidence);
  ordered_json json{
      {"schema", "kurve.plan/1"},
      {"currency", plan.currency},
      {"confidence", o.confidence},
      {"threshold", o.threshold},
      {"job",
       {{"steps", number(o.job.steps)},
        {"samples", number(o.job.samples)},
        {"min_steps", number(o.job.least_steps)},
        {"critical_batch", number(o.job.critical_batch)}}},
      {"deadline_s", number(o.deadline_s)},
      {"budget", o.budget ? number(o.budget->amount) : ordered_json(nullptr)},
      {"value_of_time_per_h", o.value_per_s ? number(*o.value_per_s * data::hour_s) : ordered_json(nullptr)},
      {"watts", number(o.watts)},
      {"failures",
       {{"each_s", number(o.failures.each_s)},
        {"each_low_s", number(each.low)},
        {"each_high_s", number(each.high)},
        {"of", o.failures.by_node ? "node" : "gpu"},
        {"source", o.failures.source},
        {"note", o.failures.note},
        {"checkpoint_s", o.failures.checkpoint_s},
        {"restart_s", o.failures.restart_s}}},
      {"offers", offers},
      {"options", options},
      {"recommended", recommended},
      {"verdict", plan.verdict.empty() ? ordered_json(nullptr) : ordered_json(plan.verdict)},
      {"comparison", plan.comparison ? comparison_json(plan) : ordered_json(nullptr)},
      {"notes", plan.notes}};
  if (provenance) json["provenance"] = data::provenance_json(*provenance);
  std::ostringstream out;
  data::write_json(out, json);
  return out.str();
}

}  // namespace kurve::validate
