// SPDX-License-Identifier: Apache-2.0
#include "validate/plan_choice.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "data/quantity_text.hpp"
#include "sim/summary.hpp"
#include "validate/number_text.hpp"

namespace kurve::validate {
namespace {

std::string time_text(double time_s) { return data::duration_text(Seconds{time_s}); }

std::string k_text(double ranks) { return "K = " + number_text(ranks, 9); }

/// What makes options of one offer comparable: cost, or GPUs times time where nothing has a price.
double money_of(PlanOption const& option) {
  return option.cost ? option.cost->median : option.gpus_paid * option.time_s.median;
}

double mean_cost(OfferPlan const& plan, PlanOption const& option) {
  double const node = plan.offer.model.parameters.workers_per_node;
  double total = 0.0;
  for (double const t : option.times_s) total += cost_of(*plan.offer.price, option.gpus_paid, node, t);
  return total / static_cast<double>(option.times_s.size());
}

/// What the rule makes least over feasible options, or over paying ones.
double objective(OfferPlan const& plan, PlanOption const& option, PlanOptions const& o) {
  if (o.value_per_s) return mean_cost(plan, option) + *o.value_per_s * option.mean_time_s;
  if (o.deadline_s) return money_of(option);
  return -option.ranks;
}

bool by_threshold(PlanOptions const& o) { return !o.value_per_s && !o.deadline_s; }

double p_feasible(PlanOption const& option) {
  return std::min(option.p_deadline.value_or(1.0), option.p_budget.value_or(1.0));
}

/// "finishes within 7.00 d and costs at most 2.00 M"
std::string demand_text(Plan const& plan) {
  auto const& o = plan.options;
  std::string text;
  if (o.deadline_s) text = "finishes within " + time_text(*o.deadline_s);
  if (o.budget)
    text += (text.empty() ? "" : " and ") + ("costs at most " + data::money_text(o.budget->amount, plan.currency));
  return text;
}

/// "5.61 d, 1.31 M USD, E = 0.83"
std::string facts_of(Plan const& plan, PlanOption const& option) {
  std::string text = time_text(option.time_s.median);
  if (option.cost) text += ", " + data::money_text(option.cost->median, plan.currency);
  return text + ", E = " + fixed_text(option.efficiency, 2);
}

std::string why_best(Plan const& plan, OfferPlan const& offer, PlanOption const& best) {
  auto const& o = plan.options;
  std::string const name = plan.offers.size() > 1 ? offer.offer.name + " at " : "";
  std::string const demand = demand_text(plan);
  std::string const kept = demand.empty() ? ""
                                          : " that " + demand + " with " + percent_text(o.confidence, 0) +
                                                " probability (" + percent_text(p_feasible(best), 0) + ")";
  std::string text = name + k_text(best.ranks);
  if (o.value_per_s)
    text += " makes expected cost plus time, at " + data::money_text(*o.value_per_s * data::hour_s, plan.currency) +
            " an hour, least" + (kept.empty() ? "" : " of those" + kept);
  else if (o.deadline_s)
    text += std::string(best.cost ? " is the cheapest" : " is the smallest") + kept;
  else if (pays(best, o.threshold))
    text += " is the largest whose efficiency is at least " + number_text(o.threshold, 3) + kept;
  else
    text += " is taken because no K" + kept + " has an efficiency of at least " + number_text(o.threshold, 3);
  return text + ": " + facts_of(plan, best) + ".";
}

/// What the GPUs of the offer beyond the recommended K would do if they were used.
std::string idle_sentence(Plan const& plan, OfferPlan const& offer, PlanOption const& best, PlanOption const& all) {
  double const rest = all.ranks - best.ranks;
  double const work = all.efficiency * all.ranks - best.efficiency * best.ranks;  // in GPUs that lose nothing
  double const idle = rest - work, hours = idle * all.time_s.median / data::hour_s;
  std::string text = "The other " + number_text(rest, 9) + " of the " + number_text(all.ranks, 9) +
                     " would bring the work of " + fixed_text(std::max(0.0, work), 1) +
                     " (E = " + fixed_text(all.efficiency, 2) + " at " + number_text(all.ranks, 9) + ") and idle " +
                     percent_text(idle / rest, 0) + " of their time: " + fixed_text(hours, 0) +
                     " GPU-hours of a run of " + time_text(all.time_s.median);
  if (offer.offer.price && offer.offer.price->by != data::PricedBy::month) {
    double const rate = all.cost->median / (all.gpus_paid * all.time_s.median / data::hour_s);
    text += ", or " + data::money_text(hours * rate, plan.currency) + ", paid for waiting";
  }
  return text + ".";
}

/// The next smaller and the next larger K beside the best.
std::string neighbours(Plan const& plan, OfferPlan const& offer) {
  auto const& options = offer.options;
  auto const& best = options[*offer.best];
  std::string text;
  auto const difference = [&](PlanOption const& other) {
    double const time_s = other.time_s.median - best.time_s.median;
    std::string words = time_text(std::abs(time_s)) + (time_s < 0.0 ? " sooner" : " later");
    if (best.cost) {
      double const money = other.cost->median - best.cost->median;
      words += ", " + data::money_text(std::abs(money), plan.currency) + (money < 0.0 ? " less" : " more");
    }
    return words;
  };
  if (*offer.best > 0) {
    auto const& smaller = options[*offer.best - 1];
    text = k_text(smaller.ranks) + " would end " + difference(smaller);
    if (!smaller.feasible && p_feasible(smaller) < 1.0)
      text += " (kept with " + percent_text(p_feasible(smaller), 0) + ")";
  }
  if (*offer.best + 1 < options.size()) {
    auto const& larger = options[*offer.best + 1];
    text += (text.empty() ? "" : "; ") + k_text(larger.ranks) + " " + difference(larger) +
            ", at E = " + fixed_text(larger.efficiency, 2);
  }
  return text.empty() ? "There is no other K to compare it with." : text + ".";
}

std::string reason_for(Plan const& plan, std::size_t index) {
  auto const& offer = plan.offers[index];
  auto const& best = offer.options[*offer.best];
  auto const& last = offer.options.back();
  bool const leaves_some = offer.offer.gpus && best.ranks < last.ranks && by_threshold(plan.options);
  return why_best(plan, offer, best) + " " +
         (leaves_some ? idle_sentence(plan, offer, best, last) : neighbours(plan, offer));
}

/// The K that comes nearest to deadline and budget.
PlanOption const& nearest(OfferPlan const& plan) {
  return *std::max_element(plan.options.begin(), plan.options.end(), [](auto const& a, auto const& b) {
    if (p_feasible(a) != p_feasible(b)) return p_feasible(a) < p_feasible(b);
    return a.time_s.median > b.time_s.median;
  });
}

double time_at(PlanOption const& option, double level) {
  auto sorted = option.times_s;
  std::sort(sorted.begin(), sorted.end());
  return sorted[static_cast<std::size_t>(std::ceil(level * static_cast<double>(sorted.size() - 1)))];
}

/// "no K up to 4096 meets 2.00 d with 90 %: the best is K = 1024 with 61 %; what would: twice the bandwidth"
std::string infeasible(Plan const& plan, OfferPlan const& offer) {
  auto const& o = plan.options;
  auto const& best = nearest(offer);
  std::string text = "no K up to " + number_text(offer.options.back().ranks, 9);
  if (plan.offers.size() > 1) text += " of " + offer.offer.name;
  if (!o.deadline_s && !o.budget) return text + " ever ends: failures come faster than restarts";
  text += o.deadline_s ? " meets " + time_text(*o.deadline_s) : "";
  if (o.budget) text += (o.deadline_s ? " and " : " keeps ") + data::money_text(o.budget->amount, plan.currency);
  text += " with " + percent_text(o.confidence, 0) + ": the best is " + k_text(best.ranks) + " with " +
          percent_text(p_feasible(best), 0) + "; what would: ";
  auto help = o.seek_help ? what_would_help(offer, o) : std::vector<std::string>{};
  if (help.size() > 3) help.resize(3);
  if (o.deadline_s) {
    auto const in_time = [&](PlanOption const& p) {
      return p.p_budget.value_or(1.0) >= o.confidence ? time_at(p, o.confidence)
                                                      : std::numeric_limits<double>::infinity();
    };
    auto const soonest = std::min_element(offer.options.begin(), offer.options.end(),
                                          [&](auto const& a, auto const& b) { return in_time(a) < in_time(b); });
    double const time_s = in_time(*soonest);
    if (std::isfinite(time_s))
      help.push_back("a deadline of " + time_text(time_s) + " (" + k_text(soonest->ranks) + ")");
  }
  if (help.empty()) return text + "nothing tried here";
  for (std::size_t i = 0; i < help.size(); ++i) text += (i > 0 ? ", or " : "") + help[i];
  return text;
}

std::string batch_note(PlanOptions const& o, OfferPlan const& offer) {
  auto const& first = offer.options.front();
  auto const& last = offer.options.back();
  if (first.global_batch == last.global_batch) return {};
  std::string const grows = "the batch grows from " + number_text(first.global_batch, 6) + " to " +
                            number_text(last.global_batch, 6) + " with K";
  if (o.job.critical_batch)
    return grows + ": by the critical batch of " + number_text(*o.job.critical_batch, 6) +
           ", samples to the target grow " +
           fixed_text(last.steps * last.global_batch / (first.steps * first.global_batch), 2) + "-fold";
  if (o.job.samples)
    return grows +
           ": whether the same samples still reach the same loss is not known here; --critical-batch would say "
           "what larger batches cost";
  return grows + ", and the same steps then process " + number_text(last.global_batch / first.global_batch, 3) +
         " times the samples: not the same job. --samples, with --critical-batch, compares like with like";
}

}  // namespace

bool pays(PlanOption const& option, double threshold) { return option.efficiency >= threshold - 0.0005; }

std::optional<std::size_t> best_option(OfferPlan const& plan, PlanOptions const& o) {
  std::optional<std::size_t> best;
  auto const consider = [&](auto&& allowed) {
    for (std::size_t i = 0; i < plan.options.size(); ++i) {
      if (!plan.options[i].feasible || !allowed(plan.options[i])) continue;
      if (!best || objective(plan, plan.options[i], o) < objective(plan, plan.options[*best], o)) best = i;
    }
  };
  if (!by_threshold(o)) {
    consider([](PlanOption const&) { return true; });
    return best;
  }
  consider([&](PlanOption const& option) { return pays(option, o.threshold); });
  if (best) return best;
  for (std::size_t i = 0; i < plan.options.size(); ++i)  // nothing pays: what loses least
    if (plan.options[i].feasible && (!best || plan.options[i].efficiency > plan.options[*best].efficiency)) best = i;
  return best;
}

void choose(Plan& plan) {
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < plan.offers.size(); ++i) {
    if (!plan.offers[i].best) continue;
    auto const value = [&](std::size_t j) {
      auto const& option = plan.offers[j].options[*plan.offers[j].best];
      // Between offers a K is no measure: money decides, then time.
      return by_threshold(plan.options) ? (option.cost ? option.cost->median : option.time_s.median)
                                        : objective(plan.offers[j], option, plan.options);
    };
    if (!best || value(i) < value(*best)) best = i;
  }
  if (best) {
    plan.recommended = PlanChoice{*best, *plan.offers[*best].best, reason_for(plan, *best)};
    return;
  }
  for (auto const& offer : plan.offers) plan.verdict += (plan.verdict.empty() ? "" : "; ") + infeasible(plan, offer);
}

void add_notes(Plan& plan) {
  for (auto const& offer : plan.offers) {
    std::string const name = plan.offers.size() > 1 ? offer.offer.name + ": " : "";
    if (auto const note = batch_note(plan.options, offer); !note.empty()) plan.notes.push_back(name + note);
    auto const thin = std::find_if(offer.options.begin(), offer.options.end(),
                                   [](auto const& p) { return p.global_batch < p.ranks && p.global_batch > 1.0; });
    if (thin != offer.options.end())
      plan.notes.push_back(name + "from " + k_text(thin->ranks) +
                           " on a worker has less than one sample (B = " + number_text(thin->global_batch, 7) +
                           "): data parallelism alone cannot cut this job so thin");
    if (!offer.not_measured.empty()) {
      std::string names;
      for (auto const& parameter : offer.not_measured) names += (names.empty() ? "" : ", ") + parameter;
      plan.notes.push_back(name + "not measured, and it matters here: " + names);
    }
    for (auto const& caution : sim::cautions(offer.offer.model)) plan.notes.push_back(name + caution);
    double const seen = offer.offer.model.parameters.discrepancy_from_ranks;
    if (plan.recommended && &plan.offers[plan.recommended->offer] == &offer) {
      auto const& best = offer.options[plan.recommended->option];
      if (seen > 1.0 && best.ranks > 4.0 * seen)
        plan.notes.push_back(name + k_text(best.ranks) + " is " + number_text(best.ranks / seen, 3) +
                             " times the largest K that was measured (" + number_text(seen, 7) +
                             "): measure a step at a larger K before buying");
    }
  }
}

}  // namespace kurve::validate
