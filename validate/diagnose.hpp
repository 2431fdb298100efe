// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "data/study.hpp"

namespace kurve::validate {

/// What costs a job its efficiency as K grows. Causes that act together are or-ed: communication | serial.
enum class Cause : unsigned {
  none = 0,
  communication = 1,
  imbalance = 2,
  serial = 4,
  straggler = 8,
  undetermined = 16
};
[[nodiscard]] constexpr Cause operator|(Cause a, Cause b) {
  return static_cast<Cause>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
/// Whether `one` is among the causes of `set`.
[[nodiscard]] constexpr bool includes(Cause set, Cause one) {
  return (static_cast<unsigned>(set) & static_cast<unsigned>(one)) != 0;
}
/// "communication", of several "communication+serial".
[[nodiscard]] std::string to_text(Cause cause);

/// Probability that an answer is the right one; they add up to 1. The four causes and none are always there; mixtures
/// where they were looked for; undetermined is what has no name here (heat, clocks, shared memory).
using CauseProbabilities = std::map<Cause, double>;

/// POP efficiencies of one K from per-rank times; each in (0, 1], and their product is the share of the step that is
/// useful. Source: POP Centre of Excellence, parallel efficiency = load balance x serialization x transfer.
struct PopFactors {
  double ranks = 1.0;         ///< K
  double load_balance = 1.0;  ///< mean over ranks of their mean compute / the largest of those means
  double serialization =
      1.0;  ///< what is lost because another rank is late in this step: largest mean / mean of the largest
  double transfer = 1.0;  ///< what the network alone costs: mean of the largest compute / step time
};

struct Diagnosis {
  Cause cause = Cause::undetermined;
  CauseProbabilities probabilities;
  std::vector<std::string> evidence;  ///< sentences for people, the decisive one first
  std::optional<bool> persistent;     ///< per-rank data and a cause that sits in ranks: the same ranks in every step
  std::vector<int> ranks;             ///< the culprits, worst first; empty where no rank stands out
  std::optional<int> stage;           ///< the pipeline stage of the culprits, where there are several
  std::vector<PopFactors> pop;        ///< by K; per-rank data only
};

struct DiagnoseOptions {
  double answer_at = 0.77;        ///< least probability of an answer, in (0.5, 1); below it the cause is undetermined
  double negligible_loss = 0.05;  ///< 1 - E at the largest K that needs no cause, in (0, 0.5)
};
/// @throws InputError naming the option out of its range
void check(DiagnoseOptions const& options);

/// Why the curve bends. Per-rank rows decide where the Study has them; else the step times alone: how their mean grows
/// with K, how they spread and lean at each K. Compares one generative law for each way a cause can act, and for two
/// that share the loss (diagnose_laws.hpp), and abstains below `answer_at`.
///
/// Compute that stops shrinking with the batch (the launch-bound floor) is serial: no worker more makes it shorter.
/// A constant serial part in weak scaling costs no efficiency and is not a cause.
/// Deterministic. Cost: some milliseconds, independent of the number of rows beyond 40 a point and 24 points.
/// @throws DataError where no row times a step, InputError on a bad option
/// Source: docs/audit.md, "Diagnosis"; signatures of the causes from Hoefler, Schneider & Lumsdaine, SC'10, and from
/// Lin et al., "Understanding stragglers in large model training", OSDI'25 (arXiv 2505.05713).
[[nodiscard]] Diagnosis diagnose(data::Study const& study, DiagnoseOptions const& options = {});

}  // namespace kurve::validate
