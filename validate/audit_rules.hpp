// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/points.hpp"
#include "validate/audit.hpp"

namespace kurve::validate::detail {

/// All that a rule looks at.
struct Case {
  data::Study const& study;
  AuditOptions const& options;
  data::MeasuredPoints const& measured;
  ScalingTable const& table;
  std::optional<RebasedCurve> const& rebased;

  [[nodiscard]] std::vector<data::MeasuredPoint> const& points() const { return measured.points; }
  [[nodiscard]] data::MeasuredPoint const& baseline() const { return measured.points[table.baseline]; }
};

/// What a rule saw.
struct Hit {
  Severity severity = Severity::note;
  std::string evidence;
  long line = 0;
};

struct Rule {
  RuleText text;
  std::optional<Hit> (*look)(Case const&);
};

[[nodiscard]] std::span<Rule const> baseline_rules();  ///< what the curve is relative to
[[nodiscard]] std::span<Rule const> problem_rules();   ///< whether all points are the same job
[[nodiscard]] std::span<Rule const> curve_rules();     ///< whether its points can be one curve
[[nodiscard]] std::span<Rule const> method_rules();    ///< how it was measured and reported

/// The most numerous points of one batch (strong, mixed) or one batch a worker (weak), by K.
[[nodiscard]] std::vector<data::MeasuredPoint> same_problem_points(Case const& c);

/// Line of the first row of this (K, B), 0 where it is not from a file.
[[nodiscard]] long line_of(data::Study const& study, data::MeasuredPoint const& point);

/// Header value of a key, "" where there is none.
[[nodiscard]] std::string header(data::Study const& study, std::string const& key);

}  // namespace kurve::validate::detail
