// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "model/model.hpp"

namespace kurve::cli {

/// A Model of the page and how a command line would name it.
struct ServedModel {
  std::string path;
  model::Model model;
};

/// The job of the scaling chapter, T = 0.04 + 0.96/K + 0.010 log2 K seconds, on which the page's lessons are played.
[[nodiscard]] ServedModel lesson_model();

/// Answers the page's questions. A request is a JSON object; it becomes the arguments of `kurve simulate` and `kurve
/// plan`, read by the very options of those verbs, so that the command lines an answer shows give its numbers.
///
///   model     index into the Models                 set       {parameter: number or text}, also global_batch and
///   regime K         1 to 10^6                             threshold, confidence last_K    where the curve ends, 1 to
///   10^6       plan      {steps, samples, price, deadline, ...: text} or null help      true: an infeasible plan says
///   what would help (slower)
///
/// Const and safe across threads. Every member throws InputError with the reason where the request is not understood.
class WhatIf {
 public:
  static constexpr double largest_ranks = 1e6;

  explicit WhatIf(std::vector<ServedModel> models) : models_(std::move(models)) {}

  /// What the page needs to set its sliders: workload, regime, batch, and each parameter's value and source.
  [[nodiscard]] std::string models_json() const;
  /// `curve` (kurve.curve/1), `plan` (kurve.plan/1, or null with `plan_error`), `sentences`, `commands`, `elapsed_ms`.
  [[nodiscard]] std::string answer(std::string const& request) const;
  [[nodiscard]] std::string curve_csv(std::string const& request) const;
  /// The Model with the what-ifs in it.
  [[nodiscard]] std::string model_json(std::string const& request) const;
  /// Drawn by gnuplot. @throws NotBuilt where there is none
  [[nodiscard]] std::string plot_svg(std::string const& request) const;

 private:
  std::vector<ServedModel> models_;
};

}  // namespace kurve::cli
