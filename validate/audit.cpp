// SPDX-License-Identifier: Apache-2.0
#include "validate/audit.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "model/error.hpp"
#include "model/scaling.hpp"
#include "validate/audit_rules.hpp"
#include "validate/number_text.hpp"

namespace kurve::validate {
namespace {

using detail::Case;
using detail::Rule;

std::vector<Rule> all_rules() {
  std::vector<Rule> rules;
  for (auto const part :
       {detail::baseline_rules(), detail::problem_rules(), detail::curve_rules(), detail::method_rules()})
    rules.insert(rules.end(), part.begin(), part.end());
  std::sort(rules.begin(), rules.end(), [](Rule const& a, Rule const& b) { return a.text.id < b.text.id; });
  return rules;
}

std::optional<double> bend_of(std::vector<RebasedPoint> const& points, double RebasedPoint::*efficiency,
                              double threshold) {
  std::vector<double> ranks, values;
  for (auto const& point : points) {
    ranks.push_back(point.ranks);
    values.push_back(point.*efficiency);
  }
  auto const bend = model::find_bend(ranks, values, threshold);
  return bend ? std::optional(bend->ranks) : std::nullopt;
}

/// The curve against the reference: the reference does the baseline's work, or, weak, its share of it.
std::optional<RebasedCurve> rebase(ScalingTable const& table, AuditOptions const& options) {
  if (!options.reference_s) return std::nullopt;
  auto const& base = table.points[table.baseline];
  bool const weak = table.regime == model::Regime::weak;
  double const batch = weak ? base.global_batch * options.reference_ranks / base.ranks : base.global_batch;
  model::Throughput const reference{options.reference_ranks, batch, *options.reference_s};
  RebasedCurve curve;
  for (auto const& point : table.points) {
    double const honest = point.ranks == options.reference_ranks
                              ? 1.0
                              : model::efficiency(reference, {point.ranks, point.global_batch, point.time.mean});
    bool const same_k = !curve.points.empty() && curve.points.back().ranks == point.ranks;
    if (same_k && curve.points.back().honest >= honest) continue;
    if (same_k) curve.points.pop_back();
    curve.points.push_back({point.ranks, point.efficiency, honest});
  }
  curve.claimed_bend_ranks = bend_of(curve.points, &RebasedPoint::claimed, options.threshold);
  curve.honest_bend_ranks = bend_of(curve.points, &RebasedPoint::honest, options.threshold);
  return curve;
}

/// One row of the checklist: the rules that fail it, and what it says where none does.
struct Row {
  std::string item;
  std::vector<std::string_view> rules;  ///< numbers: "KV001"
  CheckStatus otherwise;
  std::string evidence;
};

std::vector<Row> checklist_rows(Case const& c) {
  auto const stated = [](bool known) { return known ? CheckStatus::pass : CheckStatus::unknown; };
  auto const& table = c.table;
  auto const baseline = detail::header(c.study, "baseline");
  auto const& last = table.points.back();
  bool const inclusion_known = c.study.warmup() != data::Inclusion::unknown &&
                               !detail::header(c.study, "setup").empty() &&
                               detail::header(c.study, "setup") != "unknown";
  std::size_t fewest = last.time.n;
  for (auto const& point : table.points) fewest = std::min(fewest, point.time.n);
  std::string const what = table.replication == data::Replication::run ? " runs" : " values";
  std::string ratios = "E(" + number_text(last.ranks, 9) + ") = " + fixed_text(last.efficiency, 3);
  if (last.speedup) ratios = "S(" + number_text(last.ranks, 9) + ") = " + fixed_text(*last.speedup, 2) + ", " + ratios;
  return {
      {"exact baseline",
       {"KV001", "KV002", "KV003", "KV018", "KV023"},
       CheckStatus::pass,
       "K = " + number_text(c.baseline().ranks, 9) + ": " + baseline},
      {"fixed workload",
       {"KV006", "KV007", "KV008", "KV010", "KV020", "KV021", "KV022"},
       stated(c.measured.has_batch),
       c.measured.has_batch ? "global batch " + std::string(table.regime == model::Regime::weak ? "proportional to K"
                                                                                                : "the same at every K")
                            : "no global_batch column: nothing shows that the points do the same work"},
      {"warm-up and set-up",
       {"KV014", "KV016"},
       stated(inclusion_known),
       "warm-up " + (detail::header(c.study, "warmup").empty() ? "not stated" : detail::header(c.study, "warmup")) +
           ", set-up " + (detail::header(c.study, "setup").empty() ? "not stated" : detail::header(c.study, "setup"))},
      {"repeats and variance",
       {"KV011", "KV012", "KV013"},
       CheckStatus::pass,
       "at least " + std::to_string(fewest) + what + " a point, with their spread"},
      {"strong or weak",
       {"KV005", "KV007"},
       stated(table.derived || table.declared),
       std::string(to_text(table.regime)) + (table.derived    ? ", by the batch at each K"
                                             : table.declared ? ", as declared"
                                                              : " assumed")},
      {"efficiency as well as speedup", {"KV017", "KV024"}, CheckStatus::pass, ratios + ", from the step times"}};
}

std::vector<CheckItem> fill_checklist(Case const& c, std::vector<Finding> const& findings) {
  std::vector<CheckItem> items;
  for (auto const& row : checklist_rows(c)) {
    CheckItem item{row.item, row.otherwise, row.evidence};
    for (auto const& finding : findings) {
      bool const of_row =
          std::find(row.rules.begin(), row.rules.end(), std::string_view(finding.rule).substr(0, 5)) != row.rules.end();
      if (!of_row || finding.severity == Severity::note) continue;
      item.status = CheckStatus::fail;
      item.evidence = finding.rule.substr(0, 5) + ": " + finding.evidence;
      break;  // findings are sorted: the gravest is named
    }
    items.push_back(std::move(item));
  }
  return items;
}

std::string counted(std::size_t n, std::string const& noun) {
  return std::to_string(n) + " " + noun + (n == 1 ? "" : "s");
}

std::string verdict_of(Audit const& result) {
  auto const count = [&](Severity severity) {
    return static_cast<std::size_t>(std::count_if(result.findings.begin(), result.findings.end(),
                                                  [&](auto const& f) { return f.severity == severity; }));
  };
  auto const unknown =
      static_cast<std::size_t>(std::count_if(result.checklist.begin(), result.checklist.end(),
                                             [](auto const& i) { return i.status == CheckStatus::unknown; }));
  std::string const open =
      unknown == 0 ? "" : "; " + counted(unknown, "row") + " of the checklist cannot be filled from the data";
  if (auto const errors = count(Severity::error); errors > 0)
    return "does not stand: " + counted(errors, "error") + ", " + counted(count(Severity::warning), "warning") +
           "; first " + result.findings.front().title + open;
  if (auto const warnings = count(Severity::warning); warnings > 0)
    return "stands with reservations: " + counted(warnings, "warning") + open;
  return "stands: no error and no warning" + open;
}

}  // namespace

std::string_view to_text(Severity severity) {
  switch (severity) {
    case Severity::note:
      return "note";
    case Severity::warning:
      return "warning";
    case Severity::error:
      break;
  }
  return "error";
}

std::string_view to_text(CheckStatus status) {
  switch (status) {
    case CheckStatus::pass:
      return "pass";
    case CheckStatus::fail:
      return "fail";
    case CheckStatus::unknown:
      break;
  }
  return "unknown";
}

std::string objection(Audit const& audit) {
  if (!has_error(audit)) return "";
  auto const& first = audit.findings.front();
  auto const errors = static_cast<std::size_t>(std::count_if(
      audit.findings.begin(), audit.findings.end(), [](auto const& f) { return f.severity == Severity::error; }));
  return "This curve does not stand (" + counted(errors, "error") + " of the audit). " + first.rule + ": " +
         first.title + ". Seen: " + first.evidence + ".";
}

bool has_error(Audit const& audit) {
  return std::any_of(audit.findings.begin(), audit.findings.end(),
                     [](auto const& f) { return f.severity == Severity::error; });
}

void check(AuditOptions const& options) {
  auto const positive = [](char const* name, std::optional<double> value) {
    if (value && !(*value > 0.0 && std::isfinite(*value)))
      throw InputError(std::string(name) + "=" + number_text(*value, 6) + " (must be positive)");
  };
  if (!(options.threshold > 0.0 && options.threshold < 1.0))
    throw InputError("threshold=" + number_text(options.threshold, 6) + " (must be in (0, 1))");
  if (!(options.reference_ranks >= 1.0))
    throw InputError("reference_ranks=" + number_text(options.reference_ranks, 6) + " (must be at least 1)");
  positive("reference_s", options.reference_s);
  positive("gradient_bytes", options.gradient_bytes);
  positive("node_bytes_per_s", options.node_bytes_per_s);
}

std::vector<RuleText> audit_rules() {
  std::vector<RuleText> texts;
  for (auto const& rule : all_rules()) texts.push_back(rule.text);
  return texts;
}

Audit audit(data::Study const& study, AuditOptions const& options) {
  check(options);
  auto const measured = data::measured_points(study);
  ScalingOptions table_options;
  table_options.threshold = options.threshold;
  table_options.resamples = 100;  // the rules use closed-form errors, not the bootstrap
  auto const table = make_scaling_table(study, table_options);

  Audit result;
  result.path = study.path;
  result.workload = detail::header(study, "workload");
  result.rebased = rebase(table, options);
  Case const c{study, options, measured, table, result.rebased};
  for (auto const& rule : all_rules())
    if (auto hit = rule.look(c))
      result.findings.push_back({std::string(rule.text.id), hit->severity, std::string(rule.text.title),
                                 std::move(hit->evidence), std::string(rule.text.remedy), hit->line});
  std::stable_sort(result.findings.begin(), result.findings.end(),
                   [](auto const& a, auto const& b) { return a.severity > b.severity; });
  result.checklist = fill_checklist(c, result.findings);
  result.verdict = verdict_of(result);
  return result;
}

}  // namespace kurve::validate
