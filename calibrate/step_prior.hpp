// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

namespace kurve::calibrate {

/// Laws by which the exposed time may grow with K beyond one node, one a particle.
enum class GrowthLaw { constant, log2_nodes, log2_workers, ring, skew_normal, skew_log, skew_pareto };
inline constexpr int growth_laws = 7;

/// Prior of a fit to step times: what healthy training jobs look like before this study's points are seen. Medians and
/// log standard deviations are of lognormals.
///
/// The constants that learned_constants() names are what calibrate::PriorLearner learns from 60 published studies
/// (MLPerf Training v2.0 to v3.1 and tables of papers and READMEs, 1 to 10,752 GPUs); the others were set by hand, some
/// in sight of these studies. docs/validation.md says what they are worth beside priors learned from the other studies
/// alone.
struct StepPrior {
  std::array<double, growth_laws> law{1.5, 1.0, 0.2, 0.2, 0.2, 0.2, 0.2};  ///< weights
  /// Additive costs go as (shortest turn / 1 s)^this, a turn being a step without gradient accumulation: a 10 s step
  /// does not pay 10 times a 1 s one.
  double cost_power = 0.5;
  double serial_median = 0.019, serial_log_sd = 1.4;
  /// Idle time of a pipeline over its most, (stages - 1) micro-batches: 1/v for v chunks a stage, which is known where
  /// the Study says v. Source: Narayanan et al., SC'21 (arXiv 2104.04473), section 2.2.
  double idle_median = 0.25, idle_log_sd = 0.7;
  double in_node_median = 0.0188, in_node_log_sd = 1.36;
  double cross_node_median = 0.0198, cross_node_log_sd = 1.45;  ///< network between nodes unknown
  double exposed_median = 0.557,
         exposed_log_sd = 1.03;                       ///< network known: exposed over 2 gradient bytes / node bandwidth
  double growth_median = 0.01, growth_log_sd = 1.02;  ///< about one doubling's worth at the largest fitted K
  /// That the all-reduce is a ring, whose hops every further worker adds to, over the root of the nodes in use:
  /// libraries leave the ring for a tree as its latency grows (NCCL by its cost model).
  double latency_probability = 0.7;
  /// Two hops, what a worker adds to a ring. Median: NCCL's constants, from LL to Simple with its plateau: 5.4 to 39 us
  /// between nodes, 1.2 to 6.8 us inside one (src/graph/tuning.cc v2.18 to v2.30). Not learned: too small to be seen in
  /// published steps of a second on a thousand workers, and all there is to see at many more.
  double between_latency_s = 15e-6, inside_latency_s = 3e-6, latency_log_sd = 1.3;
  double share_probability = 0.489;     ///< that crossing a boundary costs a share of compute instead of a time
  double knee_probability = 0.01;       ///< that a launch-bound floor is within reach
  double inner = 0.7;                   ///< sd over mean of a coefficient within its particle
  double diffuse_probability = 0.0374;  ///< that a particle lets the points speak against all of the above
  double misfit_median = 0.0033, misfit_log_sd = 0.7;  ///< tau: each configuration's own deviation, in log T
  double misfit_predicted = 2.5;                       ///< the same on points that were not fitted, relative to tau
  double drift_median = 0.00688, drift_log_sd = 0.7;   ///< delta: random walk of log T per square root of a doubling
  /// Scales of the two drifts beyond the points at one doubling: of log T, relative to delta; and of the log of exposed
  /// communication, which is what misleads: compute goes on as it was.
  double drift_predicted = 1.21, exposed_drift = 0.0792;
  double drift_skew = 0.359;       ///< slower and faster than foretold are as likely, by scales of 1 + and 1 - this
  int drift_freedom = 4;           ///< degrees of freedom of their Student t
  double distance_power = 0.2;     ///< growth of the discrepancy with doublings beyond the points
  double batch_weight = 0.1;       ///< a halving of the local batch, in doublings of K
  double configuration_sd = 0.05;  ///< in log T, of points that ran in another configuration than the largest K
  double other_job_probability = 0.0462,
         other_job_sd = 0.4;  ///< that a point is not the same job, and how far off it then is
  double run_cv = 0.005;      ///< typical spread between runs, worth `run_cv_weight` repeats
  double run_cv_weight = 4.0;
};

}  // namespace kurve::calibrate
