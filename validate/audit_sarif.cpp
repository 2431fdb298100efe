// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "data/json_text.hpp"
#include "validate/audit.hpp"

namespace kurve::validate {
namespace {

using Json = nlohmann::ordered_json;

/// Text from a file may hold any bytes; a replacement character is better than no answer.
std::string dump(Json const& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; }

Json sarif_rules() {
  Json rules = Json::array();
  for (auto const& rule : audit_rules())
    rules.push_back({{"id", rule.id},
                     {"shortDescription", {{"text", rule.title}}},
                     {"fullDescription", {{"text", std::string(rule.title) + ". Remedy: " + std::string(rule.remedy)}}},
                     {"help", {{"text", rule.remedy}}}});
  return rules;
}

/// A URI of RFC 3986 from a path: everything but unreserved characters and slashes is escaped.
std::string uri_of(std::string const& path) {
  static constexpr std::string_view hex = "0123456789ABCDEF", safe = "-._~/";
  std::string uri;
  for (unsigned char const ch : path) {
    if (std::isalnum(ch) != 0 || safe.find(static_cast<char>(ch)) != std::string_view::npos)
      uri += static_cast<char>(ch);
    else
      uri += {'%', hex[ch >> 4], hex[ch & 15]};
  }
  return uri;
}

Json sarif_result(Finding const& finding, std::string const& path) {
  Json result{{"ruleId", finding.rule},
              {"level", to_text(finding.severity)},
              {"message", {{"text", finding.title + ": " + finding.evidence + ". Remedy: " + finding.remedy}}}};
  if (path.empty()) return result;
  Json const location{{"artifactLocation", {{"uri", uri_of(path)}}},
                      {"region", {{"startLine", std::max(1L, finding.line)}}}};
  result["locations"] = Json::array({Json{{"physicalLocation", location}}});
  return result;
}

}  // namespace

std::string to_json(Audit const& audit, data::Provenance const* provenance) {
  Json findings = Json::array(), checklist = Json::array();
  for (auto const& f : audit.findings)
    findings.push_back({{"rule", f.rule},
                        {"severity", to_text(f.severity)},
                        {"title", f.title},
                        {"evidence", f.evidence},
                        {"remedy", f.remedy}});
  for (auto const& i : audit.checklist)
    checklist.push_back({{"item", i.item}, {"status", to_text(i.status)}, {"evidence", i.evidence}});
  Json answer{{"findings", findings}, {"checklist", checklist}, {"verdict", audit.verdict}};
  if (audit.rebased) {
    Json rebased = Json::array();
    for (auto const& p : audit.rebased->points)
      rebased.push_back({{"K", p.ranks}, {"claimed_efficiency", p.claimed}, {"honest_efficiency", p.honest}});
    answer["rebased"] = rebased;
  }
  if (provenance) answer["provenance"] = data::provenance_json(*provenance);
  return dump(answer);
}

std::string to_sarif(Audit const& audit, std::string const& version) {
  Json results = Json::array();
  for (auto const& finding : audit.findings) results.push_back(sarif_result(finding, audit.path));
  Json const driver{{"name", "Kurve"}, {"semanticVersion", version}, {"rules", sarif_rules()}};
  return dump({{"$schema", "https://json.schemastore.org/sarif-2.1.0.json"},
               {"version", "2.1.0"},
               {"runs", Json::array({Json{{"tool", {{"driver", driver}}}, {"results", results}}})}});
}

}  // namespace kurve::validate
