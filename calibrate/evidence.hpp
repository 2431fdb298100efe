// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "calibrate/component_laws.hpp"
#include "data/study.hpp"
#include "model/step.hpp"

namespace kurve::calibrate {

/// All that the Studies say, before it is turned into parameters.
struct Evidence {
  Mean serial;
  ComputeLaw compute;
  std::optional<Estimate> allreduce;
  std::optional<Mean> contention;  ///< serial and compute on a full node, beyond one rank alone
  int contention_ranks = 1;
  Variability variability;
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
/// @throws DataError naming serial or compute where they are missing
[[nodiscard]] Evidence read_evidence(data::Study const& components, data::Study const& steps, double global_batch);

}  // namespace kurve::calibrate
