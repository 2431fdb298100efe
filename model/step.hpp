// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "model/allreduce.hpp"
#include "model/allreduce_curve.hpp"
#include "model/bucket_pipeline.hpp"
#include "model/measured_shape.hpp"

namespace kurve::model {

/// Shape of a random slowdown; each is scaled to the mean and spread of its parameter. `measured` is noise's alone.
enum class Shape { normal, lognormal, exponential, gumbel, weibull, pareto, measured };

/// Whether the workers' unequal shares are drawn anew each step (sequence lengths) or once a run (a fixed partition).
enum class Imbalance { per_step, per_run };

/// Parameters of the step model, one point in parameter space.
///
///   T(K, B) = serial + max_k [ compute(B/K) imbalance_k slow_k (1 + noise_k) ] + exposed(K)
///   compute(b) = fixed + ( floor^q + (b per_sample)^q )^(1/q) + spill(b)
///   exposed(K) = what backward does not hide of the all-reduce, plus the terms no component measurement pinned down
///
/// A step of m = barriers_per_step synchronizations is m such phases, each of 1/m of the compute and of the gradient,
/// with its own maximum over workers.
///
/// Names and units as files and `--set` use them: `parameter_table()`. Sources: docs/model.md.
struct StepParameters {
  double serial_s = 0.0;                    ///< what every step pays whatever K is
  double compute_fixed_s = 0.0;             ///< per-step cost of compute that no batch size amortises
  double compute_per_sample_s = 0.0;        ///< marginal cost of a sample
  double compute_floor_s = 0.0;             ///< launch-bound floor of small batches
  double compute_floor_sharpness = 2.5;     ///< q of the p-norm joining floor and line (1.8 to 5 measured on GPUs)
  double compute_spill_per_sample_s = 0.0;  ///< what a sample costs more in batches that outgrow a fast memory
  double compute_spill_batch = 0.0;         ///< local batch at which it costs half of that more; 0: none does
  double compute_spill_sharpness = 8.0;     ///< s of spill(b) = b spill_per_sample / (1 + (spill_batch/b)^s)

  double gradient_bytes = 0.0;       ///< buffer each rank contributes to the all-reduce of one step
  double allreduces_per_step = 1.0;  ///< collectives a step at least, each of gradient_bytes / this
  double barriers_per_step = 1.0;    ///< m, synchronizations a step: whole, >= 1
  double workers_per_node = 1.0;     ///< g
  double intra_latency_s = 0.0;      ///< alpha inside a node
  double intra_bandwidth_Bps = 0.0;  ///< 1/beta inside a node; 0 means no cost by bytes
  double inter_latency_s = 0.0;      ///< alpha between nodes
  double inter_bandwidth_Bps = 0.0;  ///< 1/beta between nodes; 0 means no cost by bytes
  double reduce_s_per_byte = 0.0;    ///< gamma
  double nccl_latency_scale = 1.0;   ///< of NCCL's own latencies, where `allreduce` is its choice
  double allreduce_error = 0.0;      ///< standardised error of the measured curve, in its own sd

  double overlap_fraction = 0.0;    ///< share of compute (backward) under which the all-reduce may hide
  double overlap_buckets = 1.0;     ///< gradient buckets of a synchronization; the last one is always exposed
  double bucket_bytes = 0.0;        ///< size of a bucket, instead of their number; 0: their number
  double first_bucket_bytes = 0.0;  ///< size of the first bucket; 0: as the others

  // Exposed terms that a fit to step times finds, whatever causes them; f(b) = effective_batch(b).
  double extra_multi_s = 0.0;                  ///< whenever K > 1
  double extra_in_node_s = 0.0;                ///< times 1 - 1/g, g workers of a node in use
  double extra_in_node_per_sample_s = 0.0;     ///< times (1 - 1/g) f(b)
  double extra_cross_node_s = 0.0;             ///< times 1 - 1/N, N nodes
  double extra_cross_node_per_sample_s = 0.0;  ///< times (1 - 1/N) f(b)
  double extra_per_log2_nodes_s = 0.0;         ///< times log2 N
  double extra_per_log2_s = 0.0;               ///< times log2 K
  double extra_per_rank_s = 0.0;               ///< times K - 1
  double extra_hidden_per_sample_s = 0.0;      ///< times f(b): what compute hides of multi, per_log2* and per_rank
  double skew_normal_per_sample_s = 0.0;  ///< times m(K) f(b), m the expected maximum of K normals (Blom's quantile)
  double skew_log_per_sample_s = 0.0;     ///< times ln K f(b): exponential and Gumbel tails
  double skew_pareto_per_sample_s = 0.0;  ///< times (K^(1/4) - 1) f(b): a heavy tail

  double noise_cv = 0.0;                ///< every worker, every step: sd over mean of its compute
  double noise_node_cv = 0.0;           ///< shared by the workers of a node in a step
  double noise_step_cv = 0.0;           ///< shared by all workers in a step
  double noise_run_cv = 0.0;            ///< shared by all steps of a run
  double straggler_probability = 0.0;   ///< that a worker straggles in a step
  double straggler_slowdown = 1.0;      ///< mean factor on compute while it straggles, >= 1
  double straggler_spread_cv = 0.0;     ///< sd over mean of (factor - 1)
  double persistent_probability = 0.0;  ///< that a worker is slow for the whole run
  double persistent_slowdown = 1.0;     ///< its factor, >= 1
  double imbalance_cv = 0.0;            ///< sd over mean of the workers' shares
  double hop_jitter_cv = 0.0;           ///< sd over mean of one hop inside the ring, the part in proportion to it
  double hop_jitter_s = 0.0;            ///< sd of one hop, the part that its length leaves as it is (hosts' delays)

  // What the formula does not know, see discrepancy_log(). Growths are signed, 0 at the centre; their sd is what widens
  // a prediction.
  double discrepancy_log_growth = 0.0;          ///< of T
  double discrepancy_exposed_log_growth = 0.0;  ///< of exposed communication alone
  double discrepancy_power = 1.0;               ///< 1: per doubling; 1/2: like a random walk
  double discrepancy_from_ranks = 1.0;          ///< largest K whose step was measured
  double discrepancy_from_batch = 0.0;          ///< local batch measured there; 0: none
  double discrepancy_batch_weight = 0.0;        ///< a halving of the local batch counts as this many doublings of K
  double discrepancy_configuration_log = 0.0;   ///< misfit of one configuration, signed, 0 at the centre

  AllreduceAlgorithm allreduce = AllreduceAlgorithm::ring;
  Shape noise_shape = Shape::lognormal;
  Shape straggler_shape = Shape::exponential;
  Shape imbalance_shape = Shape::gumbel;
  Imbalance imbalance = Imbalance::per_step;

  /// Noise as repeats of compute showed it, for noise_shape `measured`; none: too few were measured. Shared by all
  /// draws.
  std::shared_ptr<MeasuredShape const> measured_noise;
  /// What measured all-reduces take beyond the law of the network above; none: the law alone. Shared by all draws.
  std::shared_ptr<AllreduceCurve const> measured_allreduce;
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

/// One step without any randomness, and how it depends on its slowest worker.
struct StepTime {
  double serial_s = 0.0;
  double compute_s = 0.0;       ///< of all phases
  double allreduce_s = 0.0;     ///< whole duration of the collectives, hidden or not
  double exposed_comm_s = 0.0;  ///< what of it, and of the extra terms, the step waits for
  double extra_s = 0.0;         ///< extra_time_s
  double phases = 1.0;          ///< m
  BucketPipeline pipeline;      ///< of one phase

  [[nodiscard]] double total_s() const { return serial_s + compute_s + exposed_comm_s; }
  /// One phase whose slowest worker takes `factor` times its compute. What hides communication is that worker's
  /// backward: a bucket waits for all workers.
  [[nodiscard]] double phase_s(double factor) const {
    double const slowest_s = factor * (compute_s / phases);
    return slowest_s + pipeline.exposed_s(slowest_s);
  }
  /// The collectives, and what of them is exposed, with every bucket taking so many times longer.
  void stretch_communication(double factor);
};

/// compute(b) [s]. @param local_batch samples on this worker, >= 0
[[nodiscard]] double compute_time_s(StepParameters const& p, double local_batch);

/// One all-reduce by the law of the network parameters alone [s]. For NCCL's choice the bandwidths are bus bandwidths
/// and the latencies NCCL's own times nccl_latency_scale; else alpha and beta of each level. @param bytes  n >= 0
[[nodiscard]] double allreduce_law_s(StepParameters const& p, double ranks, double bytes);

/// One all-reduce [s]: the law, times what measured ones take beyond it, off by allreduce_error of that curve's sd.
[[nodiscard]] double one_allreduce_s(StepParameters const& p, double ranks, double bytes);

/// The curve of measured all-reduces beyond the law of these parameters. Arguments as AllreduceCurve's.
/// @param rival_prior  that the algorithm is another than theirs, before growth is seen; 0: it is known; none: the
/// usual
[[nodiscard]] std::shared_ptr<AllreduceCurve const> make_allreduce_curve(StepParameters const& central,
                                                                         std::vector<SweepPoint> points,
                                                                         std::optional<double> rival_prior = {});

/// Buckets of one synchronization.
[[nodiscard]] Buckets gradient_buckets(StepParameters const& p);

/// Collectives that reduce one bucket: one, or its share of allreduces_per_step where that is more.
[[nodiscard]] double collectives_of_bucket(StepParameters const& p, double bytes);
/// To reduce one bucket on K workers [s].
[[nodiscard]] double bucket_time_s(StepParameters const& p, double ranks, double bytes);
using BucketTime = double (*)(StepParameters const& p, double ranks, double bytes);

/// The pipeline of one synchronization; nothing to do without a gradient or on one worker.
[[nodiscard]] BucketPipeline bucket_pipeline(StepParameters const& p, double ranks,
                                             BucketTime bucket_s = bucket_time_s);

/// All collectives of one step on K workers [s]. K may be fractional only for interpolation between integers.
[[nodiscard]] double allreduce_time_s(StepParameters const& p, double ranks);

/// (knee^q + b^q)^(1/q), knee = floor / per_sample: the batch whose cost on the line equals compute(b) less its fixed
/// part.
[[nodiscard]] double effective_batch(StepParameters const& p, double local_batch);

/// The exposed terms that no component pins down (the `extra_` and `skew_` parameters) at K workers [s].
[[nodiscard]] double extra_time_s(StepParameters const& p, double ranks, double local_batch);

/// log of the factor by which this parameter vector's discrepancy moves T at K workers and local batch b:
/// log_growth D^power + log(1 + share (exp(exposed_log_growth D^power) - 1)), share of the step that is exposed
/// communication, D = max(0, log2(K/from_ranks)) + batch_weight max(0, log2(from_batch/b)); 0 inside the measured
/// range.
[[nodiscard]] double discrepancy_log(StepParameters const& p, double ranks, double local_batch);

/// The noise-free step at K workers and global batch B. @throws InputError if ranks < 1 or batch <= 0
[[nodiscard]] StepTime step_time(StepParameters const& p, double ranks, double global_batch,
                                 BucketTime bucket_s = bucket_time_s);

}  // namespace kurve::model
