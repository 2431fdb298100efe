// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "calibrate/component_laws.hpp"
#include "data/study.hpp"
#include "model/measured_shape.hpp"

namespace kurve::calibrate {

/// Then the quantiles at 1/64 of either end rest on 8 timings.
inline constexpr std::size_t fewest_for_shape = 512;

/// What repeats of compute tell about variability, relative to the mean; n counts what each sd rests on.
struct Variability {
  double noise_cv = 0.0, shared_cv = 0.0;  ///< each worker's own; what all workers of one timing share
  int noise_n = 0, shared_n = 0;
  std::optional<model::MeasuredShape> noise_shape;  ///< from `fewest_for_shape` timings of a worker on
  double imbalance_cv = 0.0;                        ///< between the workers of a run, the same for all its timings
  int imbalance_n = 0;
  double straggler_probability = 0.0, straggler_slowdown = 1.0, straggler_spread_cv = 0.0;
  int straggler_n = 0, worker_steps = 0;
};

/// Each worker's timings of one run are set against their own median; what lies far above is a straggler (robust.hpp),
/// what is left is noise. How the workers' means differ within a run is imbalance, where it exceeds what noise makes of
/// means: the same worker is late again and again, which no noise is. What all workers of a run share enters neither.
/// @param points  [n >= 1], each the rows of op compute at one (ranks, local batch), not empty; rows of one timing
/// share run and step
[[nodiscard]] Variability variability_of(std::span<std::vector<data::Sample> const> points);

/// Variance of one hop, from how far apart the ranks of an all-reduce end (model::ring_jitter_spread), and the number
/// of all-reduces that this rests on.
struct HopJitter {
  Estimate variance;  ///< in proportion to the hop, over its square; whatever its length [s^2]
  int n = 0;          ///< 0: variance is empty
};
/// Hops less than a factor 2 apart in length cannot tell the two parts: all is then taken in proportion.
/// @param rows  op allreduce, any sizes and ranks; those that have no rank say nothing
[[nodiscard]] HopJitter hop_jitter_of(std::span<data::Sample const> rows);

}  // namespace kurve::calibrate
