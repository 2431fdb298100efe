// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/provenance.hpp"
#include "data/study.hpp"
#include "validate/scaling_table.hpp"

namespace kurve::validate {

enum class Severity { note, warning, error };
[[nodiscard]] std::string_view to_text(Severity severity);

/// One thing a reader of a scaling claim must know. Rules: docs/audit.md.
struct Finding {
  std::string rule;  ///< stable id: "KV001-weak-baseline"
  Severity severity = Severity::note;
  std::string title, evidence, remedy;
  long line = 0;  ///< of the row in the file that shows it; 0 where it concerns the whole study
};

enum class CheckStatus { pass, fail, unknown };
[[nodiscard]] std::string_view to_text(CheckStatus status);

/// One row of the reporting checklist.
struct CheckItem {
  std::string item;
  CheckStatus status = CheckStatus::unknown;
  std::string evidence;
};

/// Efficiency against the reference baseline instead of the study's own.
struct RebasedPoint {
  double ranks = 1.0, claimed = 1.0, honest = 1.0;
};
struct RebasedCurve {
  std::vector<RebasedPoint> points;                             ///< by K, the best batch of each
  std::optional<double> claimed_bend_ranks, honest_bend_ranks;  ///< first K below the threshold
};

struct Audit {
  std::string path, workload;
  std::vector<Finding> findings;        ///< errors first, then by rule
  std::vector<CheckItem> checklist;     ///< [6] baseline, workload, warm-up, repeats, regime, efficiency
  std::string verdict;                  ///< one sentence
  std::optional<RebasedCurve> rebased;  ///< where a reference time was given
};
/// Whether a finding is an error: exit code 5.
[[nodiscard]] bool has_error(Audit const& audit);
/// What must be read before the curve, in a sentence or two; "" where there is no error.
[[nodiscard]] std::string objection(Audit const& audit);

struct AuditOptions {
  double threshold = 0.7;             ///< least efficiency that pays, in (0, 1)
  std::optional<double> reference_s;  ///< step time of the fastest correct run at reference_ranks, > 0
  double reference_ranks = 1.0;       ///< >= 1; with weak scaling the reference works on that share of the batch
  std::optional<double>
      gradient_bytes;  ///< summed each step, > 0; else the header's gradient_bytes, else 2 bytes a parameter
  std::optional<double>
      node_bytes_per_s;  ///< what a node sends to others, > 0; else read off the header's interconnect
  std::vector<data::Study const*> other_claims;  ///< of the same job, whose baseline should be the same
};
/// @throws InputError naming the option out of its range
void check(AuditOptions const& options);

/// A linter for scaling claims: what in the study, or missing from it, would mislead a reader.
///
/// Deterministic. An honest study may have notes and warnings, and has no errors.
/// @throws DataError where no row times a step, InputError on a bad option
/// Source: docs/audit.md, with the origin of each rule and threshold.
[[nodiscard]] Audit audit(data::Study const& study, AuditOptions const& options = {});

/// Everything audit can say: id, title and remedy of each rule, in order.
struct RuleText {
  std::string_view id, title, remedy;
};
[[nodiscard]] std::vector<RuleText> audit_rules();

/// `findings[]`, `checklist[6]`, `verdict`: the keys of DESIGN.md 5. Ends with a newline.
[[nodiscard]] std::string to_json(Audit const& audit, data::Provenance const* provenance = nullptr);
/// SARIF 2.1.0, for code-review tools. @param version  of Kurve
[[nodiscard]] std::string to_sarif(Audit const& audit, std::string const& version);
/// For people, 80 columns.
[[nodiscard]] std::string to_text(Audit const& audit);

}  // namespace kurve::validate
