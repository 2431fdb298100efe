// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "data/study.hpp"
#include "validate/holdout.hpp"
#include "validate/metrics.hpp"
#include "validate/split.hpp"

namespace kurve::validate {

/// One all-reduce that a fit did not see.
struct AllreduceScore {
  double ranks = 2.0, bytes = 0.0;
  double measured_s = 0.0, predicted_s = 0.0;
  double low_s = 0.0, high_s = 0.0;  ///< interval of a new measurement
  double relative_error = 0.0;       ///< predicted / measured - 1
  bool covered = false;
  double line_s = 0.0;  ///< by one alpha and one beta of a ring, fitted on the same points
};

struct AllreduceSummary {
  ErrorSummary errors, line_errors;
  Coverage coverage;
  double half_width = 0.0;  ///< median of half of log(high / low)
};

/// Were we right about the all-reduces of one Study (a log, or the logs of one cluster).
struct AllreduceScorecard {
  std::string study, split;            ///< path; what was fitted, as text
  std::vector<AllreduceScore> points;  ///< held out
  AllreduceSummary summary;
};

struct AllreduceScorecardSet {
  double confidence = 0.9;
  std::vector<AllreduceScorecard> studies;
  AllreduceSummary summary;                                   ///< all points pooled
  std::vector<std::pair<std::string, std::string>> left_out;  ///< study, why
};

/// Every other size fitted, those between predicted, and the other way round; each Study by itself. A size's measured
/// time is what `fit` makes of its repeats. One with fewer than three sizes at each rank count is left out.
/// @param fit  such as calibrate::fit_allreduce; is never given a row of a held-out size
[[nodiscard]] AllreduceScorecardSet leave_sizes_out(std::span<data::Study const> studies, FitFunction const& fit,
                                                    double confidence);

/// The rank counts that the split lets a fit see, at their sizes; the others predicted. The Study is one cluster.
/// @throws DataError where nothing is left to fit or nothing is held out
[[nodiscard]] AllreduceScorecardSet leave_ranks_out(data::Study const& study, Split const& split,
                                                    FitFunction const& fit, double confidence);

}  // namespace kurve::validate
