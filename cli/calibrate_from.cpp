// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <sstream>

#include "calibrate/fit_inputs.hpp"
#include "cli/output.hpp"
#include "cli/verbs.hpp"
#include "data/atomic_file.hpp"
#include "data/input.hpp"
#include "data/model_file.hpp"
#include "model/error.hpp"
#include "validate/present_model.hpp"

namespace kurve::cli {

int calibrate_from(CommandLine const& line, Arguments const& files) {
  auto const inputs = calibrate::sort_inputs(data::read_studies(files, line.assumptions()));
  auto const fitted = calibrate::fit_model(inputs, {.draws = 2000, .seed = line.get<std::uint64_t>("seed")});
  warn(line, inputs.components.notes);
  warn(line, inputs.steps.notes);

  std::filesystem::path const folder = line.get<std::string>("into");
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw InputError("cannot make --into '" + folder.string() + "' (" + error.message() + ")");
  std::ostringstream model;
  data::write_model(model, fitted.model, line.provenance(files));
  data::write_file(folder / "model.json", model.str());
  write_result(line, wants(line, ".json")
                         ? model.str()
                         : validate::to_text(fitted) + "\nWritten to " + folder.string() + ": model.json\n");
  return ok;
}

}  // namespace kurve::cli
