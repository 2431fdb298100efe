// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "data/provenance.hpp"
#include "validate/diagnose.hpp"
#include "validate/holdout.hpp"
#include "validate/rank_table.hpp"
#include "validate/scaling_table.hpp"

namespace kurve::validate {

/// The `--json` of `analyze`; keys of docs/formats.md. What is not there (a speedup of a mixed study, the interval of
/// one sample) is null. Ends with a newline. @param provenance  nullptr leaves it out
/// @param diagnosis  nullptr leaves it out
[[nodiscard]] std::string to_json(ScalingTable const& table, data::Provenance const* provenance = nullptr,
                                  Diagnosis const* diagnosis = nullptr, std::string const& objection = "");
/// The `--json` of `analyze` where only single ranks were timed: `diagnosis`, and POP factors by K.
[[nodiscard]] std::string to_json(Diagnosis const& diagnosis, data::Provenance const* provenance = nullptr);
/// The same with their times, `ranks[]`. @param diagnosis  nullptr where one rank alone leaves nothing to compare
[[nodiscard]] std::string to_json(std::vector<RankTimes> const& ranks, Diagnosis const* diagnosis,
                                  data::Provenance const* provenance = nullptr);

/// The `--json` of `validate` on one Study. Errors are shares (0.05 is 5 %); crps and interval_score are of log T.
[[nodiscard]] std::string to_json(Scorecard const& card, data::Provenance const* provenance = nullptr);

/// The `--json` of `validate` on several: `studies[]` of the above, and `summary` and `rivals` pooled over their
/// points.
[[nodiscard]] std::string to_json(ScorecardSet const& set, data::Provenance const* provenance = nullptr);

}  // namespace kurve::validate
