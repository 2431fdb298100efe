// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <filesystem>
#include <set>

#include "calibrate/fit_inputs.hpp"
#include "cli/calibration_results.hpp"
#include "cli/output.hpp"
#include "cli/verbs.hpp"
#include "data/input.hpp"
#include "data/published.hpp"
#include "model/error.hpp"
#include "validate/number_text.hpp"
#include "validate/present_model.hpp"
#include "validate/text_table.hpp"

namespace kurve::cli {

int list_published(CommandLine const& line) {
  validate::TextTable table{{{"name", "", validate::Align::left},
                             {"ranks", "", validate::Align::left},
                             {"sizes", "", validate::Align::left},
                             {"what", "", validate::Align::left}},
                            {}};
  for (auto const& network : data::published_networks()) {
    auto const study = data::published_network(network.name);
    std::set<int> ranks;
    auto [low, high] = std::pair(1e18, 0.0);
    for (auto const& s : study.samples) {
      ranks.insert(s.ranks);
      low = std::min(low, static_cast<double>(s.bytes.value_or(0)));
      high = std::max(high, static_cast<double>(s.bytes.value_or(0)));
    }
    std::string counts;
    for (int const k : ranks) counts += (counts.empty() ? "" : ",") + std::to_string(k);
    table.add({std::string(network.name), counts, validate::bytes_text(low) + " .. " + validate::bytes_text(high),
               study.find("workload").value_or("")});
  }
  write_result(line, validate::to_text(table, 160));
  return ok;
}

int calibrate_from(CommandLine const& line, Arguments const& files, Arguments const& published) {
  std::vector<data::Study> studies;
  if (!files.empty()) studies = data::read_studies(files, line.assumptions());
  for (auto const& name : published) studies.push_back(data::published_network(name));
  auto peaks = peaks_of(line);
  auto ends = calibrate::LinkEnds::gpu;
  for (auto const& study : studies) {
    calibrate::add_header_peaks(peaks, study);
    if (calibrate::link_ends(study) == calibrate::LinkEnds::cpu) ends = calibrate::LinkEnds::cpu;
  }
  auto const inputs = calibrate::sort_inputs(std::move(studies));
  auto fitted = calibrate::fit_model(inputs, {.draws = 2000, .seed = line.get<std::uint64_t>("seed")});
  warn(line, inputs.components.notes);
  warn(line, inputs.steps.notes);

  fitted.model.ratings = calibrate::rate_links(fitted.model, peaks, ends);

  ResultsFolder folder(line);
  if (std::filesystem::exists(folder.file("journal.jsonl")))
    throw InputError("--into '" + folder.name() +
                     "' holds what was measured on this machine (journal.jsonl), which would be replaced. "
                     "Give another folder?");
  folder.put("components.csv", text_if_any(inputs.components));
  folder.put("network.csv", text_if_any(inputs.network));
  folder.put("steps.csv", text_if_any(inputs.steps));
  auto const model = model_file_text(fitted.model, line.provenance(files));
  folder.put("model.json", model);
  write_result(line, wants(line, ".json") ? model : validate::to_text(fitted) + "\n" + folder.written());
  return ok;
}

}  // namespace kurve::cli
