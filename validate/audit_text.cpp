// SPDX-License-Identifier: Apache-2.0
#include "validate/audit.hpp"
#include "validate/number_text.hpp"
#include "validate/text_table.hpp"

namespace kurve::validate {

std::string to_text(Audit const& audit) {
  std::string text = wrap("Audit of " + (audit.workload.empty() ? audit.path : audit.workload)) + "\n";
  text += wrap(audit.verdict, "Verdict: ") + "\n";
  for (auto const& finding : audit.findings) {
    std::string const where = finding.line > 0 ? " (" + audit.path + ":" + std::to_string(finding.line) + ")" : "";
    text += wrap(finding.rule + ": " + finding.title + where, std::string(to_text(finding.severity)) + " ");
    text += wrap(finding.evidence, "  saw: ");
    text += wrap(finding.remedy, "  do:  ") + "\n";
  }
  text += "Checklist\n";
  for (auto const& item : audit.checklist)
    text += wrap(item.item + ": " + item.evidence,
                 "  " + std::string(to_text(item.status)) + std::string(9 - to_text(item.status).size(), ' '));
  if (!audit.rebased) return text;
  text += "\nEfficiency against the reference baseline\n";
  TextTable table{.columns = {{"K"}, {"claimed"}, {"honest"}}, .rows = {}};
  for (auto const& point : audit.rebased->points)
    table.add({number_text(point.ranks, 9), fixed_text(point.claimed, 3), fixed_text(point.honest, 3)});
  return text + to_text(table);
}

}  // namespace kurve::validate
