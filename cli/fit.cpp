// SPDX-License-Identifier: Apache-2.0
#include "calibrate/fit.hpp"

#include <sstream>

#include "calibrate/fit_inputs.hpp"
#include "cli/output.hpp"
#include "cli/verbs.hpp"
#include "data/input.hpp"
#include "data/model_file.hpp"
#include "model/error.hpp"
#include "sim/summary.hpp"
#include "validate/present_model.hpp"
#include "validate/split.hpp"

namespace kurve::cli {
namespace po = boost::program_options;

int fit(Arguments const& arguments) {
  CommandLine line("fit INPUT... [options]",
                   "From a Study to a Model with its uncertainty. Inputs with component rows (serial, compute, "
                   "allreduce) are composed, and "
                   "step rows beside them adjust what no component pins down; step rows alone are fitted with the "
                   "growth law uncertain; all-reduce logs or a network's Model beside step rows explain their part of "
                   "the growth (what a step sums must be known: gradient_bytes).",
                   "  kurve fit data/sets/mlperf_gpt3_v3_1/points.csv --fit 'K<=4096' --out gpt3.json");
  line.takes_studies();
  line.options().add_options()("fit,f", po::value<std::string>()->value_name("EXPR"),
                               "fit only these step points: 'K<=8', 'K in 1,2,4', 'B==2048'")(
      "draws", po::value<int>()->default_value(2000), "posterior draws kept in the Model")(
      "seed", po::value<std::uint64_t>()->default_value(1), "of the draws");
  if (!line.parse(arguments)) return ok;
  auto const inputs = line.inputs();
  calibrate::FitOptions const options{.draws = line.draws(), .seed = line.get<std::uint64_t>("seed")};

  Arguments logs, models;
  for (auto const& input : inputs) (data::is_model_file(input) ? models : logs).push_back(input);
  auto studies = calibrate::sort_inputs(data::read_studies(logs, line.assumptions()));
  for (auto const& path : models) calibrate::add_network_model(studies, data::read_model(path));
  if (auto const split = line.find<std::string>("fit"))
    studies.steps = validate::fitted_part(studies.steps, validate::parse_split(*split));
  warn(line, studies.components.notes);
  warn(line, studies.steps.notes);
  auto fitted = calibrate::fit_model(studies, options);
  sim::place_fitted_points(fitted.model);
  std::ostringstream json;
  data::write_model(json, fitted.model, line.provenance(inputs));
  if (line.has("out") || line.json()) write_result(line, json.str());
  if (!line.json() && line.find<std::string>("out") != "-") print(validate::to_text(fitted));
  return ok;
}

}  // namespace kurve::cli
