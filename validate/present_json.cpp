// SPDX-License-Identifier: Apache-2.0
#include "validate/present_json.hpp"

#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "data/json_text.hpp"

namespace kurve::validate {
namespace {

using Json = nlohmann::ordered_json;

/// JSON has no NaN and no infinity: both are "not known".
Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }
Json number(std::optional<double> value) { return value ? number(*value) : Json(nullptr); }

std::string finish(Json json, data::Provenance const* provenance) {
  if (provenance != nullptr) json["provenance"] = data::provenance_json(*provenance);
  // Text from a file may hold any bytes; a replacement character is better than no answer.
  auto const valid = Json::parse(json.dump(-1, ' ', false, Json::error_handler_t::replace));
  std::ostringstream text;
  data::write_json(text, valid);
  return text.str();
}

Json point_json(ScalingPoint const& point, ScalingTable const& table) {
  auto const bound = [&](auto const& interval, double data::Bounds::*side) {
    return interval ? number((*interval).*side) : Json(nullptr);
  };
  return {{"K", point.ranks},
          {"global_batch", table.has_batch ? number(point.global_batch) : Json(nullptr)},
          {"n", point.time.n},
          {"mean_s", point.time.mean},
          {"std_s", point.time.n > 1 ? number(point.time.sd) : Json(nullptr)},
          {"ci_low_s", bound(point.mean_s, &data::Bounds::low)},
          {"ci_high_s", bound(point.mean_s, &data::Bounds::high)},
          {"speedup", number(point.speedup)},
          {"efficiency", point.efficiency},
          {"efficiency_low", bound(point.efficiency_interval, &data::Bounds::low)},
          {"efficiency_high", bound(point.efficiency_interval, &data::Bounds::high)},
          {"verdict", point.pays ? "pays" : "below threshold"}};
}

Json bend_json(std::optional<TableBend> const& bend) {
  if (!bend) return nullptr;
  return {{"K", bend->at.ranks},
          {"last_ok_K", number(bend->at.last_ok_ranks)},
          {"crossing_K", number(bend->at.crossing_ranks)},
          {"ci_low_K", number(bend->low_ranks)},
          {"ci_high_K", number(bend->high_ranks)},
          {"agreement", bend->has_interval ? number(bend->agreement) : Json(nullptr)}};
}

Json errors_json(ErrorSummary const& errors) {
  return {{"n", errors.n},
          {"mape", number(errors.mean)},
          {"median_ape", number(errors.median)},
          {"p90_ape", number(errors.p90)},
          {"max_ape", number(errors.max)}};
}

Json summary_json(ScoreSummary const& summary, double confidence) {
  Json json = errors_json(summary.errors);
  json["unknown"] = summary.unknown;
  json["coverage"] = number(summary.coverage.share);
  json["coverage_low"] = summary.coverage.interval.low;
  json["coverage_high"] = summary.coverage.interval.high;
  json["confidence"] = confidence;
  json["crps"] = number(summary.crps_rel);
  json["interval_score"] = number(summary.interval_score_rel);
  json["half_width"] = number(summary.half_width_rel);
  json["half_width_over_median_ape"] = number(summary.half_width_over_error);
  json["pit_histogram"] = summary.pit_histogram;
  return json;
}

Json rivals_json(std::vector<RivalScore> const& rivals) {
  Json json = Json::object();
  for (auto const& rival : rivals) json[rival.name] = errors_json(rival.errors);
  return json;
}

Json card_json(Scorecard const& card) {
  Json points = Json::array();
  for (auto const& point : card.points)
    points.push_back({{"K", point.ranks},
                      {"global_batch", point.global_batch},
                      {"part", to_text(point.part)},
                      {"held_out", point.part == Part::unknown ? Json(nullptr) : Json(point.part == Part::held_out)},
                      {"n", point.n},
                      {"measured_s", point.measured_s},
                      {"predicted_s", number(point.predicted_s)},
                      {"low_s", number(point.low_s)},
                      {"high_s", number(point.high_s)},
                      {"relative_error", number(point.relative_error)},
                      {"covered", point.covered},
                      {"pit", point.pit},
                      {"p_pays", point.p_pays}});
  Json summary = summary_json(card.summary, card.confidence);
  summary["bend"] = {{"predicted_K", number(card.predicted_bend)},
                     {"measured_K", number(card.measured_bend)},
                     {"low_K", number(card.bend.low_ranks)},
                     {"high_K", number(card.bend.high_ranks)},
                     {"pays_K", number(card.bend.pays_ranks)}};
  return {{"study", card.study},
          {"workload", card.workload},
          {"split", card.split},
          {"regime", model::to_text(card.regime)},
          {"points", points},
          {"summary", summary},
          {"rivals", rivals_json(card.rivals)},
          {"identified", card.identified},
          {"messages", card.messages}};
}

Json diagnosis_json(Diagnosis const& d) {
  Json probabilities = Json::object();
  for (auto const cause : {Cause::communication, Cause::straggler, Cause::imbalance, Cause::serial, Cause::none})
    probabilities[to_text(cause)] = 0.0;  // always there, in this order
  for (auto const& [cause, probability] : d.probabilities) probabilities[to_text(cause)] = probability;
  Json json{{"cause", to_text(d.cause)}, {"probabilities", probabilities}, {"evidence", d.evidence}};
  if (d.persistent) json["persistent"] = *d.persistent;
  if (d.persistent || !d.ranks.empty()) json["ranks"] = d.ranks;
  if (d.stage) json["stage"] = *d.stage;
  return json;
}

}  // namespace

std::string to_json(ScalingTable const& table, data::Provenance const* provenance, Diagnosis const* diagnosis,
                    std::string const& objection) {
  auto const& baseline = table.points[table.baseline];
  auto const regime = [](auto const& r) { return r ? Json(model::to_text(*r)) : Json(nullptr); };
  Json points = Json::array();
  for (auto const& point : table.points) points.push_back(point_json(point, table));
  Json answer = {{"workload", table.workload},
                 {"regime", model::to_text(table.regime)},
                 {"regime_declared", regime(table.declared)},
                 {"regime_derived", regime(table.derived)},
                 {"baseline", {{"K", baseline.ranks}, {"mean_s", baseline.time.mean}, {"n", baseline.time.n}}},
                 {"threshold", table.options.threshold},
                 {"confidence", table.options.confidence},
                 {"points", points},
                 {"bend", bend_json(table.bend)},
                 {"dips_K", table.dips},
                 {"budget", table.budget},
                 {"notes", table.notes}};
  if (!objection.empty()) answer["objection"] = objection;
  if (diagnosis) answer["diagnosis"] = diagnosis_json(*diagnosis);
  return finish(std::move(answer), provenance);
}

namespace {

Json pop_json(Diagnosis const& diagnosis) {
  Json pop = Json::array();
  for (auto const& f : diagnosis.pop)
    pop.push_back({{"K", f.ranks},
                   {"load_balance", f.load_balance},
                   {"serialization", f.serialization},
                   {"transfer", f.transfer}});
  return pop;
}

}  // namespace

std::string to_json(Diagnosis const& diagnosis, data::Provenance const* provenance) {
  return finish({{"diagnosis", diagnosis_json(diagnosis)}, {"pop", pop_json(diagnosis)}}, provenance);
}

std::string to_json(std::vector<RankTimes> const& ranks, Diagnosis const* diagnosis,
                    data::Provenance const* provenance) {
  Json rows = Json::array();
  for (auto const& r : ranks)
    rows.push_back({{"K", r.ranks},
                    {"rank", r.rank},
                    {"stage", r.stage ? Json(*r.stage) : Json(nullptr)},
                    {"steps", r.steps},
                    {"step_time_s", r.step_s},
                    {"compute_s", r.compute_s},
                    {"comm_s", r.comm_s},
                    {"hidden_comm_s", r.has_hidden ? number(r.hidden_comm_s) : Json(nullptr)},
                    {"overlap", r.has_hidden ? number(r.overlap()) : Json(nullptr)}});
  Json json{{"ranks", rows}};
  if (diagnosis != nullptr) {
    json["diagnosis"] = diagnosis_json(*diagnosis);
    json["pop"] = pop_json(*diagnosis);
  }
  return finish(json, provenance);
}

std::string to_json(Scorecard const& card, data::Provenance const* provenance) {
  return finish(card_json(card), provenance);
}

std::string to_json(ScorecardSet const& set, data::Provenance const* provenance) {
  Json studies = Json::array(), left_out = Json::array();
  for (auto const& card : set.studies) studies.push_back(card_json(card));
  for (auto const& [study, why] : set.left_out) left_out.push_back({{"study", study}, {"why", why}});
  double const confidence = set.studies.empty() ? 0.0 : set.studies.front().confidence;
  return finish({{"studies", studies},
                 {"summary", summary_json(set.summary, confidence)},
                 {"rivals", rivals_json(set.rivals)},
                 {"left_out", left_out}},
                provenance);
}

}  // namespace kurve::validate
