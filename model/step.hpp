// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "model/allreduce.hpp"

namespace kurve::model {

/// Shape of a random slowdown; each is scaled to the mean and spread of its parameter.
enum class Shape { normal, lognormal, exponential, gumbel, weibull, pareto };

/// Whether the workers' unequal shares are drawn anew each step (sequence lengths) or once a run (a fixed partition).
enum class Imbalance { per_step, per_run };

/// Parameters of the step model, one point in parameter space.
///
///   T(K, B) = serial + max_k [ compute(B/K) imbalance_k slow_k (1 + noise_k) ] + exposed(K)
///   compute(b) = fixed + ( floor^q + (b per_sample)^q )^(1/q)
///   exposed(K) = what backward does not hide of the all-reduce, plus the terms no component measurement pinned down
///
/// Names and units as files and `--set` use them: `parameter_table()`. Sources: docs/model.md.
struct StepParameters {
  double serial_s = 0.0;               ///< what every step pays whatever K is
  double compute_fixed_s = 0.0;        ///< per-step cost of compute that no batch size amortises
  double compute_per_sample_s = 0.0;   ///< marginal cost of a sample
  double compute_floor_s = 0.0;        ///< launch-bound floor of small batches
  double compute_floor_sharpness = 2.5;///< q of the p-norm joining floor and line (1.8 to 5 measured on GPUs)

  double gradient_bytes = 0.0;         ///< buffer each rank contributes to the all-reduce of one step
  double allreduces_per_step = 1.0;    ///< collectives a step, each of gradient_bytes / this
  double workers_per_node = 1.0;       ///< g
  double intra_latency_s = 0.0;        ///< alpha inside a node
  double intra_bandwidth_Bps = 0.0;    ///< 1/beta inside a node; 0 means no cost by bytes
  double inter_latency_s = 0.0;        ///< alpha between nodes
  double inter_bandwidth_Bps = 0.0;    ///< 1/beta between nodes; 0 means no cost by bytes
  double reduce_s_per_byte = 0.0;      ///< gamma

  double overlap_fraction = 0.0;       ///< share of compute (backward) under which the all-reduce may hide
  double overlap_buckets = 1.0;        ///< gradient buckets; the last one is always exposed

  double extra_multi_s = 0.0;          ///< exposed whenever K > 1
  double extra_node_s = 0.0;           ///< exposed whenever more than one node
  double extra_per_log2_s = 0.0;       ///< exposed per log2 K
  double extra_per_log2_node_s = 0.0;  ///< exposed per log2 N, N nodes
  double extra_per_rank_s = 0.0;       ///< exposed per worker beyond the first
  double extra_share_s = 0.0;          ///< exposed times (K-1)/K: bandwidth of a ring

  double noise_cv = 0.0;               ///< every worker, every step: sd over mean of its compute
  double noise_node_cv = 0.0;          ///< shared by the workers of a node in a step
  double noise_step_cv = 0.0;          ///< shared by all workers in a step
  double noise_run_cv = 0.0;           ///< shared by all steps of a run
  double straggler_probability = 0.0;  ///< that a worker straggles in a step
  double straggler_slowdown = 1.0;     ///< mean factor on compute while it straggles, >= 1
  double straggler_spread_cv = 0.0;    ///< sd over mean of (factor - 1)
  double persistent_probability = 0.0; ///< that a worker is slow for the whole run
  double persistent_slowdown = 1.0;    ///< its factor, >= 1
  double imbalance_cv = 0.0;           ///< sd over mean of the workers' shares
  double hop_jitter_cv = 0.0;          ///< sd over mean of one hop inside the ring

  double discrepancy_per_doubling = 0.0;  ///< sd of log T for each doubling of K beyond discrepancy_from_ranks
  double discrepancy_from_ranks = 1.0;    ///< largest K whose step time was measured

  AllreduceAlgorithm allreduce = AllreduceAlgorithm::ring;
  Shape noise_shape = Shape::lognormal;
  Shape straggler_shape = Shape::exponential;
  Shape imbalance_shape = Shape::gumbel;
  Imbalance imbalance = Imbalance::per_step;
};

/// One named scalar of StepParameters.
struct ParameterInfo {
  std::string_view name;  ///< as in Model files and --set: "network.inter.bandwidth_Bps"
  std::string_view unit;  ///< SI: "s", "B", "B/s", "1"
  double StepParameters::*member;
  double min, max;  ///< valid range, both ends included
  std::string_view meaning;
};

/// Every scalar parameter, in file order.
[[nodiscard]] std::span<ParameterInfo const> parameter_table();
/// nullptr where there is no such name.
[[nodiscard]] ParameterInfo const* find_parameter(std::string_view name);

/// One named choice of StepParameters, as text.
struct ChoiceInfo {
  std::string_view name;  ///< "network.allreduce"
  std::span<std::string_view const> values;
  std::string_view (*get)(StepParameters const&);
  void (*set)(StepParameters&, std::string_view value);  ///< value is one of `values`
  std::string_view meaning;
};
[[nodiscard]] std::span<ChoiceInfo const> choice_table();

/// Sets a scalar or a choice by name from text, e.g. ("variability.noise.cv", "0.01").
/// @throws InputError naming the near miss, the range, or the allowed values
void set_parameter(StepParameters& parameters, std::string_view name, std::string_view value);

/// @throws InputError on the first value outside its range, naming it
void check(StepParameters const& parameters);

/// One step without any randomness.
struct StepTime {
  double serial_s = 0.0;
  double compute_s = 0.0;
  double allreduce_s = 0.0;      ///< whole duration of the collectives, hidden or not
  double exposed_comm_s = 0.0;   ///< what of it, and of the extra terms, the step waits for
  [[nodiscard]] double total_s() const { return serial_s + compute_s + exposed_comm_s; }
};

/// compute(b) [s]. @param local_batch samples on this worker, >= 0
[[nodiscard]] double compute_time_s(StepParameters const& p, double local_batch);

/// All collectives of one step on K workers [s]; K may be fractional only for interpolation between integers.
[[nodiscard]] double allreduce_time_s(StepParameters const& p, double ranks);

/// What backward leaves exposed of `allreduce_s`, n equal buckets becoming ready evenly during backward:
///
///   exposed = max( T_c / n, T_c - T_b + T_b / n ),  T_b = overlap_fraction compute
///
/// without overlap (T_b = 0 or n = 1) all of it. Source: docs/model.md section 3 (bucketed overlap).
[[nodiscard]] double exposed_time_s(StepParameters const& p, double allreduce_s, double compute_s);

/// The exposed terms that no component pins down (the `extra_` parameters) at K workers [s].
[[nodiscard]] double extra_time_s(StepParameters const& p, double ranks);

/// The noise-free step at K workers and global batch B. @throws InputError if ranks < 1 or batch <= 0
[[nodiscard]] StepTime step_time(StepParameters const& p, double ranks, double global_batch);

}  // namespace kurve::model
