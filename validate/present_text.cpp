// SPDX-License-Identifier: Apache-2.0
#include "validate/present_text.hpp"

#include <algorithm>
#include <cmath>

#include "validate/number_text.hpp"

namespace kurve::validate {
namespace {

std::string k_text(double ranks) { return number_text(ranks, 6); }
std::string range_text(std::string const& low, std::string const& high) { return low + " .. " + high; }
std::string share_text(double share, int digits) { return std::isnan(share) ? "-" : percent_text(share, digits); }

template <typename Points, typename TimeOf>
TimeUnit unit_of(Points const& points, TimeOf const& time_of) {
  double smallest = time_of(points.front()), largest = smallest;
  for (auto const& point : points) {
    smallest = std::min(smallest, time_of(point));
    largest = std::max(largest, time_of(point));
  }
  return time_unit_for(smallest, largest);
}

std::string heading(std::string const& workload, std::string const& otherwise) {
  return wrap(workload.empty() ? otherwise : workload) + "\n";
}

std::string bullets(std::vector<std::string> const& lines) {
  std::string out;
  for (auto const& line : lines) out += wrap(line, "- ");
  return out;
}

std::vector<std::string> rival_row(std::string const& name, ErrorSummary const& errors) {
  return {name,
          std::to_string(errors.n),
          share_text(errors.median, 1),
          share_text(errors.mean, 1),
          share_text(errors.p90, 1),
          share_text(errors.max, 1)};
}

std::string ranks_text(std::vector<int> const& ranks) {
  std::string text;
  for (int const rank : ranks) text += (text.empty() ? "" : ", ") + std::to_string(rank);
  return text;
}

std::string identified_text(std::map<std::string, bool> const& identified) {
  std::string no;
  for (auto const& [name, yes] : identified)
    if (!yes) no += (no.empty() ? "" : ", ") + name;
  return no.empty() ? "" : wrap("not identified by the fitted points: " + no, "- ");
}

}  // namespace

TextTable table_of(ScalingTable const& table) {
  auto const unit = unit_of(table.points, [](auto const& p) { return p.time.mean; });
  std::string const level = percent_text(table.options.confidence, 0);
  bool const has_speedup =
      std::any_of(table.points.begin(), table.points.end(), [](auto const& p) { return p.speedup && p.ranks > 0.0; }) &&
      table.regime == model::Regime::strong;
  bool const batch_varies = table.has_batch && table.regime != model::Regime::strong;

  TextTable text;
  text.columns = {{"K"}};
  if (batch_varies) text.columns.push_back({"B"});
  text.columns.insert(text.columns.end(), {{"n"},
                                           {"mean", "[" + unit.name + "]"},
                                           {"std", "[" + unit.name + "]"},
                                           {"mean " + level, "[" + unit.name + "]", Align::right, 1}});
  if (has_speedup) text.columns.push_back({"S"});
  text.columns.insert(text.columns.end(), {{"E"}, {"E " + level, "", Align::right, 2}, {"verdict", "", Align::left}});
  for (auto const& point : table.points) {
    std::vector<std::string> cells{k_text(point.ranks)};
    if (batch_varies) cells.push_back(k_text(point.global_batch));
    cells.push_back(std::to_string(point.time.n));
    cells.push_back(unit.text(point.time.mean));
    cells.push_back(point.time.n > 1 ? unit.text(point.time.sd) : "-");
    cells.push_back(point.mean_s ? "+-" + unit.text(0.5 * (point.mean_s->high - point.mean_s->low)) : "-");
    if (has_speedup) cells.push_back(point.speedup ? fixed_text(*point.speedup, 2) : "-");
    cells.push_back(fixed_text(point.efficiency, 3));
    cells.push_back(point.efficiency_interval ? range_text(fixed_text(point.efficiency_interval->low, 3),
                                                           fixed_text(point.efficiency_interval->high, 3))
                                              : "-");
    cells.push_back(point.pays ? "pays" : "below");
    text.add(std::move(cells));
  }
  return text;
}

std::string definition_sentence(ScalingTable const& table) {
  std::string const k0 = k_text(table.points[table.baseline].ranks);
  std::string const threshold = number_text(table.options.threshold, 3);
  std::string const verdict = "; pays: E >= " + threshold + ", below: E < " + threshold;
  switch (table.regime) {
    case model::Regime::strong:
      return "S = T(" + k0 + ")/T(K), E = S " + (k0 == "1" ? "/ K" : k0 + "/K") + verdict;
    case model::Regime::weak:
      return "work grows with K: E = T(" + k0 + ")/T(K)" + verdict;
    case model::Regime::mixed:
      break;
  }
  return "E = [B / (K T)] relative to K = " + k0 + ": throughput of one worker" + verdict;
}

/// A share of n draws in per cent; all of them is only known to one in n.
std::string agreement_text(double share, int n) {
  return share < 1.0 ? percent_text(share, share > 0.99 ? 1 : 0) : "all " + std::to_string(n);
}

std::string bend_sentence(ScalingTable const& table) {
  std::string const threshold = number_text(table.options.threshold, 3);
  if (table.points.size() < 2) return "No bend can be told: one point only.";
  if (!table.bend && !table.dips.empty())
    return "No single bend: E < " + threshold + " at " + list_of_ranks(table.dips) + ", and the largest K measured, " +
           k_text(table.points.back().ranks) + ", is above again.";
  if (!table.bend)
    return "No bend: the largest K measured, " + k_text(table.points.back().ranks) + ", still pays (E >= " + threshold +
           ").";
  auto const& bend = *table.bend;
  std::string text = "Bend at K = " + k_text(bend.at.ranks) + ": the first K with E < " + threshold;
  if (bend.at.last_ok_ranks) text += "; last K that pays: " + k_text(*bend.at.last_ok_ranks);
  if (bend.at.crossing_ranks)
    text += "; E crosses " + threshold + " near K = " + number_text(*bend.at.crossing_ranks, 3);
  if (bend.has_interval) {
    std::string const level = percent_text(table.options.confidence, 0);
    if (bend.low_ranks != bend.high_ranks)
      text += "; " + level + " interval " + (bend.low_ranks ? k_text(*bend.low_ranks) : "none") + " .. " +
              (bend.high_ranks ? k_text(*bend.high_ranks) : "beyond the last K");
    text += "; " + agreement_text(bend.agreement, table.options.resamples) + " of resampled studies agree";
  }
  if (!table.dips.empty()) text += "; below it at " + list_of_ranks(table.dips) + " too, and above again after";
  return text + ".";
}

std::string to_text(ScalingTable const& table) {
  std::string const regime = std::string(model::to_text(table.regime)) +
                             " scaling, baseline K = " + k_text(table.points[table.baseline].ranks);
  std::string out = heading(table.workload, "scaling study") + wrap(regime) + "\n" + to_text(table_of(table)) + "\n";
  out += wrap(definition_sentence(table)) + "\n" + wrap(bend_sentence(table));
  if (!table.budget.empty()) out += "\n" + bullets(table.budget);
  if (!table.notes.empty()) out += "\n" + bullets(table.notes);
  return out;
}

TextTable table_of(Scorecard const& card) {
  auto const unit = unit_of(card.points, [](auto const& p) { return std::min(p.measured_s, p.predicted_s); });
  std::string const in_unit = "[" + unit.name + "]";
  TextTable text;
  text.columns = {{"K"},
                  {"B", "", Align::right, card.regime == model::Regime::strong ? 4 : 1},  // constant where strong
                  {"part", "", Align::left},
                  {"n", "", Align::right, 3},
                  {"measured", in_unit},
                  {"predicted", in_unit},
                  {percent_text(card.confidence, 0) + " interval", in_unit},
                  {"error"},
                  {"inside", "", Align::left},
                  {"P(pays)", "", Align::right, 2}};
  for (auto const& point : card.points)
    text.add({k_text(point.ranks), k_text(point.global_batch), std::string(to_text(point.part)),
              std::to_string(point.n), unit.text(point.measured_s), unit.text(point.predicted_s),
              range_text(unit.text(point.low_s), unit.text(point.high_s)), signed_percent_text(point.relative_error, 1),
              point.part == Part::fitted ? "-"
              : point.covered            ? "yes"
                                         : "no",
              fixed_text(point.p_pays, 2)});
  return text;
}

std::string split_sentence(Scorecard const& card) {
  if (!card.split.empty()) return "Fitted on " + card.split + "; every other point was held out.";
  auto const count = [&](Part part) {
    return std::count_if(card.points.begin(), card.points.end(), [&](auto const& p) { return p.part == part; });
  };
  if (count(Part::unknown) > 0) return "A Model against measured points; its file does not say what it was made from.";
  auto const fitted = count(Part::fitted), held_out = count(Part::held_out);
  if (fitted == 0) return "A Model made without these points, against them.";
  if (held_out == 0) return "A Model against the points that it was fitted to.";
  return "A Model against measured points: it was fitted to " + std::to_string(fitted) +
         " of them, and not to the other " + std::to_string(held_out) + ".";
}

TextTable rival_table(std::vector<RivalScore> const& rivals, ErrorSummary const& mine) {
  std::vector<RivalScore const*> order;
  for (auto const& rival : rivals) order.push_back(&rival);
  std::sort(order.begin(), order.end(),
            [](auto const* a, auto const* b) { return a->errors.median < b->errors.median; });
  TextTable text;
  text.columns = {
      {"absolute error", "", Align::left}, {"n", "", Align::right, 1}, {"median"}, {"mean"}, {"90th %"}, {"max"}};
  text.add(rival_row("Kurve", mine));
  for (auto const* rival : order) text.add(rival_row(rival->meaning, rival->errors));
  return text;
}

std::string coverage_sentence(ScoreSummary const& summary, double confidence) {
  auto const& c = summary.coverage;
  if (c.n == 0) return "No held-out point: the Model was fitted to all of these, which says nothing of its intervals.";
  std::string const inside = std::to_string(c.hits) + " of " + std::to_string(c.n);
  if (summary.unknown > 0)
    return inside + " points lie in their " + percent_text(confidence, 0) +
           " interval. Whether the Model was fitted to them is not known (its file does not say what it was made "
           "from): "
           "no coverage is claimed.";
  return inside + " held-out points lie in their " + percent_text(confidence, 0) + " interval (" +
         percent_text(c.share, 0) + "; 95 % interval of that share " + fixed_text(100.0 * c.interval.low, 0) + " .. " +
         percent_text(c.interval.high, 0) + "); median half-width " + percent_text(summary.half_width_rel, 1) +
         " of T.";
}

std::string calibration_sentence(ScoreSummary const& summary) {
  if (summary.errors.n == 0) return "";
  std::string text = "Mean CRPS " + percent_text(summary.crps_rel, 1) + ", mean interval score " +
                     percent_text(summary.interval_score_rel, 1) + " of log T";
  if (std::isfinite(summary.half_width_over_error))
    text += "; median half-width " + number_text(summary.half_width_over_error, 2) + " times the median error";
  text += ". PIT in tenths (flat where calibrated: " + number_text(0.1 * static_cast<double>(summary.errors.n), 3) +
          " each):";
  for (auto const count : summary.pit_histogram) text += " " + std::to_string(count);
  return text + ".";
}

std::string bend_sentence(Scorecard const& card) {
  auto const bend_text = [](std::optional<double> bend) { return bend ? "K = " + k_text(*bend) : std::string("none"); };
  std::string const beyond = "beyond " + k_text(card.points.back().ranks);
  auto const end = [&](std::optional<double> k) { return k ? k_text(*k) : beyond; };
  auto const& bend = card.bend;
  std::string text = "Bend (E < " + number_text(card.threshold, 3) + "): predicted " + bend_text(card.predicted_bend) +
                     ", " + percent_text(card.confidence, 0) + " interval ";
  text += bend.low_ranks == bend.high_ranks ? end(bend.low_ranks) : end(bend.low_ranks) + " to " + end(bend.high_ranks);
  text += "; measured " + bend_text(card.measured_bend) + ". ";
  return text + (bend.pays_ranks ? "Largest K that pays with 90 % probability: " + k_text(*bend.pays_ranks) + "."
                                 : "No K of these pays with 90 % probability.");
}

std::string cause_sentence(Diagnosis const& d) {
  std::vector<std::pair<double, Cause>> order;
  for (auto const& [cause, share] : d.probabilities) order.emplace_back(share, cause);
  std::stable_sort(order.begin(), order.end(), [](auto const& a, auto const& b) { return a.first > b.first; });
  std::string shares;
  for (auto const& [share, cause] : order)
    if (share >= 0.01)
      shares += (shares.empty() ? "" : ", ") +
                (cause == Cause::undetermined ? std::string("another") : to_text(cause)) + " " + percent_text(share, 0);
  std::string const where = d.ranks.empty()
                                ? ""
                                : (d.persistent.value_or(false) ? ", always " : ", most often ") +
                                      std::string(d.ranks.size() > 1 ? "ranks " : "rank ") + ranks_text(d.ranks) +
                                      (d.stage ? " of stage " + std::to_string(*d.stage) : "");
  return "Cause: " + to_text(d.cause) + where + " (" + shares + ").";
}

TextTable table_of(std::vector<PopFactors> const& factors) {
  TextTable table{{{"K"}, {"load balance"}, {"serialization"}, {"transfer"}}, {}};
  for (auto const& f : factors)
    table.add(
        {k_text(f.ranks), fixed_text(f.load_balance, 3), fixed_text(f.serialization, 3), fixed_text(f.transfer, 3)});
  return table;
}

std::string pop_sentence() {
  return "Shares of the step that are useful (POP): what unequal ranks, late ranks and the network leave.";
}

std::string to_text(Diagnosis const& d) {
  std::string const out = wrap(cause_sentence(d)) + bullets(d.evidence);
  return d.pop.empty() ? out : out + "\n" + to_text(table_of(d.pop)) + "\n" + wrap(pop_sentence());
}

std::string to_text(Scorecard const& card) {
  std::string out = heading(card.workload, "prediction against measurement");
  out += wrap(split_sentence(card)) + "\n";
  out += to_text(table_of(card)) + "\n" + wrap(coverage_sentence(card.summary, card.confidence));
  out += wrap(calibration_sentence(card.summary)) + wrap(bend_sentence(card));
  if (!card.rivals.empty()) out += "\n" + to_text(rival_table(card.rivals, card.summary.errors));
  std::string const remarks = identified_text(card.identified) + bullets(card.messages);
  return remarks.empty() ? out : out + "\n" + remarks;
}

TextTable table_of(ScorecardSet const& set) {
  TextTable text;
  text.columns = {{"study", "", Align::left}, {"held out"}, {"median"}, {"mean"}, {"max"}, {"inside"}};
  for (auto const& card : set.studies) {
    auto name = card.study.substr(card.study.find_last_of('/') + 1);
    if (name.size() > 38) name = name.substr(0, 35) + "...";
    auto const& c = card.summary.coverage;
    text.add({name, std::to_string(card.summary.errors.n), share_text(card.summary.errors.median, 1),
              share_text(card.summary.errors.mean, 1), share_text(card.summary.errors.max, 1),
              std::to_string(c.hits) + "/" + std::to_string(c.n)});
  }
  return text;
}

std::string to_text(ScorecardSet const& set) {
  std::string out = wrap(std::to_string(set.studies.size()) + " studies" +
                         (set.studies.empty() ? "" : ", fitted on " + set.studies.front().split)) +
                    "\n";
  out += to_text(table_of(set)) + "\n";
  if (!set.studies.empty())
    out += wrap(coverage_sentence(set.summary, set.studies.front().confidence)) +
           wrap(calibration_sentence(set.summary)) + "\n" + to_text(rival_table(set.rivals, set.summary.errors));
  std::vector<std::string> left_out;
  for (auto const& [study, why] : set.left_out) left_out.push_back("left out: " + study + ": " + why);
  return left_out.empty() ? out : out + "\n" + bullets(left_out);
}

}  // namespace kurve::validate
