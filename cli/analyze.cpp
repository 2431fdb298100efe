// SPDX-License-Identifier: Apache-2.0
#include "cli/output.hpp"
#include "cli/verbs.hpp"
#include "data/input.hpp"
#include "model/error.hpp"
#include "validate/plot.hpp"
#include "validate/present_json.hpp"
#include "validate/present_text.hpp"

namespace kurve::cli {
namespace po = boost::program_options;

int analyze(Arguments const& arguments) {
  CommandLine line("analyze INPUT... [options]",
                   "A measured scaling study in (Study CSV, a table such as gpus,time, MLPerf logs; - is standard input),\n"
                   "out come the scaling table, the bend, its cause and the plot. Times of single ranks give the cause alone.",
                   "  kurve analyze data/sets/book_code_5_2_1/book_code_5_2_1.csv --plot -");
  line.positional("input", -1);
  add_judgement_options(line, 0.95);
  line.options().add_options()
      ("normal", "intervals as textbooks print them, mean +- 1.96 s/sqrt(n), instead of Student's t")
      ("plot,p", po::value<std::string>()->value_name("FILE"), "draw to FILE.svg, .png or .pdf; - draws in the terminal")
      ("seed", po::value<std::uint64_t>()->default_value(1), "of the bootstrap");
  if (!line.parse(arguments)) return ok;
  auto const inputs = line.all("input");
  if (inputs.empty()) throw InputError("no input (analyze reads at least one file). Try kurve analyze --help?");
  validate::ScalingOptions options{.threshold = line.threshold(), .confidence = line.confidence(), .seed = line.get<std::uint64_t>("seed")};
  if (line.has("normal")) options.mean_interval = validate::MeanInterval::normal;
  auto const picture = plot_path(line);

  auto const study = data::read_study(inputs);
  auto const made_by = line.provenance(inputs);
  if (study.kind() == data::StudyKind::per_rank) {  // one K, every rank: no table, but the clearest view of a cause
    if (picture) throw InputError("--plot with times of single ranks (there is no scaling curve to draw)");
    auto const diagnosis = validate::diagnose(study);
    write_result(line, wants(line, ".json") ? validate::to_json(diagnosis, &made_by) : validate::to_text(diagnosis));
    return ok;
  }
  auto const table = validate::make_scaling_table(study, options);
  auto const diagnosis = validate::diagnose(study);
  write_result(line, wants(line, ".json") ? validate::to_json(table, &made_by, &diagnosis) : validate::to_text(table) + "\n" + validate::to_text(diagnosis));
  if (picture) draw(validate::make_scaling_plot(table), *picture);
  return ok;
}

}  // namespace kurve::cli
