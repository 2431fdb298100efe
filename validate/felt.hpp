// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "model/model.hpp"
#include "sim/simulate.hpp"
#include "validate/plan.hpp"

namespace kurve::validate {

/// Numbers that an answer shows of a Model, as text. Several, the cheapest first: two Models answer alike where all do.
using Shown = std::vector<std::function<std::string(model::Model const&)>>;

/// A question to a Model: at these K, and what its answer shows at any.
struct Asked {
  std::vector<double> ranks;
  std::function<Shown(std::vector<double> const& ranks)> at;
};
/// A Curve. @param options  of it; few of its draws are enough to see whether a number moves
[[nodiscard]] Asked asked_curve(sim::SimulateOptions options);
/// One collective.
[[nodiscard]] Asked asked_allreduce(sim::AllreduceOptions options);

/// A plan of one offer, its Model aside.
[[nodiscard]] Asked asked_plan(Offer offer, PlanOptions options);

/// A what-if of a Model: a parameter or a choice by its name, `global_batch` or `regime`.
struct Setting {
  std::string name, value;  ///< as given
};

/// Refuses a what-if that the answer cannot feel: no number shown moves, whatever value it takes; found by trying. The
/// message says what would make it felt, found by trying too: another K, or another parameter that is off here. Refuses
/// also a gradient set on a Model without one whose communication is in exposed terms already (`extra.`, `skew.`): it
/// would be counted twice.
/// @param before  the Model  @param with  the same with all of `settings`
/// @throws InputError
void check_felt(model::Model const& before, model::Model const& with, std::vector<Setting> const& settings,
                Asked const& asked);

}  // namespace kurve::validate
