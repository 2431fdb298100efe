// SPDX-License-Identifier: Apache-2.0
#include "calibrate/fit_inputs.hpp"
#include "cli/calibration_results.hpp"
#include "cli/output.hpp"
#include "cli/verbs.hpp"
#include "data/input.hpp"
#include "validate/present_model.hpp"

namespace kurve::cli {

int calibrate_from(CommandLine const& line, Arguments const& files) {
  auto const inputs = calibrate::sort_inputs(data::read_studies(files, line.assumptions()));
  auto const fitted = calibrate::fit_model(inputs, {.draws = 2000, .seed = line.get<std::uint64_t>("seed")});
  warn(line, inputs.components.notes);
  warn(line, inputs.steps.notes);

  ResultsFolder folder(line);
  auto const model = model_file_text(fitted.model, line.provenance(files));
  folder.put("model.json", model);
  write_result(line, wants(line, ".json") ? model : validate::to_text(fitted) + "\n" + folder.written());
  return ok;
}

}  // namespace kurve::cli
