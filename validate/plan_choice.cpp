// SPDX-License-Identifier: Apache-2.0
#include "validate/plan_choice.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

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

/// Whether both have a price or neither has: only then does money_of() compare.
bool comparable(OfferPlan const& a, OfferPlan const& b) {
  return a.offer.price.has_value() == b.offer.price.has_value();
}

/// Whether a feasible option of these is both faster and cheaper, by more than rounding. @param any  whether what is
/// possible but not feasible counts too
bool dominated(OfferPlan const& plan, PlanOption const& option, std::span<OfferPlan const> all, bool any = false) {
  constexpr double less = 1.0 - 1e-9;
  double const time_s = less * option.time_s.median, money = less * money_of(option);
  auto const beats = [&](PlanOption const& other) {
    if (any ? !other.impossible.empty() : !other.feasible) return false;
    return other.time_s.median < time_s && money_of(other) < money;
  };
  return std::any_of(all.begin(), all.end(), [&](OfferPlan const& other) {
    return comparable(plan, other) && std::any_of(other.options.begin(), other.options.end(), beats);
  });
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

/// Whether a larger K that pays and is feasible was passed over for one that is faster and cheaper.
bool passes_over_larger(Plan const& plan, OfferPlan const& offer, PlanOption const& best) {
  return std::any_of(offer.options.begin(), offer.options.end(), [&](PlanOption const& option) {
    return option.ranks > best.ranks && option.feasible && pays(option, plan.options.threshold);
  });
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
    text += " is the largest whose efficiency is at least " + number_text(o.threshold, 3) + kept +
            (passes_over_larger(plan, offer, best) ? " and that is not slower and dearer than another" : "");
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

/// The next smaller and the next larger K that can run, beside the best.
std::string neighbours(Plan const& plan, OfferPlan const& offer, PlanOption const& best) {
  PlanOption const *before = nullptr, *after = nullptr;
  for (auto const& option : offer.options) {
    if (!option.impossible.empty()) continue;
    if (option.ranks < best.ranks) before = &option;
    if (option.ranks > best.ranks && after == nullptr) after = &option;
  }
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
  if (before != nullptr) {
    text = k_text(before->ranks) + " would end " + difference(*before);
    if (!before->feasible && p_feasible(*before) < 1.0)
      text += " (kept with " + percent_text(p_feasible(*before), 0) + ")";
  }
  if (after != nullptr)
    text += (text.empty() ? "" : "; ") + k_text(after->ranks) + " " + difference(*after) +
            ", at E = " + fixed_text(after->efficiency, 2);
  return text.empty() ? "There is no other K to compare it with." : text + ".";
}

std::string reason_for(Plan const& plan, OfferPlan const& offer, PlanOption const& best) {
  auto const& last = offer.options.back();
  bool const leaves_some =
      offer.offer.gpus && best.ranks < last.ranks && last.impossible.empty() && by_threshold(plan.options);
  return why_best(plan, offer, best) + " " +
         (leaves_some ? idle_sentence(plan, offer, best, last) : neighbours(plan, offer, best));
}

double time_at(PlanOption const& option, double level) {
  auto sorted = option.times_s;
  std::sort(sorted.begin(), sorted.end());
  return sorted[static_cast<std::size_t>(std::ceil(level * static_cast<double>(sorted.size() - 1)))];
}

/// By what factor deadline and budget are missed, in the median: the larger of both.
double missed_by(PlanOption const& option, PlanOptions const& o) {
  double factor = o.deadline_s ? option.time_s.median / *o.deadline_s : 0.0;
  if (o.budget) factor = std::max(factor, option.cost->median / o.budget->amount);
  return factor;
}

/// The K that comes nearest to deadline and budget, of those that can run and are not slower and dearer than another:
/// the surest where the odds are even or better; else by the median, for small odds tell only how wide an interval is.
/// Null where no K can run.
PlanOption const* nearest(OfferPlan const& plan, PlanOptions const& o) {
  auto const nearer = [&](PlanOption const& a, PlanOption const& b) {
    double const p = p_feasible(a), q = p_feasible(b);
    if (p >= 0.5 || q >= 0.5) return p > q;
    return missed_by(a, o) < missed_by(b, o);
  };
  PlanOption const* best = nullptr;
  for (auto const& option : plan.options)
    if (option.impossible.empty() && !dominated(plan, option, {&plan, 1}, true) &&
        (best == nullptr || nearer(option, *best)))
      best = &option;
  return best;
}

/// A later deadline that a K would keep with the confidence asked for; "" where none would.
std::string later_deadline(Plan const& plan, OfferPlan const& offer) {
  auto const& o = plan.options;
  PlanOption const* soonest = nullptr;
  for (auto const& option : offer.options)
    if (option.impossible.empty() && option.p_budget.value_or(1.0) >= o.confidence &&
        (soonest == nullptr || time_at(option, o.confidence) < time_at(*soonest, o.confidence)))
      soonest = &option;
  if (soonest == nullptr || time_at(*soonest, o.confidence) > data::never_s) return {};
  std::string const cost = soonest->cost ? ", " + data::money_text(soonest->cost->median, plan.currency) : "";
  return "a deadline of " + time_text(time_at(*soonest, o.confidence)) + " (" + k_text(soonest->ranks) + cost + ")";
}

/// "no K up to 4096 meets 2.00 d with 90 %: K = 1024 comes nearest, in 2.10 d for 1.2 M (38 %); what would: twice the
/// bandwidth"
std::string infeasible(Plan const& plan, OfferPlan const& offer) {
  auto const& o = plan.options;
  auto const* best = nearest(offer, o);
  std::string const of = plan.offers.size() > 1 ? " of " + offer.offer.name : "";
  if (best == nullptr) return "no K" + of + " of these can run this job: " + offer.options.front().impossible;
  std::string text = "no K up to " + number_text(offer.options.back().ranks, 9) + of;
  if (!o.deadline_s && !o.budget)
    return text + (std::isfinite(best->time_s.median) ? " ends within a thousand years"
                                                      : " ever ends: failures come faster than restarts");
  text += o.deadline_s ? " meets " + time_text(*o.deadline_s) : "";
  if (o.budget) text += (o.deadline_s ? " and " : " keeps ") + data::money_text(o.budget->amount, plan.currency);
  text += " with " + percent_text(o.confidence, 0) + ": " + k_text(best->ranks) + " comes nearest, in " +
          time_text(best->time_s.median);
  if (best->cost) text += " for " + data::money_text(best->cost->median, plan.currency);
  text += " (" + percent_text(p_feasible(*best), 0) + "); what would: ";
  auto help = o.seek_help ? what_would_help(offer, o) : std::vector<std::string>{};
  if (help.size() > 3) help.resize(3);
  if (o.deadline_s)
    if (auto later = later_deadline(plan, offer); !later.empty()) help.push_back(std::move(later));
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
  return grows +
         ": the same samples in fewer steps; whether they still reach the same loss is not known here, "
         "--critical-batch would say what larger batches cost";
}

/// "K = 48, 80 cannot run: no multiple of TP x PP x CP = 32", one for each reason.
std::vector<std::string> impossible_notes(OfferPlan const& offer) {
  std::vector<std::pair<std::string, std::string>> reasons;  // reason, K
  for (auto const& option : offer.options) {
    if (option.impossible.empty()) continue;
    auto const same = [&](auto const& r) { return r.first == option.impossible; };
    auto found = std::find_if(reasons.begin(), reasons.end(), same);
    if (found == reasons.end()) found = reasons.insert(reasons.end(), {option.impossible, ""});
    found->second += (found->second.empty() ? "" : ", ") + number_text(option.ranks, 9);
  }
  std::vector<std::string> notes;
  for (auto const& [reason, ranks] : reasons) notes.push_back("K = " + ranks + " (x) cannot run this job: " + reason);
  return notes;
}

}  // namespace

bool pays(PlanOption const& option, double threshold) { return option.efficiency >= threshold - 0.0005; }

std::optional<std::size_t> best_option(OfferPlan const& plan, PlanOptions const& o, std::span<OfferPlan const> all) {
  std::vector<std::size_t> candidates;
  for (std::size_t i = 0; i < plan.options.size(); ++i)
    if (plan.options[i].feasible && !dominated(plan, plan.options[i], all)) candidates.push_back(i);
  if (candidates.empty()) return std::nullopt;
  auto const least = [&](auto&& value) {
    return *std::min_element(candidates.begin(), candidates.end(), [&](std::size_t a, std::size_t b) {
      return value(plan.options[a]) < value(plan.options[b]);
    });
  };
  auto const by_rule = [&](PlanOption const& option) { return objective(plan, option, o); };
  if (!by_threshold(o)) return least(by_rule);
  auto const paying = [&](std::size_t i) { return pays(plan.options[i], o.threshold); };
  if (std::none_of(candidates.begin(), candidates.end(), paying))  // what loses least
    return least([](PlanOption const& option) { return -option.efficiency; });
  std::erase_if(candidates, [&](std::size_t i) { return !paying(i); });
  return least(by_rule);
}

void choose(Plan& plan) {
  std::optional<PlanChoice> best;
  double best_value = 0.0;
  for (std::size_t i = 0; i < plan.offers.size(); ++i) {
    auto const& offer = plan.offers[i];
    auto const option = best_option(offer, plan.options, plan.offers);
    if (!option) continue;
    auto const& p = offer.options[*option];
    // Between offers a K is no measure: money decides, then time.
    double const value =
        by_threshold(plan.options) ? (p.cost ? p.cost->median : p.time_s.median) : objective(offer, p, plan.options);
    if (best && best_value <= value) continue;
    best = PlanChoice{i, *option, ""};
    best_value = value;
  }
  if (best) {
    auto const& offer = plan.offers[best->offer];
    best->why = reason_for(plan, offer, offer.options[best->option]);
    plan.recommended = best;
    return;
  }
  for (auto const& offer : plan.offers) plan.verdict += (plan.verdict.empty() ? "" : "; ") + infeasible(plan, offer);
}

void add_notes(Plan& plan) {
  for (auto const& offer : plan.offers) {
    std::string const name = plan.offers.size() > 1 ? offer.offer.name + ": " : "";
    if (auto const note = batch_note(plan.options, offer); !note.empty()) plan.notes.push_back(name + note);
    for (auto const& note : impossible_notes(offer)) plan.notes.push_back(name + note);
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
