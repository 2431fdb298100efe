// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "calibrate/fit.hpp"
#include "model/curve.hpp"
#include "sim/advise.hpp"
#include "sim/attribute.hpp"
#include "sim/simulate.hpp"
#include "validate/text_table.hpp"

namespace kurve::validate {

/// The parameters that are not at rest: value, sd, where each came from, whether it is identified.
[[nodiscard]] TextTable table_of(model::Model const& model);
/// A prediction, one line a K.
[[nodiscard]] TextTable table_of(model::Curve const& curve);
/// Times of the all-reduce, one line a size and K. @param confidence  of their intervals
[[nodiscard]] TextTable table_of(std::vector<sim::AllreducePoint> const& points, double confidence);

/// What was measured beside the best it could be, a sentence each: value, share of the ceiling, verdict.
[[nodiscard]] std::vector<std::string> rating_sentences(std::vector<model::Rating> const& ratings);

/// Where the mean step goes at one K, largest first: "compute 71 %, exposed communication 20 %, serial 9 %".
[[nodiscard]] std::string budget_sentence(model::CurvePoint const& point);
/// The predicted bend, its interval, and the largest K that pays for sure enough.
[[nodiscard]] std::string bend_sentence(model::Curve const& curve);

/// The three best of what is worth measuring next for T at `ranks`, or that nothing is.
[[nodiscard]] std::string advice_text(std::vector<sim::Advice> const& advice, double ranks);

/// What each cause costs of T at `ranks` beyond ideal, and how they hide or aggravate each other.
[[nodiscard]] std::string attribution_text(sim::Attribution const& attribution, double ranks);

/// A parameter's values and, for each, the prediction at the largest K. @param curves  one for each value
[[nodiscard]] std::string sweep_text(std::string const& parameter, std::vector<std::string> const& values,
                                     std::vector<model::Curve> const& curves);

/// Whole answers of 80 columns for a terminal.
[[nodiscard]] std::string to_text(calibrate::FitResult const& fit);
[[nodiscard]] std::string to_text(model::Curve const& curve);

}  // namespace kurve::validate
