// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "validate/diagnose.hpp"
#include "validate/holdout.hpp"
#include "validate/scaling_table.hpp"
#include "validate/text_table.hpp"

namespace kurve::validate {

/// The cells of each table, for a terminal (to_text) or a page (report.hpp).
[[nodiscard]] TextTable table_of(ScalingTable const& table);
[[nodiscard]] TextTable table_of(Scorecard const& card);
/// Kurve and its rivals, best median first. @param mine  the summary they stand beside
[[nodiscard]] TextTable rival_table(std::vector<RivalScore> const& rivals, ErrorSummary const& mine);
[[nodiscard]] TextTable table_of(std::vector<PopFactors> const& factors);
/// One line a study.
[[nodiscard]] TextTable table_of(ScorecardSet const& set);

/// The bend in a sentence.
[[nodiscard]] std::string bend_sentence(ScalingTable const& table);
/// The cause and how sure it is, in a sentence.
[[nodiscard]] std::string cause_sentence(Diagnosis const& diagnosis);
/// What the POP factors in their table mean.
[[nodiscard]] std::string pop_sentence();
/// What S and E in the table mean, in this study's regime.
[[nodiscard]] std::string definition_sentence(ScalingTable const& table);
/// What of a scorecard was held out.
[[nodiscard]] std::string split_sentence(Scorecard const& card);
/// "3 of 4 held-out points lie in their 90 % interval (75 %; 95 % interval of that share 19 to 99 %)"
[[nodiscard]] std::string coverage_sentence(ScoreSummary const& summary, double confidence);

/// CRPS, interval score, how wide the intervals are for the error made, and the PIT histogram.
[[nodiscard]] std::string calibration_sentence(ScoreSummary const& summary);
/// The bend as a distribution.
[[nodiscard]] std::string bend_sentence(Scorecard const& card);

/// Whole answers of 80 columns for a terminal: title, table, definitions, verdict, notes.
[[nodiscard]] std::string to_text(ScalingTable const& table);
[[nodiscard]] std::string to_text(Diagnosis const& diagnosis);
[[nodiscard]] std::string to_text(Scorecard const& card);
[[nodiscard]] std::string to_text(ScorecardSet const& set);

}  // namespace kurve::validate
