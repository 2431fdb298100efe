// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "calibrate/step_prior.hpp"
#include "data/points.hpp"
#include "data/study.hpp"

namespace kurve::calibrate {

/// One fitted point: a mean of runs, and how well it is known.
struct StepPoint {
  double ranks = 1.0, global_batch = 1.0;
  double time_s = 1.0;  ///< mean of the runs, those far from their median pulled in
  double runs = 1.0;
  double step_variance = 0.0;  ///< relative, of time_s by noise between the steps of one run
  /// Samples that a worker could compute while its pipeline fills and drains, (stages - 1) micro-batches over the
  /// chunks of a stage; 0: no pipeline.
  double idle_batch = 0.0;
  bool chunks_known = false;  ///< else idle_batch is that of one chunk a stage, the most it can be
  double turns = 1.0;         ///< that a step takes, each as long as one micro-batch alone through its pipeline
  std::string configuration;  ///< "TP2, 1 sample a micro-batch": what does not follow from K and B
  [[nodiscard]] double local_batch() const { return global_batch / ranks; }
};

/// What a fit to step times starts from.
struct StepEvidence {
  std::vector<StepPoint> points;  ///< by K, then B
  double workers_per_node = 8.0;
  bool workers_per_node_assumed = true;
  std::optional<double> node_Bps;            ///< bandwidth between nodes, from the header's words
  std::optional<double> network_s;           ///< 2 gradient bytes / node bandwidth, where the header tells both
  double run_cv = 0.005, run_freedom = 4.0;  ///< spread between runs, and degrees of freedom of what is known of it
  bool run_cv_assumed = true;                ///< no point has repeats

  /// The point of the largest K, of its batches the smallest: predictions start from it.
  [[nodiscard]] StepPoint const& largest() const;
};
/// @param measured  points of `study`, all or some; of the study itself only header facts are read
[[nodiscard]] StepEvidence step_evidence(data::Study const& study, data::MeasuredPoints const& measured,
                                         StepPrior const& prior);

}  // namespace kurve::calibrate
