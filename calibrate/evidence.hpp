// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "calibrate/component_laws.hpp"
#include "calibrate/variability.hpp"
#include "data/study.hpp"
#include "model/step.hpp"

namespace kurve::calibrate {

/// All that the Studies say, before it is turned into parameters.
struct Evidence {
  Mean serial;
  bool serial_inside_compute = false;  ///< compute rows are whole steps of one rank: serial is 0, and theirs
  ComputeLaw compute;
  std::optional<Estimate> allreduce;
  std::vector<model::SweepPoint> sweep;  ///< what it was fitted on, ascending
  bool algorithm_known = false;          ///< the rows say that they are of a ring
  bool allreduce_of_steps = false;       ///< not measured alone: what whole steps at K > 1 take beyond one rank's
  /// What workers that share a node take beyond one alone.
  struct Contention {
    Mean compute, serial;
    double workers = 1.0;      ///< of the node, at work
    double local_batch = 1.0;  ///< of each
  };
  std::optional<Contention> contention;  ///< none where every worker has a node of its own
  Variability variability;
  bool several_nodes = false;  ///< compute was measured on more than one node at once
  HopJitter hop_jitter;
  double run_cv = 0.0;
  int run_n = 0;
  struct StepPoint {
    double ranks = 1.0, batch = 1.0;
    Mean time;
    int runs = 0;
  };
  std::vector<StepPoint> steps;
  model::StepParameters base;  ///< what is context rather than measured
};

/// @param global_batch  of step rows that name none
/// @param network       parameters of one measured elsewhere, which then stands for all-reduce rows; none: nullptr
/// @throws DataError naming serial or compute where they are missing
[[nodiscard]] Evidence read_evidence(data::Study const& components, data::Study const& steps, double global_batch,
                                     model::StepParameters const* network);

}  // namespace kurve::calibrate
