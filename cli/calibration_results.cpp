// SPDX-License-Identifier: Apache-2.0
#include "cli/calibration_results.hpp"

#include <optional>
#include <sstream>
#include <vector>

#include "calibrate/fit_inputs.hpp"
#include "cli/output.hpp"
#include "data/atomic_file.hpp"
#include "data/model_file.hpp"
#include "data/quantity_text.hpp"
#include "model/error.hpp"
#include "sim/summary.hpp"
#include "validate/number_text.hpp"
#include "validate/present_model.hpp"
#include "validate/text_table.hpp"

namespace kurve::cli {
namespace {

using calibrate::Calibration;

std::string points_text(Calibration const& measured) {
  validate::TextTable table{{{"measured", "", validate::Align::left},
                             {"median", "[ms]"},
                             {"mean", "[ms]"},
                             {"+-", "[%]"},
                             {"n"},
                             {"ended", "", validate::Align::left, 1}},
                            {}};
  for (auto const& p : measured.points) {
    auto const figure = [&](double value, int decimals) {
      return p.timings > 0 ? validate::fixed_text(value, decimals) : std::string("-");
    };
    table.add({p.description, figure(p.median_s * 1e3, 4), figure(p.mean_s * 1e3, 4),
               figure(p.mean_s > 0.0 ? 100.0 * p.standard_error_s / p.mean_s : 0.0, 2), std::to_string(p.timings),
               std::string(calibrate::to_text(p.termination))});
  }
  return validate::to_text(table);
}

std::string ended_text(Calibration const& found) {
  std::string const took = "All took " + validate::fixed_text(found.elapsed_s, 1) + " s";
  switch (found.ended) {
    case calibrate::Ended::complete:
      return took + ".";
    case calibrate::Ended::out_of_time:
      return took + ", all that --time-limit gave. More time with --resume makes it more precise.";
    case calibrate::Ended::stopped:
      return "Stopped after " + validate::fixed_text(found.elapsed_s, 1) + " s. --resume goes on from here.";
    case calibrate::Ended::failed:
      return "Failed after " + validate::fixed_text(found.elapsed_s, 1) + " s. --resume goes on from here.";
  }
  return {};
}

}  // namespace

ResultsFolder::ResultsFolder(CommandLine const& line) : path_(line.get<std::string>("into")) {
  std::error_code error;
  std::filesystem::create_directories(path_, error);
  if (error) throw InputError("cannot make --into '" + name() + "' (" + error.message() + ")");
  for (auto const& input : line.all("from"))
    for (auto const* result : {"components.csv", "steps.csv", "per_rank.csv", "network.csv", "model.json"})
      if (data::is_same_file(input, file(result).string()))
        throw InputError("--from '" + input + "' would be overwritten (it is " + result + " of --into '" + name() +
                         "'). Give another folder.");
}

void ResultsFolder::put(std::string const& name, std::optional<std::string> const& text) {
  if (!text) {
    std::error_code ignored;
    std::filesystem::remove(file(name), ignored);
    return;
  }
  data::write_file(file(name), *text);
  written_ += (written_.empty() ? "" : ", ") + name;
}

std::string ResultsFolder::written() const {
  return written_.empty() ? "Nothing to write to " + name() + "\n" : "Written to " + name() + ": " + written_ + "\n";
}

calibrate::LinkPeaks peaks_of(CommandLine const& line) {
  calibrate::LinkPeaks peaks;
  auto const given = [&](char const* name, calibrate::Peak& peak) {
    if (auto const text = line.find<std::string>(name))
      peak = {data::rate_from_text(*text).value, std::string("--") + name};
  };
  given("intra-peak", peaks.intra);
  given("inter-peak", peaks.inter);
  return peaks;
}

std::optional<std::string> text_if_any(data::Study const& study) {
  if (study.samples.empty()) return std::nullopt;
  std::ostringstream out;
  data::write_study_csv(out, study);
  return out.str();
}

std::string model_file_text(model::Model const& model, data::Provenance const& made_by) {
  std::ostringstream out;
  data::write_model(out, model, made_by);
  return out.str();
}

void write_results(CommandLine const& line, ResultsFolder& folder, Calibration found, std::string const& about,
                   Surroundings const& around) {
  auto const made_by = line.provenance({});
  for (auto* study : {&found.components, &found.steps, &found.per_rank}) {
    study->set("command", made_by.command_line);
    study->set("date", made_by.utc_time);
  }
  calibrate::FitInputs inputs{
      .components = std::move(found.components), .steps = std::move(found.steps), .imported = {}};
  if (!around.allreduce.samples.empty()) calibrate::add_allreduce(inputs, around.allreduce);
  inputs.network = around.network;
  folder.put("components.csv", text_if_any(inputs.components));
  folder.put("steps.csv", text_if_any(inputs.steps));
  folder.put("per_rank.csv", text_if_any(found.per_rank));
  if (around.other_cluster &&
      std::erase_if(inputs.steps.samples, [](data::Sample const& step) { return step.ranks > 1; }) > 0)
    found.warnings.push_back("steps at K > 1 paid this machine's network: left out of a Model of another's.");

  inputs.components.path = folder.file("components.csv");
  inputs.steps.path = folder.file("steps.csv");
  std::optional<std::string> model;
  std::string model_text;
  try {
    if (inputs.components.samples.empty() && inputs.steps.samples.empty())
      throw DataError(folder.name(), 0, "nothing was measured");
    auto fitted = calibrate::fit_model(inputs, {.draws = 2000, .seed = line.get<std::uint64_t>("seed")});
    sim::place_fitted_points(fitted.model);
    auto& ratings = fitted.model.ratings = std::move(found.rates);
    for (auto& rating : calibrate::rate_links(fitted.model, around.peaks, around.ends)) ratings.push_back(rating);
    model = model_file_text(fitted.model, made_by);
    model_text = validate::to_text(fitted);
  } catch (DataError const& e) {
    if (found.ended == calibrate::Ended::complete) throw;
    model_text = validate::wrap(std::string("No Model yet: ") + e.what());
  }
  folder.put("model.json", model);

  if (model && wants(line, ".json")) {
    write_result(line, *model);
    return;
  }
  std::string text = about + "\n\n" + points_text(found) + "\n";
  std::string const sleep =
      found.sleep_bias_s > 0.0
          ? "A known sleep came back " + validate::fixed_text(found.sleep_bias_s * 1e6, 1) + " us too long. "
          : "";
  text += validate::wrap(sleep + ended_text(found)) + "\n" + model_text;
  for (auto const& warning : found.warnings) text += validate::wrap(warning, "- ");
  write_result(line, text + "\n" + folder.written());
}

}  // namespace kurve::cli
