// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "model/hop_schedule.hpp"
#include "model/step.hpp"

namespace kurve::model {

/// The algorithm that all-reduces measured as another may as well grow by, and how likely it is before growth is seen:
/// NCCL leaves rings by its cost model, unless an old plugin or NCCL_ALGO holds it there; an MPI library may do either.
/// Choices.
struct RivalAlgorithm {
  AllreduceAlgorithm algorithm;
  double probability;
};

/// One all-reduce algorithm: all that is particular to it.
struct Collective {
  AllreduceAlgorithm algorithm;
  std::string_view name;         ///< in files and --set
  std::string_view description;  ///< a noun phrase
  std::string_view source;
  bool own_choice;  ///< of ring, trees or switch by size, with latencies of its own: no alpha and beta that a fit draws
  RivalAlgorithm rival;
  /// By the network's parameters alone [s]. @param ranks  K > 1  @param bytes  n >= 0
  double (*law_s)(StepParameters const&, double ranks, double bytes);
  /// The hops of such a collective; their jitter is the schedule's.
  HopSchedule (*schedule)(StepParameters const&, double ranks, double bytes);
};

/// Every algorithm.
[[nodiscard]] std::span<Collective const> collectives();
[[nodiscard]] Collective const& collective(AllreduceAlgorithm algorithm);
/// Of the algorithm of these parameters.
[[nodiscard]] HopSchedule schedule_of(StepParameters const& p, double ranks, double bytes);

}  // namespace kurve::model
