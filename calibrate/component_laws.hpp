// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "data/study.hpp"
#include "model/step.hpp"

namespace kurve::calibrate {

/// Mean of a component's ordinary timings at one point, and its standard error.
struct Mean {
  double value = 0.0, standard_error = 0.0;
};

/// Estimated values >= 0 and their covariance.
struct Estimate {
  Eigen::VectorXd value;
  Eigen::MatrixXd covariance;
  double misfit = 0.0;  ///< relative sd, beyond the standard errors, by which the law misses its points
};

/// One equation y = x . values of a weighted fit.
struct Equation {
  Eigen::VectorXd x;
  Mean y;
  bool exact = false;  ///< the law is to hold here: no misfit is granted
};

/// Non-negative weighted least squares, weights 1 / (SE^2 + (misfit y)^2), the misfit just large enough that chi^2
/// equals its degrees of freedom (Mandel & Paule, Anal. Chem. 42 (1970) 1194-1197). Where exact points alone disagree
/// more than that, the covariance is scaled by chi^2 over its degrees. A column that no equation uses, or that is at
/// its bound, has variance 0.
/// @param equations  [n >= 1], x of one length, at most 8: every active set is tried
[[nodiscard]] Estimate fit_nonnegative(std::vector<Equation> const& equations);

/// compute(b) = fixed + (floor^q + (b per_sample)^q)^(1/q); values: fixed, per_sample, floor.
struct ComputeLaw {
  Estimate estimate;
  bool identified = true;  ///< false with one local batch: all cost is then per sample
  std::string note;
};
/// A line, unless it misses by over 2 % and the floor's p-norm (fixed = 0) misses by less than half of that.
/// @param means  by local batch, not empty
[[nodiscard]] ComputeLaw fit_compute(std::map<double, Mean> const& means, double sharpness);

/// All-reduce: values alpha and beta inside a node, alpha and beta between nodes (model/allreduce.hpp). A ring over
/// several nodes pays each level's latency for its hops there and moves its bytes at the pace between nodes; so does a
/// tree over several nodes, of which all-reduces of one node say nothing. gamma always comes with beta in the ratio 1 :
/// 2, so it cannot be told apart from it and is inside beta.
struct AllreduceKey {
  int ranks = 2;
  std::int64_t bytes = 0;
  auto operator<=>(AllreduceKey const&) const = default;
};
/// @param step_bytes  message of the training step, where the law is made to hold: one line misses by 20 to 47 %
/// elsewhere (FACTS A)
/// @param alpha  what is known of a hop's latency beforehand, where a few messages of one size hardly tell it [s]
[[nodiscard]] Estimate fit_allreduce(std::map<AllreduceKey, Mean> const& means, int workers_per_node,
                                     std::int64_t step_bytes,
                                     model::AllreduceAlgorithm algorithm = model::AllreduceAlgorithm::ring,
                                     std::optional<Mean> alpha = {});

/// Ring, tree or hierarchical ring: the one by which the times grow over rank counts, as far as several on more than
/// one node (or several on one, where there are no others) tell; else the ring.
struct AllreduceFit {
  model::AllreduceAlgorithm algorithm = model::AllreduceAlgorithm::ring;
  Estimate links;
};
[[nodiscard]] AllreduceFit fit_allreduce_algorithm(std::map<AllreduceKey, Mean> const& means, int workers_per_node,
                                                   std::int64_t step_bytes);

/// Sets latencies and bandwidths of both levels from values as fit_allreduce has them. A level that they do not show is
/// as the other, and links between nodes are as assumed of ones never measured.
void set_links(model::StepParameters& p, Eigen::VectorXd const& links);
[[nodiscard]] bool shows_links_between_nodes(Eigen::VectorXd const& links);

/// sd of log latency and of log bandwidth between nodes where neither was measured.
inline constexpr double assumed_link_log_sd = 0.8;

}  // namespace kurve::calibrate
