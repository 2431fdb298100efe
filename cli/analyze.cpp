// SPDX-License-Identifier: Apache-2.0
#include <sstream>

#include "cli/output.hpp"
#include "cli/verbs.hpp"
#include "data/atomic_file.hpp"
#include "data/input.hpp"
#include "data/logs/extra_p.hpp"
#include "data/model_file.hpp"
#include "model/error.hpp"
#include "sim/simulate.hpp"
#include "validate/audit.hpp"
#include "validate/number_text.hpp"
#include "validate/plot.hpp"
#include "validate/present_json.hpp"
#include "validate/present_text.hpp"

namespace kurve::cli {
namespace po = boost::program_options;
namespace {

/// The Model's curve at the points of the table, to lie under them in the plot.
model::Curve predicted(model::Model const& model, validate::ScalingTable const& table, std::uint64_t seed) {
  double const baseline = table.points[table.baseline].ranks;
  if (model.baseline_ranks != baseline)
    throw InputError("the Model's baseline is K = " + validate::number_text(model.baseline_ranks, 9) +
                     " and the study's K = " + validate::number_text(baseline, 9) +
                     " (one plot needs one baseline). Fit a Model to this study?");
  if (model.regime != table.regime)
    throw InputError("the Model's regime is " + std::string(to_text(model.regime)) + " and the study's " +
                     std::string(to_text(table.regime)) +
                     " (their efficiencies do not compare). Fit a Model to this study?");
  sim::SimulateOptions options{.ranks = {},
                               .global_batches = {},
                               .threshold = table.options.threshold,
                               .confidence = table.options.confidence,
                               .seed = seed,
                               .quantile_levels = {0.5},
                               .progress = {}};
  for (auto const& point : table.points) {
    if (!options.ranks.empty() && options.ranks.back() == point.ranks) continue;  // several batches at one K
    options.ranks.push_back(point.ranks);
    if (model.regime == model::Regime::mixed) options.global_batches.push_back(point.global_batch);
  }
  return sim::simulate(model, options);
}

/// The samples in the format of the file's ending.
void export_study(data::Study const& study, std::string const& path) {
  std::ostringstream text;
  if (path.ends_with(".csv"))
    data::write_study_csv(text, study);
  else if (path.ends_with(".json"))
    data::write_extra_p(text, study);
  else
    throw InputError("--export='" + path + "' (must end in .csv for a Study, or .json for Extra-P)");
  data::write_file(path, text.str());
}

}  // namespace

int analyze(Arguments const& arguments) {
  CommandLine line(
      "analyze INPUT... [options]",
      "A measured scaling study in (Study CSV, a table such as gpus,time, any log of docs/formats.md; - is standard "
      "input), "
      "out come the scaling table, the bend, its cause and the plot. Times of single ranks (a profiler's traces) "
      "give each rank's compute, communication and overlap, and the cause.",
      "  kurve analyze data/sets/book_code_5_2_1/book_code_5_2_1.csv --plot -");
  line.takes_studies();
  add_judgement_options(line, 0.95);
  line.options().add_options()("normal",
                               "intervals as textbooks print them, mean +- 1.96 s/sqrt(n), instead of Student's t")(
      "plot,p", po::value<std::string>()->value_name("FILE"),
      "draw to FILE.svg, .png or .pdf; - draws in the terminal")(
      "model,M", po::value<std::string>()->value_name("MODEL"),
      "with --plot: draw this Model's predicted band under the measured points")(
      "export,x", po::value<std::string>()->value_name("FILE"),
      "also write the samples as read: a Study (.csv), or for Extra-P (.json)")(
      "seed", po::value<std::uint64_t>()->default_value(1), "of the resampled studies");
  if (!line.parse(arguments)) return ok;
  auto const inputs = line.inputs();
  validate::ScalingOptions options{
      .threshold = line.threshold(), .confidence = line.confidence(), .seed = line.get<std::uint64_t>("seed")};
  if (line.has("normal")) options.mean_interval = validate::MeanInterval::normal;
  auto const picture = plot_path(line);
  auto const model_path = line.find<std::string>("model");
  if (model_path && !picture)
    throw InputError("--model='" + *model_path + "' without --plot (the Model is only drawn). Add --plot FILE?");

  auto const study = data::read_study(inputs, line.assumptions());
  auto all_inputs = inputs;
  if (model_path) all_inputs.push_back(*model_path);
  auto const made_by = line.provenance(all_inputs);
  if (auto const path = line.find<std::string>("export")) {
    export_study(study, *path);
    if (study.kind() == data::StudyKind::components) {  // a part of the step: there is nothing else to show
      warn(line, study.notes);
      return ok;
    }
  }
  if (study.kind() == data::StudyKind::per_rank) {  // one K, every rank: no table, but the clearest view of a cause
    if (picture) throw InputError("--plot with times of single ranks (there is no scaling curve to draw)");
    auto const ranks = validate::rank_times(study);
    std::optional<validate::Diagnosis> diagnosis;  // compares ranks: one alone has no peer
    if (ranks.size() > 1) diagnosis = validate::diagnose(study);
    warn(line, study.notes);
    write_result(line, wants(line, ".json") ? validate::to_json(ranks, diagnosis ? &*diagnosis : nullptr, &made_by)
                                            : validate::to_text(validate::table_of(ranks)) +
                                                  (diagnosis ? "\n" + validate::to_text(*diagnosis) : std::string{}));
    return ok;
  }
  auto const table = validate::make_scaling_table(study, options);
  auto const diagnosis = validate::diagnose(study);
  auto const objection = validate::objection(validate::audit(study, {.threshold = options.threshold,
                                                                     .reference_s = {},
                                                                     .gradient_bytes = {},
                                                                     .node_bytes_per_s = {},
                                                                     .other_claims = {}}));
  std::optional<model::Curve>
      curve;  // before anything is written: a Model that does not fit the study is no half result
  if (model_path) curve = predicted(data::read_model(*model_path), table, options.seed);
  if (curve) warn(line, curve->cautions);
  write_result(line, wants(line, ".json") ? validate::to_json(table, &made_by, &diagnosis, objection)
                                          : (objection.empty() ? "" : validate::wrap(objection) + "\n") +
                                                validate::to_text(table) + "\n" + validate::to_text(diagnosis));
  if (picture) {
    auto plot = validate::make_scaling_plot(table);
    if (curve) validate::add_prediction(plot, *curve);
    draw(plot, *picture);
  }
  return ok;
}

}  // namespace kurve::cli
