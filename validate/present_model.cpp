// SPDX-License-Identifier: Apache-2.0
#include "validate/present_model.hpp"

#include <algorithm>
#include <cmath>

#include "sim/summary.hpp"
#include "validate/number_text.hpp"
#include "validate/present_allreduce.hpp"

namespace kurve::validate {
namespace {

std::string scientific(double value) { return number_text(value, 4); }

TimeUnit unit_of(std::vector<double> const& times_s) {
  auto const [low, high] = std::minmax_element(times_s.begin(), times_s.end());
  return time_unit_for(*low, *high);
}

/// Times and rates in units that read well, all else as it is. @param scale  sets the unit: a value and its sd share
/// one
std::string value_text(model::ParameterInfo const& info, double value, double scale) {
  if (info.unit == "s" && scale != 0.0) {
    auto const unit = time_unit_for(std::abs(scale), std::abs(scale));
    return number_text(value * unit.per_second, 4) + " " + unit.name;
  }
  if (info.unit == "B/s") return number_text(value / 1e9, 4) + " GB/s";
  if (info.unit == "B") return bytes_text(value);
  return scientific(value) + (info.unit == "1" ? "" : " " + std::string(info.unit));
}

}  // namespace

TextTable table_of(model::Model const& model) {
  TextTable text{
      {{"parameter", "", Align::left}, {"value"}, {"sd"}, {"source", "", Align::left}, {"identified", "", Align::left}},
      {}};
  for (auto const& info : model::parameter_table()) {
    auto const known = model.knowledge.find(std::string(info.name));
    double const value = model.parameters.*(info.member);
    if (known == model.knowledge.end() || (value == 0.0 && known->second.sd == 0.0)) continue;
    auto const& k = known->second;
    double const scale = value != 0.0 ? value : k.sd;
    text.add({std::string(info.name), value_text(info, value, scale), k.sd > 0.0 ? value_text(info, k.sd, scale) : "-",
              std::string(model::to_text(k.source)), k.identified ? "yes" : "no"});
  }
  return text;
}

TextTable table_of(model::Curve const& curve) {
  std::vector<double> times_s;
  for (auto const& point : curve.points) times_s.push_back(point.mean_s);
  auto const unit = unit_of(times_s);
  bool const speedup = curve.regime == model::Regime::strong, batch = curve.regime != model::Regime::strong;
  std::string const level = percent_text(curve.confidence, 0);
  TextTable text{{{"K"}}, {}};
  if (batch) text.columns.push_back({"B"});
  text.columns.push_back({"T", "[" + unit.name + "]"});
  text.columns.push_back({level + " interval", "[" + unit.name + "]"});
  if (speedup) text.columns.push_back({"S", "", Align::right, 1});  // it is E K / K0
  for (auto const* title : {"E", "of E", "P(pays)"}) text.columns.push_back({title});
  for (auto const& point : curve.points) {
    std::vector<std::string> cells{number_text(point.ranks, 7)};
    if (batch) cells.push_back(number_text(point.global_batch, 7));
    cells.push_back(unit.text(point.mean_s));
    cells.push_back(unit.text(point.low_s) + " .. " + unit.text(point.high_s));
    if (speedup) cells.push_back(point.speedup ? fixed_text(*point.speedup, 2) : "-");
    cells.push_back(fixed_text(point.efficiency.centre, 3));
    cells.push_back(fixed_text(point.efficiency.low, 3) + " .. " + fixed_text(point.efficiency.high, 3));
    cells.push_back(percent_text(point.p_pays, 0));
    text.add(std::move(cells));
  }
  return text;
}

TextTable table_of(std::vector<sim::AllreducePoint> const& points, double confidence) {
  TextTable text{
      {{"ranks"}, {"size"}, {"time", "[us]"}, {percent_text(confidence, 0) + " interval", "[us]"}, {"busbw", "[GB/s]"}},
      {}};
  for (auto const& p : points)
    text.add({number_text(p.ranks, 7), bytes_text(p.bytes), fixed_text(p.time_s * 1e6, 1),
              fixed_text(p.low_s * 1e6, 1) + " .. " + fixed_text(p.high_s * 1e6, 1), fixed_text(p.busbw_Bps / 1e9, 2)});
  return text;
}

std::vector<std::string> rating_sentences(std::vector<model::Rating> const& ratings) {
  auto const value_of = [](model::Rating const& r, double value) {
    if (r.unit == "s") return number_text(value * 1e6, 3) + " us";
    if (r.unit == "B/s") return number_text(value / 1e9, 3) + " GB/s";
    bool const card = std::max(r.achieved, r.ceiling) >= 1e12;  // else a core
    return number_text(value / (card ? 1e12 : 1e9), 3) + (card ? " TFLOP/s" : " GFLOP/s");
  };
  std::vector<std::string> sentences;
  for (auto const& r : ratings) {
    std::string text = r.what + ": " + value_of(r, r.achieved);
    if (r.ceiling > 0.0)
      text += (r.unit == "s" ? " beside " : ", " + percent_text(r.share(), 0) + " of ") + value_of(r, r.ceiling) +
              " (" + r.ceiling_is + ")";
    sentences.push_back(text + ": " + r.verdict);
  }
  return sentences;
}

std::string budget_sentence(model::CurvePoint const& point) {
  auto const& c = point.contributions;
  std::vector<std::pair<double, std::string>> parts{
      {c.serial_s, "serial"},       {c.compute_s, "compute"},
      {c.noise_s, "noise"},         {c.straggler_s, "stragglers"},
      {c.imbalance_s, "imbalance"}, {c.exposed_comm_s, "exposed communication and waiting"}};
  std::sort(parts.begin(), parts.end(), [](auto const& a, auto const& b) { return a.first > b.first; });
  std::string text;
  for (auto const& [time_s, name] : parts)
    if (time_s >= 0.005 * point.mean_s)
      text += (text.empty() ? "" : ", ") + name + " " + percent_text(time_s / point.mean_s, 0);
  return text;
}

std::string bend_sentence(model::Curve const& curve) {
  std::string const rule = "E < " + number_text(curve.threshold, 3);
  double sure = 0.0;
  for (auto const& point : curve.points)
    if (point.p_pays >= 0.9)
      sure = point.ranks;
    else
      break;
  std::string const pays = sure > 0.0 ? " Largest K that pays with 90 % probability: " + number_text(sure, 7) + "."
                                      : " No K of these pays with 90 % probability.";
  if (!curve.bend) return "No bend (" + rule + ") up to K = " + number_text(curve.points.back().ranks, 7) + "." + pays;
  auto const& bend = *curve.bend;
  std::string text = "Bend (" + rule + ") at K = " + number_text(bend.ranks, 7);
  if (bend.last_ok_ranks) text += ", last K that pays " + number_text(*bend.last_ok_ranks, 7);
  auto const end = [&](std::optional<double> k) {
    return k ? number_text(*k, 7) : "beyond " + number_text(curve.points.back().ranks, 7);
  };
  text += "; " + percent_text(curve.confidence, 0) + " interval " + end(bend.low_ranks) + " to " +
          end(bend.high_ranks) + ".";
  return text + pays;
}

std::string advice_text(std::vector<sim::Advice> const& advice, double ranks) {
  std::string out = "\n" + wrap("What to measure next, for T at K = " + number_text(ranks, 7) + ":");
  int listed = 0;
  for (auto const& a : advice)
    if (a.gain >= sim::worthwhile_gain && listed++ < 3) out += wrap(a.sentence, "- ");
  if (listed > 0) return out;
  return out + wrap("nothing of what could be measured would narrow the interval by " +
                        percent_text(sim::worthwhile_gain, 0) +
                        " or more: what is left is the noise of a run and what no formula holds",
                    "- ");
}

std::string attribution_text(sim::Attribution const& a, double ranks) {
  auto const unit = unit_of({a.mean_s});
  double const excess_s = a.mean_s - a.ideal_s;
  TextTable table{{{"without", "", Align::left}, {"T falls by", "[" + unit.name + "]"}, {"of T - ideal"}}, {}};
  auto const add = [&](std::string const& name, double cost_s) {
    table.add({name, unit.text(cost_s), excess_s > 0.0 ? percent_text(cost_s / excess_s, 0) : "-"});
  };
  for (auto const& cause : a.causes) add(std::string(cause.name), cause.cost_s);
  std::size_t listed = 0;
  for (auto const& pair : a.interactions)
    if (std::abs(pair.cost_s) >= 0.01 * std::abs(excess_s) && listed++ < 5)
      add(std::string(pair.first) + " and " + std::string(pair.second) + ", beyond each", pair.cost_s);
  double rest_s = excess_s;
  for (auto const& cause : a.causes) rest_s -= cause.cost_s;
  listed = 0;
  for (auto const& pair : a.interactions)
    if (std::abs(pair.cost_s) >= 0.01 * std::abs(excess_s) && listed++ < 5) rest_s -= pair.cost_s;
  add("rest (small batches, baseline)", rest_s);
  return "\n" +
         wrap("At K = " + number_text(ranks, 7) + " T is " + unit.text(a.mean_s) + " " + unit.name + ", ideal " +
              unit.text(a.ideal_s) + " " + unit.name +
              " (the baseline's throughput per worker). What a step would save without each cause:") +
         to_text(table);
}

std::string sweep_text(std::string const& parameter, std::vector<std::string> const& values,
                       std::vector<model::Curve> const& curves) {
  std::vector<double> times_s;
  for (auto const& curve : curves) times_s.push_back(curve.points.back().mean_s);
  auto const unit = unit_of(times_s);
  double const confidence = curves.front().confidence;
  TextTable table{{{parameter},
                   {"T", "[" + unit.name + "]"},
                   {percent_text(confidence, 0) + " interval", "[" + unit.name + "]", Align::right, 1},
                   {"E"},
                   {"P(pays)", "", Align::right, 2},
                   {"bend", "K"}},
                  {}};
  for (std::size_t i = 0; i < curves.size(); ++i) {
    auto const& point = curves[i].points.back();
    table.add({values[i], unit.text(point.mean_s), unit.text(point.low_s) + " .. " + unit.text(point.high_s),
               fixed_text(point.efficiency.centre, 3), percent_text(point.p_pays, 0),
               curves[i].bend ? number_text(curves[i].bend->ranks, 7) : "-"});
  }
  std::string out =
      wrap("What if, at K = " + number_text(curves.front().points.back().ranks, 7) + ":") + to_text(table);
  for (auto const& caution : curves.front().cautions) out += wrap(caution, "- ");
  return out;
}

std::string to_text(calibrate::FitResult const& fit) {
  auto const& m = fit.model;
  std::string out = wrap(m.workload.empty() ? "fitted Model" : m.workload) + "\n" + to_text(table_of(m)) + "\n";
  std::vector<double> times_s;
  for (auto const& point : m.origin.fitted) times_s.push_back(point.measured_s);
  if (!times_s.empty()) {
    auto const unit = unit_of(times_s);
    TextTable points{{{"K"},
                      {"B", "", Align::right, 2},
                      {"runs", "", Align::right, 3},
                      {"measured", "[" + unit.name + "]"},
                      {"fitted", "[" + unit.name + "]"},
                      {percent_text(model::fitted_confidence, 0) + " interval", "[" + unit.name + "]"},
                      {"error"},
                      {"weight", "", Align::right, 1}},
                     {}};
    for (auto const& p : m.origin.fitted)
      points.add({number_text(p.ranks, 7), number_text(p.global_batch, 7), std::to_string(p.runs),
                  unit.text(p.measured_s), unit.text(p.fitted_s), unit.text(p.low_s) + " .. " + unit.text(p.high_s),
                  signed_percent_text(p.fitted_s / p.measured_s - 1.0, 1), fixed_text(p.weight, 2)});
    out += to_text(points) + "\n";
  }
  if (auto const& curve = m.parameters.measured_allreduce)
    out += to_text(table_of(*curve)) +
           wrap("Between measured sizes a time is uncertain by " + percent_text(curve->size_log_sd(), 1) +
                " (sd), from how the line through each size's neighbours misses it.") +
           "\n";
  if (!m.ratings.empty()) out += "Is it what this hardware can do?\n";
  for (auto const& sentence : rating_sentences(m.ratings)) out += wrap(sentence, "- ");
  if (!m.ratings.empty()) out += "\n";
  for (auto const& message : fit.messages) out += wrap(message, "- ");
  for (auto const& caution : sim::cautions(m)) out += wrap(caution, "- ");
  return out;
}

namespace {

/// How the numbers came about: the method, and of a sampling one how many steps were drawn and what they leave unsure.
std::string method_sentence(model::Curve const& curve) {
  std::string text = "Method: " + curve.method + (curve.method_reason.empty() ? "" : ", " + curve.method_reason) + ".";
  double worst = 0.0;
  long trials = 0;
  for (auto const& p : curve.points) {
    worst = std::max(worst, p.standard_error_s / p.mean_s);
    trials = std::max(trials, p.trials);
  }
  if (trials > 0)
    text += " " + std::to_string(trials) + " steps drawn at each K; standard error of T " + percent_text(worst, 3) +
            (curve.points.size() > 1 ? " at most." : ".");
  if (!curve.stopped || curve.points.empty()) return text;
  auto const& last = curve.points.back();
  text += " Stopped at K = " + number_text(last.ranks, 7);
  if (curve.method == "closed-form") return text + ".";
  if (last.trials == 0) return text + " before two steps were drawn: its T is the closed form's.";
  return text + " after " + std::to_string(last.trials) + " steps: T there is " + number_text(last.mean_s, 6) +
         " s, standard error " + number_text(last.standard_error_s, 2) + " s.";
}

}  // namespace

std::string to_text(model::Curve const& curve) {
  std::string out =
      wrap((curve.workload.empty() ? "" : curve.workload + ". ") + std::string(model::to_text(curve.regime)) +
           " scaling predicted from K0 = " + number_text(curve.baseline_ranks, 7)) +
      "\n" + to_text(table_of(curve)) + "\n";
  out += wrap(
      "T: mean step, the median of what it may be; its interval is that of the mean step of a new run. E: per-worker "
      "throughput relative to K0" +
      (curve.baseline_s ? ", as measured there (" + number_text(*curve.baseline_s, 4) + " s)" : "") +
      ". P(pays): E >= " + number_text(curve.threshold, 3) + ".");
  out += wrap(method_sentence(curve));
  out += wrap(bend_sentence(curve));
  if (!curve.points.empty()) {
    out += wrap("At K = " + number_text(curve.points.back().ranks, 7) + " a step is " +
                budget_sentence(curve.points.back()) + ".");
    if (curve.bend)
      for (auto const& point : curve.points)
        if (point.ranks == curve.bend->ranks && &point != &curve.points.back())
          out += wrap("At the bend it is " + budget_sentence(point) + ".");
    if (auto const& last = curve.points.back(); last.jitter_tax)
      out += wrap("Hop by hop, a collective of " + number_text(last.ranks, 7) + " workers takes " +
                  fixed_text(*last.jitter_tax, 3) + " times what it would without jitter and waiting inside it.");
  }
  auto const thin =
      std::find_if(curve.points.begin(), curve.points.end(), [](auto const& p) { return p.global_batch < p.ranks; });
  if (thin != curve.points.end() && thin->global_batch > 1.0)
    out += wrap("from K = " + number_text(thin->ranks, 7) + " on a worker has less than one sample (B = " +
                    number_text(thin->global_batch, 7) + "): this job cannot be cut so thin",
                "- ");
  if (!curve.not_measured.empty()) {
    std::string names;
    for (auto const& name : curve.not_measured) names += (names.empty() ? "" : ", ") + name;
    out += wrap("not measured, and it matters here: " + names, "- ");
  }
  for (auto const& caution : curve.cautions) out += wrap(caution, "- ");
  return out;
}

}  // namespace kurve::validate
