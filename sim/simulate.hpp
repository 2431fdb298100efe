// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "model/curve.hpp"
#include "model/model.hpp"
#include "sim/draw_device.hpp"
#include "sim/predict.hpp"
#include "sim/trial_ranks.hpp"

namespace kurve::sim {

/// automatic is closed_form: exact for every Model there is today, and the fastest. ring draws every hop of the
/// collectives, whatever their algorithm (sim/hop_step.hpp).
enum class Method { automatic, closed_form, order_statistics, workers, ring };
[[nodiscard]] std::string_view to_text(Method method);
/// @throws InputError listing the names; hyphens and underscores are the same
[[nodiscard]] Method method_from_text(std::string_view text);

struct SimulateOptions {
  std::vector<double> ranks;           ///< K, each >= 1, in any order; at least one
  std::vector<double> global_batches;  ///< B for each of `ranks`; empty: the Model's rule
  double threshold = 0.7;              ///< of efficiency, in (0, 1)
  double confidence = 0.9;             ///< of intervals, in (0, 1)
  long trials = 10'000;                ///< steps drawn for each K by a sampling method, 2 to 1e7
  int draws = default_draws;           ///< parameter vectors of T, E and their intervals, 1 to 1e6
  std::uint64_t seed = 1;
  int threads = 0;  ///< 0: as many as the hardware runs at once; never changes the result
  /// Processes that draw the trials together, all calling simulate() with the same arguments and all returning the same
  /// Curve; null: this one. Never changes the result.
  TrialRanks const* trial_ranks = nullptr;
  /// Who draws workers and rings, methods workers and ring only; null: this machine's processors. Never changes the
  /// result.
  DrawDevice const* device = nullptr;
  Method method = Method::automatic;
  std::vector<double> quantile_levels{0.05, 0.5, 0.95};  ///< of single steps, each in (0, 1)
  /// Called now and then from the calling thread with the done fraction, 0 to 1; returning false stops the run, and the
  /// Curve then holds the trials done so far (counted by its standard errors) and the points begun.
  std::function<bool(double)> progress;
};

/// Every K of `ranks`, ascending. T, E, their intervals, p_pays and the bend are of the draws (sim/summary.hpp). A
/// sampling method draws steps at the central parameters: what it finds there, over the closed form there, corrects T.
/// Spread and quantiles of single steps are those of the central parameters, in proportion to T.
///
/// speedup is given for strong scaling only. A mixed Model needs global_batches, and its baseline batch is
/// global_batch. not_measured lists parameters whose source is published or assumed and that move T at the largest K by
/// more than 1 % when raised by half or set to their default, and discrepancy.log_growth likewise by its sd of log T
/// there. Identical bytes whatever `threads` and however many ranks. Memory: 8 bytes a trial and 8 (K + 1) bytes a
/// draw.
/// @throws InputError on an option or parameter outside its range
[[nodiscard]] model::Curve simulate(model::Model const& model, SimulateOptions const& options);

/// A Curve and what its intervals rest on.
struct Simulated {
  model::Curve curve;
  std::vector<std::vector<double>> mean_draws_s;  ///< [points][draws], CurveSummary::times_s
};
/// simulate() and its draws; a plan goes on from them.
[[nodiscard]] Simulated simulate_with_draws(model::Model const& model, SimulateOptions const& options);

/// One trial of a sampling method, alone.
struct Trial {
  double step_s = 0.0;
  std::vector<double> worker_s;  ///< [K] compute of each worker; empty by order statistics
};
/// The same bits as trial number `trial` within simulate(); automatic and closed_form, which have no trials, mean
/// workers.
[[nodiscard]] Trial replay_trial(model::Model const& model, double ranks, double global_batch, Method method,
                                 std::uint64_t seed, std::uint32_t trial);

/// One all-reduce of a given size, as nccl-tests measures it.
struct AllreducePoint {
  double ranks = 1.0;
  double bytes = 0.0;
  double time_s = 0.0;               ///< median over the parameters' draws, with hop jitter
  double low_s = 0.0, high_s = 0.0;  ///< interval from the parameters' uncertainty
  double busbw_Bps = 0.0;            ///< 2(K-1)/K bytes / time
};
struct AllreduceOptions {
  std::vector<double> ranks;  ///< each >= 1
  std::vector<double> bytes;  ///< each >= 0
  double confidence = 0.9;
  int draws = default_draws;
  std::uint64_t seed = 1;
};
/// Every pair of ranks and bytes, ranks outermost. @throws InputError on an option outside its range
[[nodiscard]] std::vector<AllreducePoint> simulate_allreduce(model::Model const& model,
                                                             AllreduceOptions const& options);

}  // namespace kurve::sim
