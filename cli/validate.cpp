// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <map>
#include <optional>

#include "calibrate/fit.hpp"
#include "calibrate/fit_allreduce.hpp"
#include "calibrate/fit_steps.hpp"
#include "calibrate/learn_prior.hpp"
#include "cli/output.hpp"
#include "cli/verbs.hpp"
#include "data/input.hpp"
#include "data/model_file.hpp"
#include "data/quantity_text.hpp"
#include "model/error.hpp"
#include "validate/allreduce_holdout.hpp"
#include "validate/holdout.hpp"
#include "validate/plot.hpp"
#include "validate/present_allreduce.hpp"
#include "validate/present_json.hpp"
#include "validate/present_text.hpp"

namespace kurve::cli {
namespace {

namespace po = boost::program_options;

/// --fit, --ratio or --leave-largest; the last of them where none is given.
validate::Split split_of(CommandLine const& line) {
  if (static_cast<int>(line.has("fit")) + static_cast<int>(line.has("ratio")) +
          static_cast<int>(line.has("leave-largest")) >
      1)
    throw InputError("--fit, --ratio and --leave-largest exclude each other (each says which points are fitted)");
  if (auto const expression = line.find<std::string>("fit")) return validate::parse_split(*expression);
  if (auto const ratio = line.find<double>("ratio")) return validate::ratio_split(*ratio);
  return validate::leave_largest_split();
}

/// --prior. @throws InputError on another word, and on one Study or a Model where the others would teach
std::string prior_of(CommandLine const& line, std::size_t studies) {
  auto const prior = line.get<std::string>("prior");
  if (prior != "shipped" && prior != "round" && prior != "leave-one-out")
    throw InputError("--prior='" + prior + "' (must be shipped, round or leave-one-out)");
  if (prior == "round" && line.has("model"))
    throw InputError("--prior round with --model (the Model is fitted already). Name Studies alone?");
  if (prior == "leave-one-out" && (studies < 2 || line.has("model")))
    throw InputError("--prior leave-one-out of one Study (it is learned from the others). Name several Studies?");
  return prior;
}

/// @throws InputError
std::optional<double> max_error(CommandLine const& line) {
  auto const limit = line.find<double>("max-error");
  if (limit && *limit < 0.0)
    throw InputError("--max-error=" + data::number_text(*limit) + " (must be 0 or above; 0.05 is 5 %)");
  return limit;
}

/// The verdict of --max-error: the largest error of a held-out point against the limit.
int judge(CommandLine const& line, validate::ErrorSummary const& errors) {
  auto const limit = max_error(line);
  if (!limit || errors.max <= *limit) return ok;
  std::cerr << "kurve: verdict: a held-out point errs by " << 100.0 * errors.max << " %, more than --max-error "
            << 100.0 * *limit << " %\n";
  return verdict_failed;
}

/// The inputs where each of them holds all-reduces alone, else none. @throws InputError if --leave-sizes asks for them
std::vector<data::Study> allreduce_logs(CommandLine const& line, Arguments const& inputs) {
  std::vector<data::Study> logs;
  for (auto const& path : inputs) {
    logs.push_back(data::read_study({path}));
    if (calibrate::is_allreduce_only(logs.back())) continue;
    if (line.has("leave-sizes"))
      throw InputError("--leave-sizes with '" + path + "' (it holds more than all-reduces, or none)");
    return {};
  }
  return logs;
}

}  // namespace

int validate(Arguments const& arguments) {
  CommandLine line("validate STUDY... [options]",
                   "Fit some points of a Study, predict the rest, and score the prediction beside simple rivals. "
                   "Several Studies give one scorecard.",
                   "  kurve validate data/sets/mlperf_gpt3_v3_1/points.csv --fit 'K<=4096'");
  line.takes_studies();
  add_judgement_options(line, 0.9);
  line.options().add_options()("fit,f", po::value<std::string>()->value_name("EXPR"),
                               "points to fit, the rest held out: 'K<=8', 'K in 1,2,4', 'B==2048'")(
      "ratio", po::value<double>()->value_name("R"), "fit K <= Kmax/R")(
      "leave-largest", "hold out the largest K (what happens without any of these)")(
      "leave-sizes",
      "of all-reduce logs: hold out every other size, each log by itself (else they are one cluster, and "
      "rank counts are held out)")("model,M", po::value<std::string>()->value_name("FILE"),
                                   "score this Model against all points instead of fitting")(
      "max-error", po::value<double>()->value_name("E"),
      "a gate: exit code 5 if a held-out point errs by more (0.05 is 5 %)")(
      "draws", po::value<int>()->default_value(2000), "of the intervals")(
      "seed", po::value<std::uint64_t>()->default_value(1), "of the draws")(
      "prior", po::value<std::string>()->default_value("shipped"),
      "constants of the fit's prior: shipped; round, round numbers; leave-one-out, learned for each "
      "study on those of the other sources")("plot,p", po::value<std::string>()->value_name("FILE"),
                                             "draw to FILE.svg, .png or .pdf; - draws in the terminal");
  if (!line.parse(arguments)) return ok;
  static_cast<void>(max_error(line));  // refused before the work
  auto const inputs = line.inputs();
  kurve::validate::HoldoutOptions const options{.confidence = line.confidence(),
                                                .threshold = line.threshold(),
                                                .draws = line.draws(),
                                                .seed = line.get<std::uint64_t>("seed")};
  auto const picture = plot_path(line);
  auto const prior_name = prior_of(line, inputs.size());
  std::map<std::string, calibrate::StepPrior> priors;  // by source, where left out
  auto const fit = [&](data::Study const& study) {
    auto const prior = !priors.empty()         ? priors.at(calibrate::study_source(study))
                       : prior_name == "round" ? calibrate::vague_prior()
                                               : calibrate::StepPrior{};
    return calibrate::fit_steps(study, {.draws = options.draws, .seed = options.seed}, prior);
  };
  auto const model_path = line.find<std::string>("model");
  auto all_inputs = inputs;
  if (model_path) all_inputs.push_back(*model_path);
  auto const made_by = line.provenance(all_inputs);

  if (auto const logs = allreduce_logs(line, inputs); !logs.empty() && !model_path) {
    auto const set = line.has("leave-sizes")
                         ? kurve::validate::leave_sizes_out(logs, calibrate::fit_allreduce, options.confidence)
                         : kurve::validate::leave_ranks_out(data::read_study(inputs), split_of(line),
                                                            calibrate::fit_allreduce, options.confidence);
    write_result(line, wants(line, ".json") ? kurve::validate::to_json(set, &made_by) : kurve::validate::to_text(set));
    return judge(line, set.summary.errors);
  }
  if (inputs.size() > 1 && !model_path) {
    auto const studies = data::read_studies(inputs, line.assumptions());
    if (prior_name == "leave-one-out") priors = calibrate::PriorLearner(studies, options.seed).without_each();
    auto const set = kurve::validate::validate_studies(studies, split_of(line), fit, options);
    write_result(line, wants(line, ".json") ? kurve::validate::to_json(set, &made_by) : kurve::validate::to_text(set));
    if (picture && !set.studies.empty()) draw(set, *picture);
    return judge(line, set.summary.errors);
  }
  auto const study = data::read_study(inputs, line.assumptions());
  std::vector<std::string> digests;
  for (auto const& [path, digest] : made_by.inputs) digests.push_back(digest);
  auto const card = model_path ? kurve::validate::validate_model(data::read_model(*model_path), study, options, digests)
                               : kurve::validate::validate_study(study, split_of(line), fit, options);
  warn(line, study.notes);
  write_result(line, wants(line, ".json") ? kurve::validate::to_json(card, &made_by) : kurve::validate::to_text(card));
  if (picture) draw(kurve::validate::make_scaling_plot(card), *picture);
  return judge(line, card.summary.errors);
}

}  // namespace kurve::cli
