// SPDX-License-Identifier: Apache-2.0
#include "validate/plan.hpp"

#include <filesystem>

#include "cli/output.hpp"
#include "cli/plan_options.hpp"
#include "cli/settings.hpp"
#include "cli/verbs.hpp"
#include "data/model_file.hpp"
#include "validate/felt.hpp"
#include "validate/present_plan.hpp"

namespace kurve::cli {
namespace {

/// File names without folder and ending; with them where two files would have the same.
Arguments names_of(Arguments const& paths) {
  Arguments names;
  for (auto const& path : paths) names.push_back(std::filesystem::path(path).stem().string());
  if (names.size() == 2 && names[0] == names[1] && paths[0] != paths[1]) return paths;
  return names;
}

}  // namespace

int plan(Arguments const& arguments) {
  CommandLine line("plan MODEL [MODEL] [options]",
                   "Time, cost, energy and the odds of keeping deadline and budget for a whole run at each K, failures "
                   "and checkpoints included, and which K to buy. Two Models are two offers.",
                   "  kurve fit data/sets/mlperf_gpt3_v3_1/points.csv --out gpt3.json\n"
                   "  kurve plan gpt3.json --steps 100k -B 2048 -K 512..16384 --price 2.5/gpu-hour --deadline 7d");
  line.takes_inputs(2);
  add_plan_options(line);
  line.options().add_options()("plot,p", boost::program_options::value<std::string>()->value_name("FILE"),
                               "time and cost against K to FILE.svg, .png or .pdf; - draws in the terminal");
  if (!line.parse(arguments)) return ok;
  auto const inputs = line.inputs();
  auto const picture = plot_path(line);
  std::vector<model::Model> models;
  for (auto const& path : inputs) models.push_back(data::read_model(path));
  auto const offers = offers_of(line, models, names_of(inputs));
  auto const options = plan_options(line, offers);
  for (std::size_t i = 0; i < offers.size(); ++i)
    validate::check_felt(models[i], offers[i].model, settings_of(line.all("set")),
                         validate::asked_plan(offers[i], options));
  auto const result = validate::make_plan(offers, options);
  if (wants(line, ".json")) {
    auto const made_by = line.provenance(inputs);
    write_result(line, validate::to_json(result, &made_by));
  } else {
    write_result(line, validate::to_text(result));
  }
  if (picture) draw(result, *picture);
  return result.recommended ? ok : verdict_failed;
}

}  // namespace kurve::cli
