// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "data/study.hpp"

namespace kurve::data {

/// How one model is cut, as words of a Study tell it: "TP4PP8CP1mbs1", "TP8 PP16 (VPP 6)".
struct Parallelism {
  bool told = false;                  ///< whether the words name a degree at all
  double workers_per_replica = 1.0;   ///< tensor x context x pipeline
  double stages = 1.0;                ///< of its pipeline
  std::optional<double> chunks;       ///< of the model on a stage, each a pipeline of its own (VPP)
  std::optional<double> micro_batch;  ///< samples (mbs)
};
[[nodiscard]] Parallelism parallelism_of(std::string const& words);
/// By the values of the Study's configuration columns ("parallelism TP4PP8", "pp 8"), then by its header.
[[nodiscard]] Parallelism parallelism_of(Study const& study, std::vector<std::string> const& configuration);

/// Workers of a replica, each way the steps of a Study were cut, ascending, for model::Model::replica_workers. What was
/// told of a K that it does not divide is left out; empty where nothing is told, or a cut needs one worker only.
[[nodiscard]] std::vector<double> replica_workers(Study const& study);

/// Whether a configuration column counts micro-batches a step (gradient accumulation): `grad_accum`, `micro_batches`.
[[nodiscard]] bool counts_micro_batches(std::string const& column);

/// A configuration column's value without what follows from K, which is no change of configuration: the degree of data
/// parallelism. `dp` and `data_parallel` are nothing else.
[[nodiscard]] std::string without_data_parallelism(std::string const& column, std::string const& value);

}  // namespace kurve::data
