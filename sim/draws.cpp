// SPDX-License-Identifier: Apache-2.0
#include "sim/draws.hpp"

#include <algorithm>
#include <cmath>

#include "data/philox.hpp"
#include "model/factor_law.hpp"

namespace kurve::sim {
namespace {

/// @param u  uniform in (0, 1)
double draw_one(model::ParameterInfo const& info, double value, double sd, double u) {
  if (value > 0.0 && info.min >= 0.0 && sd > 0.3 * value && info.min < value) {
    double const offset = info.min;  // a slowdown is 1 and more: its excess is what is uncertain
    double const excess = value - offset;
    return std::min(info.max, offset + excess * model::quantile(model::factor_law(model::Shape::lognormal, sd / excess),
                                                                u, 1.0 - u));
  }
  auto const law = model::FactorLaw{.location = value, .scale = sd};
  double const below = model::cdf(law, info.min), beyond = model::survival(law, info.max);
  double const level = below + u * (1.0 - below - beyond), tail = beyond + (1.0 - u) * (1.0 - below - beyond);
  return std::clamp(model::quantile(law, level, tail), info.min, info.max);
}

}  // namespace

model::StepParameters draw_parameters(model::Model const& model, std::uint32_t draw, std::uint64_t seed) {
  if (!model.draws.empty()) return model.draws[draw % model.draws.size()];
  auto p = model.parameters;
  auto const table = model::parameter_table();
  for (auto const& [name, knowledge] : model.knowledge) {
    auto const* info = model::find_parameter(name);
    if (info == nullptr || !(knowledge.sd > 0.0)) continue;
    double const u =
        data::uniforms(seed, draw, static_cast<std::uint32_t>(info - table.data()), 0, data::Stream::parameters).first;
    p.*(info->member) = draw_one(*info, p.*(info->member), knowledge.sd, u);
  }
  return p;
}

}  // namespace kurve::sim
