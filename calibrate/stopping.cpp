// SPDX-License-Identifier: Apache-2.0
#include "calibrate/stopping.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "data/stats.hpp"
#include "model/error.hpp"

namespace kurve::calibrate {

void check(StoppingRule const& rule) {
  auto require = [](bool ok, std::string const& what, double value, char const* range) {
    if (!ok) throw InputError(what + "=" + std::to_string(value) + " (must be " + range + ")");
  };
  require(rule.relative_half_width > 0.0 && rule.relative_half_width < 1.0, "ci", rule.relative_half_width,
          "between 0 and 1");
  require(rule.confidence > 0.0 && rule.confidence < 1.0, "confidence", rule.confidence, "between 0 and 1");
  require(rule.min_samples >= 3, "min_samples", rule.min_samples, "at least 3");
  require(rule.max_samples >= rule.min_samples, "max_samples", rule.max_samples, "at least min_samples");
}

std::string_view to_text(Termination termination) {
  switch (termination) {
    case Termination::precise:
      return "precise";
    case Termination::max_samples:
      return "max_samples";
    case Termination::out_of_time:
      return "out_of_time";
  }
  return "";
}

Precision precision_of(std::span<double const> samples, double confidence) {
  Precision p;
  auto summary = data::summarize(samples);
  p.mean = summary.mean;
  p.relative_half_width = std::numeric_limits<double>::infinity();
  if (summary.n < 2) return p;
  p.effective_samples = summary.sd > 0.0 ? data::effective_sample_size(samples) : static_cast<double>(summary.n);
  p.standard_error = summary.sd / std::sqrt(p.effective_samples);
  summary.n = static_cast<std::size_t>(p.effective_samples);
  auto const bounds = data::student_t_interval(summary, confidence);
  p.relative_half_width = (bounds.high - bounds.low) / 2.0 / p.mean;
  return p;
}

bool precise_enough(std::span<double const> samples, StoppingRule const& rule) {
  return static_cast<int>(samples.size()) >= rule.min_samples &&
         precision_of(samples, rule.confidence).relative_half_width <= rule.relative_half_width;
}

}  // namespace kurve::calibrate
