// SPDX-License-Identifier: Apache-2.0
#include "validate/report.hpp"

#include <algorithm>
#include <map>

#include "calibrate/fit.hpp"
#include "cli/output.hpp"
#include "cli/verbs.hpp"
#include "data/input.hpp"
#include "data/model_file.hpp"
#include "data/quantity_text.hpp"
#include "model/error.hpp"
#include "sim/simulate.hpp"
#include "sim/summary.hpp"
#include "validate/audit.hpp"
#include "validate/diagnose.hpp"
#include "validate/holdout.hpp"
#include "validate/present_model.hpp"
#include "validate/present_text.hpp"
#include "validate/rank_table.hpp"
#include "validate/scaling_table.hpp"

namespace kurve::cli {
namespace {

namespace po = boost::program_options;
using validate::Mood;

/// What the page is made from and how.
struct Judgement {
  double threshold = 0.7, confidence = 0.9;
  std::uint64_t seed = 1;
  std::optional<std::string> split;
  std::vector<double> ranks;
};

validate::Figure figure_of(validate::ScalingPlot const& plot, std::string const& caption) {
  return {.svg = validate::render_plot(plot, validate::PlotFormat::svg),
          .description = plot.title + ": the numbers are in the table beside it",
          .caption = caption};
}

validate::Verdict verdict_of(validate::Audit const& audit) {
  Mood const mood = validate::has_error(audit) ? Mood::bad : audit.findings.empty() ? Mood::good : Mood::neutral;
  return {mood, "Audit: " + audit.verdict + "."};
}

/// A curve that does not stand has nothing good in it.
validate::Verdict verdict_of(validate::ScalingTable const& table, validate::Audit const& audit) {
  Mood const mood = table.bend ? Mood::caution : validate::has_error(audit) ? Mood::neutral : Mood::good;
  return {mood, validate::bend_sentence(table)};
}

/// Findings of the audit, gravest first, and the checklist.
void add_audit(validate::Section& section, validate::Audit const& audit) {
  using validate::Align;
  if (!audit.findings.empty()) {
    section.blocks.push_back(validate::Paragraph{"What the audit found:"});
    validate::Bullets findings;
    for (auto const& f : audit.findings)
      findings.items.push_back(std::string(to_text(f.severity)) + " " + f.rule + ": " + f.title +
                               ". Seen: " + f.evidence + ". Remedy: " + f.remedy + ".");
    section.blocks.push_back(std::move(findings));
  }
  validate::TextTable checklist{{{"row", "", Align::left}, {"status", "", Align::left}, {"seen", "", Align::left}}, {}};
  for (auto const& item : audit.checklist) checklist.add({item.item, std::string(to_text(item.status)), item.evidence});
  section.blocks.push_back(validate::Table{checklist, "The reporting checklist, filled from the data."});
}

void add_diagnosis(validate::Section& section, validate::Diagnosis const& diagnosis) {
  section.blocks.push_back(validate::Verdict{Mood::neutral, validate::cause_sentence(diagnosis)});
  section.blocks.push_back(validate::Bullets{diagnosis.evidence});
  if (!diagnosis.pop.empty())
    section.blocks.push_back(validate::Table{validate::table_of(diagnosis.pop), validate::pop_sentence()});
}

/// Times of single ranks at one K: no curve, but the clearest view of a cause.
validate::Section ranks_section(data::Study const& study) {
  auto const ranks = validate::rank_times(study);
  validate::Section section{.title = "Ranks: " + study.find("workload").value_or(study.path), .blocks = {}};
  if (ranks.size() > 1) add_diagnosis(section, validate::diagnose(study));  // compares ranks: one alone has no peer
  section.blocks.push_back(validate::Table{validate::table_of(ranks), "Means over the steps of each rank."});
  section.blocks.push_back(validate::Bullets{study.notes});
  return section;
}

validate::Section study_section(data::Study const& study, Judgement const& how) {
  auto const table =
      validate::make_scaling_table(study, {.threshold = how.threshold, .confidence = 0.95, .seed = how.seed});
  validate::Section section{.title = "Measured: " + (table.workload.empty() ? study.path : table.workload),
                            .blocks = {}};
  auto const audit = validate::audit(study, {.threshold = how.threshold,
                                             .reference_s = {},
                                             .gradient_bytes = {},
                                             .node_bytes_per_s = {},
                                             .other_claims = {}});
  if (auto const objection = validate::objection(audit); !objection.empty())
    section.blocks.push_back(validate::Verdict{Mood::bad, objection});
  section.blocks.push_back(verdict_of(table, audit));
  section.blocks.push_back(verdict_of(audit));
  section.blocks.push_back(figure_of(validate::make_scaling_plot(table), "Measured points, 95 % intervals."));
  section.blocks.push_back(validate::Table{validate::table_of(table), validate::definition_sentence(table)});
  add_diagnosis(section, validate::diagnose(study));
  if (!table.budget.empty()) section.blocks.push_back(validate::Paragraph{"What more workers bought:"});
  section.blocks.push_back(validate::Bullets{table.budget});
  if (!table.notes.empty()) section.blocks.push_back(validate::Paragraph{"How to read it:"});
  section.blocks.push_back(validate::Bullets{table.notes});
  add_audit(section, audit);
  return section;
}

validate::Section model_section(std::string const& path, model::Model const& model, Judgement const& how) {
  validate::Section section{.title = "Predicted: " + (model.workload.empty() ? path : model.workload), .blocks = {}};
  sim::SimulateOptions options{.ranks = {},
                               .global_batches = {},
                               .threshold = how.threshold,
                               .confidence = how.confidence,
                               .seed = how.seed,
                               .progress = {}};
  for (double const k : how.ranks)
    if (k >= model.baseline_ranks) options.ranks.push_back(k);
  if (!options.ranks.empty() && model.regime != model::Regime::mixed &&
      model::step_time(model.parameters, 1.0, 1.0).total_s() > 0.0) {
    auto const curve = sim::simulate(model, options);
    section.blocks.push_back(
        validate::Verdict{curve.bend ? Mood::caution : Mood::good, validate::bend_sentence(curve)});
    section.blocks.push_back(
        figure_of(validate::make_scaling_plot(curve), "Predicted, with the interval of the mean step of a new run."));
    section.blocks.push_back(validate::Table{validate::table_of(curve), "Prediction by K."});
    section.blocks.push_back(validate::Paragraph{"At K = " + data::number_text(curve.points.back().ranks) +
                                                 " a step is " + validate::budget_sentence(curve.points.back()) + "."});
    if (!curve.not_measured.empty()) {
      std::string names;
      for (auto const& name : curve.not_measured) names += (names.empty() ? "" : ", ") + name;
      section.blocks.push_back(validate::Verdict{Mood::caution, "Not measured, and it matters here: " + names + "."});
    }
  }
  for (auto const& caution : sim::cautions(model))
    section.blocks.push_back(validate::Verdict{Mood::caution, caution + "."});
  section.blocks.push_back(
      validate::Table{validate::table_of(model), "The Model's parameters, and where each came from."});
  if (!model.ratings.empty()) {
    section.blocks.push_back(validate::Paragraph{"Is it what this hardware can do?"});
    section.blocks.push_back(validate::Bullets{validate::rating_sentences(model.ratings)});
  }
  return section;
}

validate::Section score_section(validate::Scorecard const& card) {
  validate::Section section{.title = "Were we right: " + (card.workload.empty() ? card.study : card.workload),
                            .blocks = {}};
  auto const& coverage = card.summary.coverage;
  bool const claims = coverage.n > 0 && card.summary.unknown == 0;
  Mood const mood = !claims ? Mood::neutral : coverage.share >= 0.5 * card.confidence ? Mood::good : Mood::bad;
  section.blocks.push_back(validate::Verdict{mood, validate::coverage_sentence(card.summary, card.confidence)});
  section.blocks.push_back(validate::Paragraph{validate::split_sentence(card)});
  section.blocks.push_back(
      figure_of(validate::make_scaling_plot(card), "Fitted and held-out points over the predicted band."));
  section.blocks.push_back(validate::Table{validate::table_of(card), "Prediction and measurement."});
  if (!card.rivals.empty())
    section.blocks.push_back(validate::Table{validate::rival_table(card.rivals, card.summary.errors),
                                             "Absolute errors of the held-out points, simple rivals beside."});
  section.blocks.push_back(validate::Bullets{card.messages});
  return section;
}

/// Files of one K each, logs of single runs or traces of single ranks, are parts of one Study, as `analyze` reads them.
std::vector<data::Study> joined(std::vector<data::Study> studies) {
  std::vector<data::Study> result;
  std::map<data::StudyKind, std::vector<data::Study>> parts;
  for (auto& study : studies) {
    bool const one_k = std::all_of(study.samples.begin(), study.samples.end(),
                                   [&](auto const& s) { return s.ranks == study.samples.front().ranks; });
    (one_k ? parts[study.kind()] : result).push_back(std::move(study));
  }
  for (auto& [kind, of_kind] : parts) result.push_back(data::merged(std::move(of_kind)));
  return result;
}

/// Whether a Model is of a Study's workload. Two that name none are, where the Model was fitted to this Study or there
/// is no other that it could be of.
bool is_of(model::Model const& model, data::Study const& study, std::vector<std::string> const& digests, bool alone) {
  auto const workload = study.find("workload").value_or("");
  if (model.workload != workload || !workload.empty()) return model.workload == workload;
  auto const& made_from = model.origin.digests;
  return alone || std::any_of(digests.begin(), digests.end(), [&](auto const& digest) {
           return std::find(made_from.begin(), made_from.end(), digest) != made_from.end();
         });
}

/// Every verdict of the page, first: one line a section.
validate::Section summary_of(validate::Report const& page) {
  validate::Bullets lines;
  for (auto const& section : page.sections) {
    std::string line = section.title + ".";
    for (auto const& block : section.blocks)
      if (auto const* verdict = std::get_if<validate::Verdict>(&block)) line += " " + verdict->text;
    lines.items.push_back(std::move(line));
  }
  return {.title = "In short", .blocks = {std::move(lines)}};
}

validate::Section reproduction_of(data::Provenance const& made_by) {
  validate::Section section{.title = "How to make this page again", .blocks = {}};
  section.blocks.push_back(validate::Verbatim{made_by.command_line});
  section.blocks.push_back(validate::Paragraph{
      "The same inputs, seed and version of Kurve give the same numbers; the inputs' SHA-256 digests are below."});
  return section;
}

}  // namespace

int report(Arguments const& arguments) {
  CommandLine line("report INPUT... [options]",
                   "Studies and Models in, one self-contained HTML page out: tables, plots, causes, audits, "
                   "predictions, and how far "
                   "they were from points not fitted. Files of one K each are parts of one Study. A Model is scored "
                   "against each Study of the same workload; --fit scores each Study that it divides.",
                   "  kurve report data/sets/mlperf_gpt3_v3_1/points.csv --fit 'K<=4096' --out report.html");
  line.takes_studies();
  add_judgement_options(line, 0.9);
  line.options().add_options()("title", po::value<std::string>()->default_value("Scaling report"), "of the page")(
      "fit,f", po::value<std::string>()->value_name("EXPR"),
      "score predictions of each Study from these points: 'K<=8'")(
      "K,K", po::value<std::string>()->default_value("1..4096"), "where Models are asked for a prediction")(
      "seed", po::value<std::uint64_t>()->default_value(1), "of every random number");
  if (!line.parse(arguments)) return ok;
  auto const inputs = line.inputs();
  auto const ranks = data::ranks_from_text(line.get<std::string>("K"));
  Judgement const how{.threshold = line.threshold(),
                      .confidence = line.confidence(),
                      .seed = line.get<std::uint64_t>("seed"),
                      .split = line.find<std::string>("fit"),
                      .ranks = {ranks.begin(), ranks.end()}};
  validate::HoldoutOptions const scoring{.confidence = how.confidence, .threshold = how.threshold, .seed = how.seed};
  auto const fit = [&](data::Study const& study) { return calibrate::fit_steps(study, {.seed = how.seed}); };

  std::vector<model::Model> models;
  std::vector<data::Study> studies;
  validate::Report page{
      .title = line.get<std::string>("title"), .subtitle = "", .sections = {}, .provenance = line.provenance(inputs)};
  // A Study put together from several files has the digest of none: its points are known by their measurements.
  auto const digests_of = [&](data::Study const& study) -> std::vector<std::string> {
    for (auto const& [path, digest] : page.provenance.inputs)
      if (path == study.path) return {digest};
    return {};
  };

  Arguments study_paths;
  for (auto const& path : inputs)
    if (!data::is_model_file(path)) study_paths.push_back(path);
  if (!study_paths.empty()) studies = joined(data::read_studies(study_paths, line.assumptions()));
  for (auto const& study : studies)
    page.sections.push_back(study.kind() == data::StudyKind::per_rank ? ranks_section(study)
                                                                      : study_section(study, how));
  for (auto const& path : inputs) {
    if (!data::is_model_file(path)) continue;
    models.push_back(data::read_model(path));
    page.sections.push_back(model_section(path, models.back(), how));
  }
  for (auto const& study : studies) {
    if (study.kind() == data::StudyKind::per_rank) continue;
    for (auto const& model : models)
      if (is_of(model, study, digests_of(study), studies.size() == 1))
        page.sections.push_back(score_section(validate::validate_model(model, study, scoring, digests_of(study))));
    if (!how.split) continue;
    try {
      page.sections.push_back(
          score_section(validate::validate_study(study, validate::parse_split(*how.split), fit, scoring)));
    } catch (DataError const& e) {
      warn(line, {std::string(e.what()) + ": no score of it on the page"});
    }
  }
  page.sections.insert(page.sections.begin(), summary_of(page));
  page.sections.push_back(reproduction_of(page.provenance));
  write_result(line, validate::to_html(page));
  return ok;
}

}  // namespace kurve::cli
