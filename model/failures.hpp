// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace kurve::model {

/// Interruptions of a run: a Poisson process over the whole job, checkpoints that stop the work, restarts that a
/// further failure starts over. All in seconds.
struct Failures {
  double mean_between_s = 0.0;  ///< M, between interruptions of the whole job, positive; infinite where none happens
  double checkpoint_s = 0.0;    ///< delta, for which a checkpoint stops the work
  double restart_s = 0.0;       ///< R, from a failure to the first new step
};

/// Mean time between interruptions of a job on K workers when each worker (or node) fails by itself with mean theta: a
/// series system, theta / K. Exact for independent exponential lifetimes only; Meta's clusters did not follow it from 8
/// to 1024 GPUs (Kokolis et al., HPCA 2025: 7.9 h measured at 1024, 28.8 h by this rule).
[[nodiscard]] double mean_between_failures_s(double each_s, double count);

/// sqrt(2 delta M). Source: Young, CACM 17(9), 1974, 530-531.
[[nodiscard]] double young_interval_s(Failures const& f);

/// sqrt(2 delta M) [1 + 1/3 sqrt(delta/2M) + 1/9 (delta/2M)] - delta, and M from delta = 2M on.
/// Source: Daly, Future Generation Computer Systems 22 (2006) 303-312, equation 37.
[[nodiscard]] double daly_interval_s(Failures const& f);

/// The interval of work between checkpoints that makes segment_moments(...).mean per work least, exactly: the root
/// tau = M x of x + e^-(x + delta/M) = 1. Infinite where nothing fails, 0 where a checkpoint is free.
[[nodiscard]] double best_interval_s(Failures const& f);

/// Moments of the wall time until one segment is through without a failure.
struct SegmentMoments {
  double mean_s = 0.0, variance_s2 = 0.0, third_s3 = 0.0;  ///< cumulants: third about the mean
  double failures = 0.0;                                   ///< expected failed attempts at the segment's work
};

/// One segment of `busy_s` (work and its checkpoint) that starts over after every failure, each followed by a restart:
/// mean M e^(R/M) (e^(busy/M) - 1) (Daly 2006, equation 20); variance and third cumulant by the compound geometric sum
/// of truncated exponentials. Infinite where e^(busy/M) or e^(R/M) is beyond 1e40: such a segment never ends.
[[nodiscard]] SegmentMoments segment_moments(Failures const& f, double busy_s);

/// Number of segments of a run of `work_s` at about `interval_s` of work each: at least 1, no checkpoint after the
/// last.
[[nodiscard]] double segment_count(double work_s, double interval_s);

/// Expected wall time of work_s cut into `segments` equal pieces; the last needs no checkpoint.
[[nodiscard]] double expected_run_s(Failures const& f, double work_s, double segments);

}  // namespace kurve::model
