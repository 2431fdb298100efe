// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

namespace kurve::calibrate {

/// Laws by which the exposed time may grow with K beyond one node, one a particle.
enum class GrowthLaw { constant, log2_nodes, log2_workers, ring, skew_normal, skew_log, skew_pareto };
inline constexpr int growth_laws = 7;

/// Prior of a fit to step times: what healthy training jobs look like before this study's points are seen.
///
/// Learned on 60 published studies (MLPerf Training v2.0 to v3.1 and tables of papers and READMEs, 1 to 10,752 GPUs) by
/// how well each predicts the points held out, some widths by hand; docs/validation.md says what that is worth beside
/// priors that calibrate::PriorLearner learns from the other studies alone. Medians and log standard deviations are of
/// lognormals.
struct StepPrior {
  std::array<double, growth_laws> law{0.45, 0.3298, 0.0722, 0.0433, 0.0722, 0.0578, 0.0433};
  double cost_power =
      0.455;  ///< additive costs go as (smallest fitted time / 1 s)^this: a 10 s step does not pay 10 times a 1 s one
  double serial_median = 0.0224, serial_log_sd = 1.5;
  double in_node_median = 0.0264, in_node_log_sd = 1.29;
  double cross_node_median = 0.0179, cross_node_log_sd = 1.2;  ///< network between nodes unknown
  double exposed_median = 0.694,
         exposed_log_sd = 1.0;  ///< network known: exposed over 2 gradient bytes / node bandwidth
  double growth_median = 0.008, growth_log_sd = 0.88;  ///< about one doubling's worth at the largest fitted K
  /// That the all-reduce is a ring, whose hops every further worker adds to, over the root of the nodes in use:
  /// libraries leave the ring for a tree as its latency grows (NCCL by its cost model).
  double latency_probability = 0.7;
  /// Two hops, what a worker adds to a ring. Median: NCCL's constants, from LL to Simple with its plateau: 5.4 to 39 us
  /// between nodes, 1.2 to 6.8 us inside one (src/graph/tuning.cc v2.18 to v2.30). Not learned: too small to be seen in
  /// published steps of a second on a thousand workers, and all there is to see at many more.
  double between_latency_s = 15e-6, inside_latency_s = 3e-6, latency_log_sd = 1.3;
  double share_probability = 0.698;   ///< that crossing a boundary costs a share of compute instead of a time
  double knee_probability = 0.003;    ///< that a launch-bound floor is within reach
  double inner = 0.708;               ///< sd over mean of a coefficient within its particle
  double diffuse_probability = 0.06;  ///< that a particle lets the points speak against all of the above
  double misfit_median = 0.0028, misfit_log_sd = 0.615;  ///< tau: each configuration's own deviation, in log T
  double misfit_predicted = 1.5;                         ///< the same on points that were not fitted, relative to tau
  double drift_median = 0.006, drift_log_sd = 0.6;       ///< delta: random walk of log T per square root of a doubling
  /// Scale of the drift beyond the points, in log T at one doubling: root of the squares of drift_predicted delta and
  /// of overhead_drift times the share of the step at the largest fitted K that is not compute. What does not scale is
  /// what misleads: a job of compute alone goes on as it was.
  double drift_predicted = 1.3, overhead_drift = 0.075;
  double drift_skew = 0.1;       ///< slower and faster than foretold are as likely, by scales of 1 + and 1 - this
  int drift_freedom = 4;         ///< degrees of freedom of its Student t
  double distance_power = 0.35;  ///< growth of the discrepancy with doublings beyond the points
  double batch_weight = 0.01;    ///< a halving of the local batch, in doublings of K
  double other_job_probability = 0.018,
         other_job_sd = 0.5;  ///< that a point is not the same job, and how far off it then is
  double run_cv = 0.006;      ///< typical spread between runs, worth `run_cv_weight` repeats
  double run_cv_weight = 4.0;
};

}  // namespace kurve::calibrate
