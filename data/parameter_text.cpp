// SPDX-License-Identifier: Apache-2.0
#include "data/parameter_text.hpp"

#include "data/quantity_text.hpp"

namespace kurve::data {

void set_parameter(model::StepParameters& parameters, std::string_view name, std::string_view text) {
  auto const* info = model::find_parameter(name);
  model::set_parameter(parameters, name,
                       info == nullptr ? std::string(text) : number_text(value_from_text(name, info->unit, text)));
}

}  // namespace kurve::data
