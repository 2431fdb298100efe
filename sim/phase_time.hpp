// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>

#include "model/step.hpp"

namespace kurve::sim {

/// Time of a phase whose slowest worker takes x times its compute, as samplers evaluate it: the largest of `count`
/// lines slope x + offset, by fused multiply-adds. The lines are those of model::StepTime::phase_s.
struct PhaseTime {
  static constexpr int most = 4;
  int count = 1;
  std::array<double, most> slope_s{}, offset_s{};

  /// @param once_s  paid once, with this phase
  PhaseTime(model::StepTime const& step, double once_s) : count(step.pipeline.count) {
    double const compute_s = step.compute_s / step.phases;
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
      auto const& bucket = step.pipeline.candidates[i];
      slope_s[i] = compute_s - bucket.hidden_share * compute_s;
      offset_s[i] = once_s + bucket.left_s;
    }
  }

  [[nodiscard, gnu::always_inline]] double operator()(double x) const {
    double time_s = std::fma(slope_s[0], x, offset_s[0]);
    for (std::size_t i = 1; i < static_cast<std::size_t>(count); ++i)
      time_s = std::max(time_s, std::fma(slope_s[i], x, offset_s[i]));
    return time_s;
  }
};

}  // namespace kurve::sim
