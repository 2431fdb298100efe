// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "calibrate/calibrate.hpp"
#include "calibrate/link_ratings.hpp"
#include "cli/options.hpp"
#include "model/model.hpp"

namespace kurve::cli {

/// The folder of --into and what was written there.
class ResultsFolder {
 public:
  /// Makes the folder if absent. @throws InputError where it cannot be made
  explicit ResultsFolder(CommandLine const& line);
  [[nodiscard]] std::filesystem::path file(std::string const& name) const { return path_ / name; }
  [[nodiscard]] std::string name() const { return path_.string(); }

  /// Writes a file, whole or not at all; nothing to write removes what an earlier calibration left there.
  /// @throws InputError where it cannot be written
  void put(std::string const& name, std::optional<std::string> const& text);
  /// "Written to calibration: steps.csv, model.json"
  [[nodiscard]] std::string written() const;

 private:
  std::filesystem::path path_;
  std::string written_;
};

/// A Study as its file has it, none where it has no samples.
[[nodiscard]] std::optional<std::string> text_if_any(data::Study const& study);
/// The Model as its file has it.
[[nodiscard]] std::string model_file_text(model::Model const& model, data::Provenance const& made_by);

/// What the Model is composed of and set beside that this calibration did not measure.
struct Surroundings {
  data::Study allreduce;       ///< of a log, which joins the components; may be without samples
  data::Study network;         ///< published: stands for all all-reduces; may be without samples
  calibrate::LinkPeaks peaks;  ///< what links can carry
  calibrate::LinkEnds ends = calibrate::LinkEnds::gpu;
  bool other_cluster = false;  ///< the network is not the one that steps at K > 1 were measured on
};
/// What --intra-peak and --inter-peak say. @throws InputError
[[nodiscard]] calibrate::LinkPeaks peaks_of(CommandLine const& line);

/// Writes what a calibration found, however it was found: components.csv, steps.csv and per_rank.csv as far as there is
/// any, the Model fitted to them with what it is set beside, and the report on stdout or --out. Files of an earlier
/// calibration that this one does not replace are removed. Where measuring ended early a Model that cannot be fitted is
/// a line of the report.
/// @param about  what was measured, for people
/// @throws InputError (a file that cannot be written), DataError (a complete calibration that makes no Model)
void write_results(CommandLine const& line, ResultsFolder& folder, calibrate::Calibration found,
                   std::string const& about, Surroundings const& around = {});

}  // namespace kurve::cli
