// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "model/step.hpp"

namespace kurve::data {

/// model::set_parameter() in the language of quantities: a scalar with a unit of its kind, `5us`, `100Gbit/s`, `2.8GB`,
/// `70%`, `1e4`, or bare in its own unit. @throws InputError as there, and on a unit of another kind
void set_parameter(model::StepParameters& parameters, std::string_view name, std::string_view text);

}  // namespace kurve::data
