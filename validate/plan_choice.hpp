// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "validate/plan.hpp"

namespace kurve::validate {

// The steps of make_plan, in order.

/// One offer by itself.
[[nodiscard]] OfferPlan plan_offer(Offer const& offer, PlanOptions const& options);
/// The option that make_plan's rule takes; none where none is feasible.
[[nodiscard]] std::optional<std::size_t> best_option(OfferPlan const& plan, PlanOptions const& options);
/// Whether E(K) reaches the threshold, to the three digits that are shown.
[[nodiscard]] bool pays(PlanOption const& option, double threshold);

/// Fills `comparison` of two offers that both have a price.
void compare(Plan& plan);
/// Fills `recommended` with its reason, or `verdict` with what would help.
void choose(Plan& plan);
/// What a reader must know of the numbers: batch and convergence, extrapolation, thin batches.
void add_notes(Plan& plan);

/// Changes of the machine or the job that would make a K feasible, by trying each; in words, best first.
[[nodiscard]] std::vector<std::string> what_would_help(OfferPlan const& plan, PlanOptions const& options);

}  // namespace kurve::validate
