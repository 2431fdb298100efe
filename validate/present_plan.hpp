// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "data/provenance.hpp"
#include "validate/plan.hpp"
#include "validate/plot.hpp"
#include "validate/text_table.hpp"

namespace kurve::validate {

/// One offer: K, time, cost, efficiency, probabilities; `>` marks the recommended K.
[[nodiscard]] TextTable table_of(Plan const& plan, std::size_t offer);
/// "GPT-3. 100000 steps, at 2.5/gpu-hour, 64 GPUs offered."
[[nodiscard]] std::string job_sentence(Plan const& plan, std::size_t offer);
/// "failures: one in 3.09 h at K = 16384 (...); a checkpoint of 5.00 min every 39.2 min, a restart takes 20.0 min"
[[nodiscard]] std::string failure_sentence(Plan const& plan, std::size_t offer);
/// Beyond which K more GPUs lose time, and money.
[[nodiscard]] std::string limits_sentence(Plan const& plan, std::size_t offer);
/// Which of two offers is cheaper, where they cross and how sure that is; "" for one offer.
[[nodiscard]] std::string comparison_sentence(Plan const& plan);

/// The whole answer at 80 columns.
[[nodiscard]] std::string to_text(Plan const& plan);
/// Keys of docs/formats.md; what there is none of is null. @param provenance  nullptr leaves it out
[[nodiscard]] std::string to_json(Plan const& plan, data::Provenance const* provenance = nullptr);

/// Time above cost against K, with their intervals, deadline, budget and the recommended K.
[[nodiscard]] std::string render_plot(Plan const& plan, PlotFormat format);

}  // namespace kurve::validate
