// SPDX-License-Identifier: Apache-2.0
#include "cli/fit_inputs.hpp"

#include "data/input.hpp"
#include "model/error.hpp"

namespace kurve::cli {

FitInputs read_fit_inputs(Arguments const& paths) {
  Arguments components, steps;
  for (auto const& path : paths) {
    switch (data::read_study({path}).kind()) {
      case data::StudyKind::components:
        components.push_back(path);
        break;
      case data::StudyKind::steps:
        steps.push_back(path);
        break;
      case data::StudyKind::per_rank:
        throw DataError(path, 0, "times of single ranks serve diagnosis, not a fit. Give whole steps or components?");
    }
  }
  FitInputs inputs;
  if (!components.empty()) inputs.components = data::read_study(components);
  if (!steps.empty()) inputs.steps = data::read_study(steps);
  return inputs;
}

}  // namespace kurve::cli
