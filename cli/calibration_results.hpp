// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "calibrate/calibrate.hpp"
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
  [[nodiscard]] std::string written() const { return "Written to " + name() + ": " + written_ + "\n"; }

 private:
  std::filesystem::path path_;
  std::string written_;
};

/// The Model as its file has it.
[[nodiscard]] std::string model_file_text(model::Model const& model, data::Provenance const& made_by);

/// Writes what a calibration found, however it was found: components.csv, steps.csv and per_rank.csv as far as there is
/// any, the Model fitted to them, and the report on stdout or --out. Files of an earlier calibration that this one does
/// not replace are removed. Where measuring ended early a Model that cannot be fitted is a line of the report.
/// @param about      what was measured, for people
/// @param elsewhere  all-reduces measured by others, which the Model composes with what was found; may be without
/// samples
/// @throws InputError (a file that cannot be written), DataError (a complete calibration that makes no Model)
void write_results(CommandLine const& line, ResultsFolder& folder, calibrate::Calibration found,
                   std::string const& about, data::Study const& elsewhere = {});

}  // namespace kurve::cli
