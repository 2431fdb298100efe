// SPDX-License-Identifier: Apache-2.0
#include "validate/present_plan.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "data/quantity_text.hpp"
#include "validate/number_text.hpp"

namespace kurve::validate {
namespace {

/// One unit for a column of a wide range: the largest that the middle value is at least one of.
struct ColumnUnit {
  std::string name;
  double size = 1.0;
  double limit = std::numeric_limits<double>::infinity();  ///< from here on "never"
  [[nodiscard]] std::string text(double value) const {
    if (!(value < limit)) return "never";
    double const shown = value / size;
    return fixed_text(shown, shown >= 99.95 ? 0 : shown >= 9.995 ? 1 : 2);
  }
  [[nodiscard]] std::string text(Span const& span) const { return text(span.low) + " .. " + text(span.high); }
};

ColumnUnit unit_of(std::vector<double> values, std::vector<ColumnUnit> const& units) {
  std::erase_if(values, [&](double v) { return !(v < units.front().limit); });
  if (values.empty()) return units.back();
  double const least = *std::min_element(values.begin(), values.end());
  for (auto const& unit : units)
    if (least >= 0.05 * unit.size) return unit;  // 0.05 still shows in two decimals
  return units.back();
}

std::vector<ColumnUnit> const& time_units() {
  static std::vector<ColumnUnit> const units{{"d", 86400.0, data::never_s},
                                             {"h", 3600.0, data::never_s},
                                             {"min", 60.0, data::never_s},
                                             {"s", 1.0, data::never_s}};
  return units;
}
std::vector<ColumnUnit> const& money_units() {
  static std::vector<ColumnUnit> const units{{"B", 1e9}, {"M", 1e6}, {"k", 1e3}, {"", 1.0}};
  return units;
}
std::vector<ColumnUnit> const& energy_units() {
  static std::vector<ColumnUnit> const units{{"GWh", 3.6e12}, {"MWh", 3.6e9}, {"kWh", 3.6e6}, {"Wh", 3.6e3}};
  return units;
}

template <typename Value>
std::vector<double> column(OfferPlan const& offer, Value&& value) {
  std::vector<double> values;
  for (auto const& option : offer.options) values.push_back(value(option));
  return values;
}

std::string bracketed(std::string const& unit) { return unit.empty() ? "" : "[" + unit + "]"; }

std::string joined(std::string const& a, std::string const& b) { return a.empty() || b.empty() ? a + b : a + " " + b; }

std::string duration(double time_s) { return data::duration_text(Seconds{time_s}); }

bool is_recommended(Plan const& plan, std::size_t offer, std::size_t option) {
  return plan.recommended && plan.recommended->offer == offer && plan.recommended->option == option;
}

/// "100000 steps", and of how many samples where they are not the same at every K.
std::string steps_text(Plan const& plan, OfferPlan const& offer) {
  std::string text = number_text(*plan.options.job.steps, 9) + " steps";
  double const reference = reference_batch(offer.offer.model, plan.options);
  bool const same = std::all_of(offer.options.begin(), offer.options.end(),
                                [&](auto const& p) { return p.global_batch == reference; });
  if (same) return text;
  return text + " of " + number_text(reference, 6) + " samples, " +
         number_text(*plan.options.job.steps * reference, 6) + " in all";
}

}  // namespace

std::string job_sentence(Plan const& plan, std::size_t index) {
  auto const& offer = plan.offers[index];
  auto const& job = plan.options.job;
  auto const& first = offer.options.front();
  std::string text = offer.offer.model.workload.empty() ? offer.offer.name : offer.offer.model.workload;
  if (job.critical_batch)
    text += ". Steps to the target: " +
            number_text(first.steps * first.global_batch / (first.global_batch + *job.critical_batch), 6) + " (1 + " +
            number_text(*job.critical_batch, 6) + "/B)";
  else if (job.samples)
    text += ". " + number_text(*job.samples, 6) + " samples";
  else
    text += ". " + steps_text(plan, offer);
  if (offer.offer.price) text += ", at " + data::price_text(*offer.offer.price);
  if (offer.offer.gpus) text += ", " + number_text(*offer.offer.gpus, 9) + " GPUs offered";
  if (offer.offer.block > 1.0) text += ", in blocks of " + number_text(offer.offer.block, 9);
  return text + ".";
}

TextTable table_of(Plan const& plan, std::size_t index) {
  auto const& offer = plan.offers[index];
  auto const& o = plan.options;
  auto const time = unit_of(column(offer, [](auto const& p) { return p.time_s.median; }), time_units());
  auto const paid = [](double time_s, double cost) {  // who waits for ever pays for ever
    return time_s < data::never_s ? cost : std::numeric_limits<double>::infinity();
  };
  auto const cost_shown = [&](auto const& p) {
    return Span{paid(p.time_s.median, p.cost->median), paid(p.time_s.low, p.cost->low),
                paid(p.time_s.high, p.cost->high)};
  };
  auto const money =
      unit_of(column(offer, [&](auto const& p) { return p.cost ? cost_shown(p).median : 0.0; }), money_units());
  auto const energy =
      unit_of(column(offer, [](auto const& p) { return p.energy_J ? p.energy_J->median : 0.0; }), energy_units());
  bool const priced = offer.offer.price.has_value();
  bool const batch = offer.options.front().global_batch != offer.options.back().global_batch;
  bool const idle =
      std::any_of(offer.options.begin(), offer.options.end(), [](auto const& p) { return p.gpus_paid > p.ranks; });
  bool const fails = std::isfinite(offer.options.front().mean_between_s);
  std::string const level = percent_text(o.confidence, 0), money_name = bracketed(joined(money.name, plan.currency));
  TextTable text{{{"", "", Align::left}, {"K"}}, {}};
  if (idle) text.columns.push_back({"paid", "", Align::right, 2});
  if (batch) text.columns.push_back({"B", "", Align::right, 3});
  text.columns.push_back({"time", bracketed(time.name)});
  text.columns.push_back({level, bracketed(time.name)});
  if (priced) text.columns.push_back({"cost", money_name});
  if (priced) text.columns.push_back({level, money_name, Align::right, 1});
  text.columns.push_back({"E"});
  if (fails) text.columns.push_back({"goodput", "", Align::right, 4});
  if (o.watts) text.columns.push_back({"energy", bracketed(energy.name), Align::right, 5});
  if (o.deadline_s) text.columns.push_back({"P(T <=", duration(*o.deadline_s) + ")"});
  if (o.budget) text.columns.push_back({"P(cost <=", data::money_text(o.budget->amount, "") + ")"});
  for (std::size_t i = 0; i < offer.options.size(); ++i) {
    auto const& p = offer.options[i];
    std::vector<std::string> cells{is_recommended(plan, index, i) ? ">"
                                   : p.impossible.empty()         ? ""
                                                                  : "x",
                                   number_text(p.ranks, 9)};
    if (idle) cells.push_back(number_text(p.gpus_paid, 9));
    if (batch) cells.push_back(number_text(p.global_batch, 7));
    cells.push_back(time.text(p.time_s.median));
    cells.push_back(time.text(p.time_s));
    if (priced) cells.push_back(money.text(cost_shown(p).median));
    if (priced) cells.push_back(money.text(cost_shown(p)));
    cells.push_back(fixed_text(p.efficiency, 3));
    if (fails) cells.push_back(percent_text(p.goodput, 0));
    if (o.watts) cells.push_back(energy.text(p.energy_J->median));
    if (o.deadline_s) cells.push_back(percent_text(*p.p_deadline, 0));
    if (o.budget) cells.push_back(percent_text(*p.p_budget, 0));
    text.add(std::move(cells));
  }
  return text;
}

std::string failure_sentence(Plan const& plan, std::size_t index) {
  auto const& f = plan.options.failures;
  auto const& options = plan.offers[index].options;
  if (std::isinf(f.each_s)) return "Failures: none assumed; --mtbf names a fleet.";
  auto const& at =
      plan.recommended && plan.recommended->offer == index ? options[plan.recommended->option] : options.back();
  auto const each = each_interval_s(f, plan.options.confidence);
  auto const hours = [](double s) { return fixed_text(s / data::hour_s, 0); };
  std::string const reach = hours(each.low) + " to " + hours(each.high) + " h";
  std::string text =
      "Failures: one in " + duration(at.mean_between_s) + " at K = " + number_text(at.ranks, 9) + " (" +
      hours(f.each_s) + " h a " + (f.by_node ? "node" : "GPU") + ", " + f.source +
      (f.note.empty() ? "" : ": " + f.note) +
      (f.each_log_sd == 0.0      ? ""
       : f.source == "published" ? "; fleets differ, " + reach + " is in the intervals"
                                 : ", from " + reach) +
      "), " +
      (std::isinf(at.interruptions) ? "more than can be counted" : number_text(std::max(at.interruptions, 0.0), 2)) +
      " expected in the run; a checkpoint of " + duration(f.checkpoint_s);
  text += at.interval_s < at.time_s.median ? " every " + duration(at.interval_s) : " is not worth taking";
  return text + ", a restart takes " + duration(f.restart_s) + ": goodput " + percent_text(at.goodput, 1) + ".";
}

std::string limits_sentence(Plan const& plan, std::size_t index) {
  auto const& offer = plan.offers[index];
  auto const possible = [](auto const& p) { return p.impossible.empty(); };
  auto const largest = std::find_if(offer.options.rbegin(), offer.options.rend(), possible);
  double const last = largest == offer.options.rend() ? offer.options.back().ranks : largest->ranks;
  std::string text = offer.fastest_ranks < last ? "More GPUs than " + number_text(offer.fastest_ranks, 9) + " lose time"
                                                : "Up to K = " + number_text(last, 9) + " more GPUs save time";
  if (!offer.cheapest_ranks) return text + ".";
  if (*offer.cheapest_ranks < last)
    text += offer.fastest_ranks < last ? ", more than " : ", but more than ";
  else
    return text + ", and none of these loses money.";
  text += number_text(*offer.cheapest_ranks, 9) + " lose money";
  if (plan.recommended && plan.recommended->offer == index) {
    auto const& best = offer.options[plan.recommended->option];
    auto const cheapest = std::find_if(offer.options.begin(), offer.options.end(),
                                       [&](auto const& p) { return p.ranks == *offer.cheapest_ranks; });
    double const saved_s = cheapest->time_s.median - best.time_s.median,
                 paid = best.cost->median - cheapest->cost->median;
    if (saved_s > 0.0 && paid > 0.0)
      text += ": at K = " + number_text(best.ranks, 9) +
              " each hour saved over K = " + number_text(cheapest->ranks, 9) + " costs " +
              data::money_text(paid / (saved_s / data::hour_s), plan.currency);
  }
  return text + ".";
}

std::string comparison_sentence(Plan const& plan) {
  if (!plan.comparison) return {};
  auto const& c = *plan.comparison;
  auto const &a = plan.offers[0], &b = plan.offers[1];
  std::string text;
  if (c.rows.empty()) {
    text = "The two offers have no K in common.";
  } else if (c.crossing_ranks && c.p_crosses >= 0.05) {
    bool const first = c.rows.back().p_first_cheaper >= 0.5;
    text = (first ? a : b).offer.name + " is the cheaper from about K = " + number_text(c.crossing_ranks->median, 3) +
           " on (" + percent_text(plan.options.confidence, 0) + " interval " + number_text(c.crossing_ranks->low, 3) +
           " to " + number_text(c.crossing_ranks->high, 3) + "; " + percent_text(c.p_crosses, 0) +
           " sure that they cross at all up to K = " + number_text(c.rows.back().ranks, 9) + ").";
  } else if (c.one_model &&
             std::all_of(c.rows.begin(), c.rows.end(), [](auto const& row) { return row.p_first_cheaper == 0.5; })) {
    text = "One Model at the same cost: the two offers do not differ.";
  } else {
    bool const first = c.rows.front().p_first_cheaper >= 0.5;
    double least = 1.0;
    for (auto const& row : c.rows) least = std::min(least, first ? row.p_first_cheaper : 1.0 - row.p_first_cheaper);
    text = (first ? a : b).offer.name + " is the cheaper at every K of these (at least " + percent_text(least, 0) +
           " sure).";
  }
  if (c.p_first_best_cheaper && a.best && b.best) {
    bool const first = *c.p_first_best_cheaper >= 0.5;
    auto const& x = first ? a : b;
    text += " Each at its own best K, " + x.offer.name + " at K = " + number_text(x.options[*x.best].ranks, 9) +
            " is cheaper with " + percent_text(first ? *c.p_first_best_cheaper : 1.0 - *c.p_first_best_cheaper, 0) +
            " probability.";
  }
  return text;
}

std::string to_text(Plan const& plan) {
  std::string out;
  for (std::size_t i = 0; i < plan.offers.size(); ++i) {
    auto const& offer = plan.offers[i];
    if (plan.offers.size() > 1) out += (i > 0 ? "\n" : "") + wrap(offer.offer.name + ":");
    out += wrap(job_sentence(plan, i)) + "\n" + to_text(table_of(plan, i)) + "\n";
    out += wrap(failure_sentence(plan, i)) + wrap(limits_sentence(plan, i));
  }
  out += wrap("time, cost: median of whole runs and " + percent_text(plan.options.confidence, 0) +
              " interval, from the Model's uncertainty, step and run noise, checkpoints and failures. E: efficiency of "
              "the step against K0.");
  if (auto const sentence = comparison_sentence(plan); !sentence.empty()) out += "\n" + wrap(sentence);
  if (plan.recommended)
    out += "\n" + wrap("Recommended: " + plan.recommended->why);
  else
    out += "\n" + wrap("Nothing to recommend: " + plan.verdict + ".");
  for (auto const& note : plan.notes) out += wrap(note, "- ");
  return out;
}

}  // namespace kurve::validate
