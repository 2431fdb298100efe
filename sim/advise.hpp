// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/model.hpp"
#include "sim/predict.hpp"

namespace kurve::sim {

/// What one more measurement would tell.
struct Advice {
  std::string what;      ///< the measurement: "3 runs at K = 16 with B = 256"
  double gain = 0.0;     ///< expected share of the interval's width that it removes, in [0, 1)
  std::string sentence;  ///< both in plain words
};

struct AdviseOptions {
  double confidence = 0.9;     ///< of the interval, in (0, 1)
  int draws = 2000;            ///< parameter vectors, at least 100
  int outcomes = 64;           ///< hypothetical outcomes of each measurement
  int runs = 3;                ///< of each new whole-step point, at least 1
  double component_cv = 0.02;  ///< relative error of a component's measurement, and of a run where the Model has none
                               ///< (our choice: STYLE.md 6 stops at about that)
  double overlap_cv =
      0.2;  ///< error of taking an all-reduce for its exposed part in a Model that has no network (our choice)
  std::uint64_t seed = 1;
};

/// Gains under this are not worth a measurement.
inline constexpr double worthwhile_gain = 0.05;

/// Candidate measurements, by how much of the width of the interval of log T(target) each is expected to remove, best
/// first (within 2 % of the width: the one with fewer workers first). Kf is the largest measured K.
///
/// Candidates: whole steps at 2 Kf and 4 Kf (below the target's K) at the target's global batch, its local batch or
/// both as the regime has it; whole steps at Kf with half, twice and the target's local batch; repeats at Kf and at the
/// baseline; serial work alone; compute alone at the target's local batch; all-reduce on 2, and on 2 and 4, nodes (up
/// to 4 Kf).
///
/// Method: expected_width() over the draws. T(target) is the interval that simulate() prints, so the run noise of the
/// future run and its configuration's misfit stay in it, whatever is measured. Three things are not taken for granted:
/// - a new whole step errs by run noise and by its own configuration's misfit; a repeat by run noise alone but
///   shares the misfit with the point it repeats, so it tells only the difference (one run there now is assumed);
/// - a whole step beyond the measured range carries the discrepancy up to there (log_growth distance^power), and a fit
/// with it starts
///   its discrepancy anew from there, independently: log T(target) is that much closer to the measured range;
/// - components say nothing of the discrepancy.
/// Deterministic in seed.
/// @throws InputError unless the target's K >= 1 and B > 0
/// Sources: Lindley 1956 (expected information); Chaloner & Verdinelli 1995, see sim/preposterior.hpp.
[[nodiscard]] std::vector<Advice> advise(model::Model const& model, Target target, AdviseOptions const& options);

}  // namespace kurve::sim
