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
  std::array<double, growth_laws> law{1.2, 0.8, 0.25, 0.45, 0.25, 0.25, 0.25};  ///< weights
  /// Additive costs are in units of the shortest turn, a turn being a step without gradient accumulation: a step of 10
  /// ms and one of 100 ms pay alike. Turns that are longer than this have more samples rather than dearer messages:
  /// beyond it costs go as this power of the turn, and do not become dearer in proportion. Choices.
  double long_turn_s = 1.0, long_turn_power = 0.5;
  double serial_median = 0.00483, serial_log_sd = 2.54;
  /// Idle time of a pipeline over its most, (stages - 1) micro-batches: 1/v for v chunks a stage, which is known where
  /// the Study says v. Source: Narayanan et al., SC'21 (arXiv 2104.04473), section 2.2.
  double idle_median = 0.25, idle_log_sd = 0.7;
  double in_node_median = 0.0189, in_node_log_sd = 1.87;
  double cross_node_median = 0.0193, cross_node_log_sd = 1.99;  ///< network between nodes unknown
  double exposed_median = 0.559,
         exposed_log_sd = 1.05;  ///< network known: exposed over 2 gradient bytes / node bandwidth
  double growth_median = 0.0116, growth_log_sd = 0.972;  ///< about one doubling's worth at the largest fitted K
  /// That the all-reduce is a ring, whose hops every further worker adds to, over the root of the nodes in use:
  /// libraries leave the ring for a tree as its latency grows (NCCL by its cost model).
  double latency_probability = 0.5;
  /// Two hops, what a worker adds to a ring, over the same unit of cost. NCCL's take 1.2 to 39 us, from LL inside a
  /// node to Simple with its plateau between nodes (src/graph/tuning.cc v2.18 to v2.30), of turns of 10 ms to 10 s. Not
  /// learned: too small to be seen in published steps of a second on a thousand workers, and all there is to see at
  /// many more.
  double latency_median = 1.5e-5, latency_log_sd = 1.6;
  /// That growing communication hides under compute up to a bend, so that exposed = max(0, c(K) - what compute hides).
  /// The bend is in the last two doublings of the fitted K (one further out is the drift's to cover), and what hides up
  /// to it takes up to hidden_share of compute (backward is two thirds of it). Choices. Fewer K than such a curve has
  /// parameters (start, compute, growth, bend) show no bend: one point off a line of two is as well of another job.
  double overlap_probability = 0.03, hidden_share = 0.7;
  int overlap_ranks = 4;              ///< different fitted K at least
  double spill_probability = 0.015;   ///< that samples cost more in the larger fitted batches: superlinear speedup
  double spill_share = 0.3;           ///< sd of what they cost more, over the time of the point that shows it most
  double share_probability = 0.65;    ///< that crossing a boundary costs a share of compute instead of a time
  double knee_probability = 0.01;     ///< that a launch-bound floor is within reach
  double inner = 0.8;                 ///< sd over mean of a coefficient within its particle
  double diffuse_probability = 0.01;  ///< that a particle lets the points speak against all of the above
  double misfit_median = 0.00321, misfit_log_sd = 0.7;  ///< tau: each configuration's own deviation, in log T
  double misfit_predicted = 2.5;                        ///< the same on points that were not fitted, relative to tau
  double drift_median = 0.00658, drift_log_sd = 0.7;    ///< delta: random walk of log T per square root of a doubling
  /// Scales of the two drifts beyond the points at one doubling: of log T, relative to delta; and of the log of exposed
  /// communication, which is what misleads: compute goes on as it was.
  double drift_predicted = 1.22, exposed_drift = 0.0797;
  double drift_skew = 0.365;       ///< slower and faster than foretold are as likely, by scales of 1 + and 1 - this
  int drift_freedom = 4;           ///< degrees of freedom of their Student t
  double distance_power = 0.2;     ///< growth of the discrepancy with doublings beyond the points
  double batch_weight = 0.1;       ///< a halving of the local batch, in doublings of K
  double configuration_sd = 0.05;  ///< in log T, of points that ran in another configuration than the largest K
  double other_job_probability = 0.059,  ///< that a point of one run is not the same job; of n alike, 1/n of it
      other_job_sd = 0.4;                ///< how far off it then is
  double run_cv = 0.005;                 ///< typical spread between runs, worth up to run_cv_weight degrees of freedom
  double run_cv_weight = 4.0;
};

}  // namespace kurve::calibrate
