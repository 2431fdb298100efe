// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "calibrate/training_step.hpp"
#include "model/rating.hpp"

namespace kurve::calibrate {

/// What a card can do at best, as measured on it.
struct Ceilings {
  double matrix_flop_per_s = 0.0;  ///< large products in the job's precision
  double memory_Bps = 0.0;         ///< device to device copy, bytes read plus bytes written
};

/// What a card's maker publishes for it: dense, without sparsity.
struct CardPeak {
  double bf16_flop_per_s = 0.0;
  double memory_Bps = 0.0;
  std::string source;
};
/// By the name that CUDA gives the device; none for a card that the table does not have.
[[nodiscard]] std::optional<CardPeak> published_peak(std::string const& device_name);

using model::Rating;

/// A timed part of the step on one rank.
struct TimedPart {
  int local_batch = 0;  ///< 0: the optimizer
  double seconds = 0.0;
  double graph_seconds = 0.0;  ///< the same from a CUDA graph; 0 where not measured
};

/// The ceilings beside the maker's peaks, and each part beside the ceilings.
[[nodiscard]] std::vector<Rating> judge_rates(TrainingJob const& job, std::string const& device_name,
                                              Ceilings const& ceilings, std::span<TimedPart const> parts);

/// A part's arithmetic beside the best product measured on what it ran on: "good", "fair" or "low".
[[nodiscard]] Rating product_rating(TimedPart const& part, double flop, double best_flop_per_s);

/// The least time of a step's forward and backward at the ceilings: each operation takes the longer of its arithmetic
/// and its memory traffic. Source: the roofline model, Williams, Waterman & Patterson, CACM 52(4) (2009) 65-76.
[[nodiscard]] double roofline_s(TrainingStep const& step, Ceilings const& ceilings);

}  // namespace kurve::calibrate
