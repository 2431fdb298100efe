// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

namespace kurve::calibrate {

/// When a point is known well enough.
struct StoppingRule {
  double relative_half_width = 0.02;  ///< of the confidence interval of the mean, over the mean; (0, 1)
  double confidence = 0.95;           ///< (0, 1)
  int min_samples = 30;               ///< at least 3; below 30 the interval itself is too noisy to stop on
  int max_samples = 300;              ///< at least min_samples
};
/// @throws InputError on a value outside its range
void check(StoppingRule const& rule);

/// Why a point's measuring ended.
enum class Termination { precise, max_samples, out_of_time };
[[nodiscard]] std::string_view to_text(Termination termination);

/// How well the mean of a series is known.
struct Precision {
  double mean = 0.0;
  double standard_error = 0.0;       ///< sd / sqrt(effective samples)
  double effective_samples = 0.0;    ///< n / (1 + 2 sum of autocorrelations): slow drift and bursts count once
  double relative_half_width = 0.0;  ///< Student's t on the effective samples; infinite below 2
};
/// @param samples  [n] in the order measured, stragglers already set apart
[[nodiscard]] Precision precision_of(std::span<double const> samples, double confidence);

/// Whether to stop for precision.
[[nodiscard]] bool precise_enough(std::span<double const> samples, StoppingRule const& rule);

}  // namespace kurve::calibrate
