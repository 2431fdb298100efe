// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include "data/points.hpp"

namespace kurve::validate {

/// T [s] at K workers and global batch B.
using StepTimeLaw = std::function<double(double ranks, double global_batch)>;

/// A simple rule that a prediction must beat.
struct Rival {
  std::string_view name;  ///< as in --json
  std::string_view meaning;
  std::optional<StepTimeLaw> (*fit)(
      std::span<data::MeasuredPoint const> points);  ///< [n >= 1] by K; none where it cannot be fitted
};

/// ideal, amdahl, amdahl_log, last_efficiency, power_law, usl, extrap, true_formula; in this order.
///
/// Protocol, under which the first five give the figures of ../shared/data/README.md to the printed digit (55 studies,
/// those with at least two K <= Kmax/4; the per-step copy of p1 left out; 111 held-out points; absolute relative errors
/// pooled over points): one point is the mean of a (K, B); a study without global_batch has B = 1 (one, `oci_gb300`,
///   is weak: read as weak, B = K, last_efficiency errs 7.1, 14.6, 34.3 % and ideal 13.6, 23.3, 59.6 %);
/// - ideal and last_efficiency keep the per-worker throughput of the first and of the last fitted point;
/// - amdahl (a + b B/K) and amdahl_log (+ c log2 K) minimise squared relative errors with non-negative coefficients by
///   Lawson & Hanson's active set, columns as they are: where columns are collinear (weak scaling: B/K is constant)
///   the one of steepest descent, B/K, takes the whole;
/// - power_law is the line of log(B/T) over log K.
/// usl (T = B/K (a + b (K-1) + c K (K-1)), the same non-negative least squares) is a stronger rival than the one in
/// that README (median 16.7 %, not 32.5 %): its plain least squares may turn negative, and is undetermined in most of
/// the studies.
/// extrap is fit_normal_form of T(K) where all fitted points have one batch, and of K T / B (Extra-P's "resource cost")
/// where batches differ, one value a K (the mean over its batches); it needs three K, so it is scored on fewer points.
/// true_formula is the step model of a ring all-reduce (serial, compute, latency, bandwidth) fitted to step times alone
/// like amdahl: what is left of it without measured components.
[[nodiscard]] std::span<Rival const> rivals();

}  // namespace kurve::validate
