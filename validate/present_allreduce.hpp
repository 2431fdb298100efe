// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "data/provenance.hpp"
#include "model/allreduce_curve.hpp"
#include "validate/allreduce_holdout.hpp"
#include "validate/text_table.hpp"

namespace kurve::validate {

/// Held-out all-reduces: a table of the logs where there are several, else of the points; then all of them pooled.
[[nodiscard]] std::string to_text(AllreduceScorecardSet const& set);
/// The `--json` of the same: `studies[]{study,split,points[],summary}` and `summary`. @param provenance nullptr: none
[[nodiscard]] std::string to_json(AllreduceScorecardSet const& set, data::Provenance const* provenance = nullptr);

/// A measured curve: each size with its time, bus bandwidth, and how far the line through its neighbours misses it.
[[nodiscard]] TextTable table_of(model::AllreduceCurve const& curve);

}  // namespace kurve::validate
