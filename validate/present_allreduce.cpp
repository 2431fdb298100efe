// SPDX-License-Identifier: Apache-2.0
#include "validate/present_allreduce.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "data/json_text.hpp"
#include "validate/number_text.hpp"

namespace kurve::validate {
namespace {

using Json = nlohmann::ordered_json;

std::string inside_text(Coverage const& c) { return std::to_string(c.hits) + "/" + std::to_string(c.n); }

TextTable table_of_studies(AllreduceScorecardSet const& set) {
  TextTable text{{{"log", "", Align::left},
                  {"held out"},
                  {"median"},
                  {"90th %"},
                  {"one line", "median"},
                  {"one line", "90th %"},
                  {"inside"}},
                 {}};
  for (auto const& card : set.studies) {
    auto name = card.study.substr(card.study.find_last_of('/') + 1);
    if (name.size() > 30) name = name.substr(0, 27) + "...";
    auto const& s = card.summary;
    text.add({name, std::to_string(s.errors.n), percent_text(s.errors.median, 1), percent_text(s.errors.p90, 1),
              percent_text(s.line_errors.median, 1), percent_text(s.line_errors.p90, 1), inside_text(s.coverage)});
  }
  return text;
}

TextTable table_of_points(AllreduceScorecardSet const& set) {
  TextTable text{{{"ranks"},
                  {"size"},
                  {"measured", "[us]"},
                  {"predicted", "[us]"},
                  {percent_text(set.confidence, 0) + " interval", "[us]"},
                  {"error"},
                  {"inside"}},
                 {}};
  for (auto const& p : set.studies.front().points)
    text.add({number_text(p.ranks, 7), bytes_text(p.bytes), fixed_text(p.measured_s * 1e6, 1),
              fixed_text(p.predicted_s * 1e6, 1), fixed_text(p.low_s * 1e6, 1) + " .. " + fixed_text(p.high_s * 1e6, 1),
              signed_percent_text(p.relative_error, 1), p.covered ? "yes" : "no"});
  return text;
}

Json errors_json(ErrorSummary const& e) {
  return {{"n", e.n}, {"mape", e.mean}, {"median_ape", e.median}, {"p90_ape", e.p90}, {"max_ape", e.max}};
}

Json summary_json(AllreduceSummary const& s) {
  Json json = errors_json(s.errors);
  json["one_line"] = errors_json(s.line_errors);
  json["coverage"] = s.coverage.share;
  json["coverage_low"] = s.coverage.interval.low;
  json["coverage_high"] = s.coverage.interval.high;
  json["half_width"] = s.half_width;
  return json;
}

}  // namespace

std::string to_text(AllreduceScorecardSet const& set) {
  std::string out;
  if (!set.studies.empty()) {
    bool const several = set.studies.size() > 1;
    out += wrap("all-reduces of " + std::to_string(set.studies.size()) + (several ? " logs" : " log") + ", fitted on " +
                set.studies.front().split) +
           "\n" + to_text(several ? table_of_studies(set) : table_of_points(set)) + "\n";
    auto const& s = set.summary;
    auto const line = [](std::string const& who, ErrorSummary const& e) {
      return who + ": median " + percent_text(e.median, 1) + ", 90th percentile " + percent_text(e.p90, 1) + ", mean " +
             percent_text(e.mean, 1);
    };
    out += wrap("Of " + std::to_string(s.errors.n) + " held-out all-reduces " + inside_text(s.coverage) +
                " lie in their " + percent_text(set.confidence, 0) + " interval (" + percent_text(s.coverage.share, 0) +
                "); median half-width " + percent_text(std::expm1(s.half_width), 1) + ".");
    out += wrap(line("the curve", s.errors), "- ") + wrap(line("one alpha and beta", s.line_errors), "- ");
  }
  for (auto const& [study, why] : set.left_out) out += wrap("left out: " + study + ": " + why, "- ");
  return out;
}

std::string to_json(AllreduceScorecardSet const& set, data::Provenance const* provenance) {
  Json json{{"confidence", set.confidence}, {"studies", Json::array()}};
  for (auto const& card : set.studies) {
    Json points = Json::array();
    for (auto const& p : card.points)
      points.push_back({{"ranks", p.ranks},
                        {"bytes", p.bytes},
                        {"measured_s", p.measured_s},
                        {"predicted_s", p.predicted_s},
                        {"low_s", p.low_s},
                        {"high_s", p.high_s},
                        {"relative_error", p.relative_error},
                        {"covered", p.covered},
                        {"one_line_s", p.line_s}});
    json["studies"].push_back(
        {{"study", card.study}, {"split", card.split}, {"points", points}, {"summary", summary_json(card.summary)}});
  }
  json["summary"] = summary_json(set.summary);
  for (auto const& [study, why] : set.left_out) json["left_out"].push_back({{"study", study}, {"why", why}});
  if (provenance != nullptr) json["provenance"] = data::provenance_json(*provenance);
  std::ostringstream text;
  data::write_json(text, json);
  return text.str();
}

TextTable table_of(model::AllreduceCurve const& curve) {
  TextTable text{{{"ranks"}, {"size"}, {"time", "[us]"}, {"busbw", "[GB/s]"}, {"neighbours' line"}}, {}};
  std::map<std::pair<double, double>, double> missed;
  for (auto const& r : curve.residuals()) missed[{r.point.ranks, r.point.bytes}] = r.log_error;
  for (auto const& p : curve.points()) {
    auto const r = missed.find({p.ranks, p.bytes});
    text.add({number_text(p.ranks, 7), bytes_text(p.bytes), fixed_text(p.time_s * 1e6, 1),
              fixed_text(p.bytes / p.time_s * 2.0 * (p.ranks - 1.0) / p.ranks / 1e9, 2),
              r == missed.end() ? "" : signed_percent_text(std::expm1(r->second), 1)});
  }
  return text;
}

}  // namespace kurve::validate
