// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "validate/plan.hpp"

namespace kurve::validate {

// The steps of make_plan, in order.

/// The checkpoint interval and what failures at the median rate make of the run, in expectation. @return  that rate
[[nodiscard]] model::Failures apply_failures(PlanOption& option, Offer const& offer, PlanOptions const& options);
/// Wall times of whole runs, from draws of the mean step. @param step_cv  sd over mean of a step within a run
/// @return  [draws * runs], as PlanOption::times_s
[[nodiscard]] std::vector<double> run_times_s(PlanOption const& option, model::Failures const& failures, double step_cv,
                                              std::vector<double> const& step_draws_s, PlanOptions const& options);

/// One offer by itself.
[[nodiscard]] OfferPlan plan_offer(Offer const& offer, PlanOptions const& options);
/// The same from its steps, simulated at every K that it has.
[[nodiscard]] OfferPlan plan_offer(Offer const& offer, PlanOptions const& options, sim::Simulated const& steps);
/// The option that make_plan's rule takes, of those that are not slower and dearer than a feasible one of `all`; none
/// where none is feasible.
[[nodiscard]] std::optional<std::size_t> best_option(OfferPlan const& plan, PlanOptions const& options,
                                                     std::span<OfferPlan const> all);
/// Whether E(K) reaches the threshold, to the three digits that are shown.
[[nodiscard]] bool pays(PlanOption const& option, double threshold);

/// Fills `comparison` of two offers that both have a price. @param one_model  whether they share their draws
void compare(Plan& plan, bool one_model);
/// Fills `recommended` with its reason, or `verdict` with what would help.
void choose(Plan& plan);
/// What a reader must know of the numbers: batch and convergence, extrapolation, thin batches.
void add_notes(Plan& plan);

/// Changes of the machine or the job that would make a K feasible, by trying each; in words, best first.
[[nodiscard]] std::vector<std::string> what_would_help(OfferPlan const& plan, PlanOptions const& options);

}  // namespace kurve::validate
