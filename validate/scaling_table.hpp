// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/points.hpp"
#include "data/study.hpp"
#include "model/scaling.hpp"

namespace kurve::validate {

/// How the interval of a mean is made.
enum class MeanInterval {
  student_t,  ///< Student's t, n - 1 degrees of freedom
  normal      ///< +- 1.96 s/sqrt(n) at 95 %, as textbooks print it: too narrow for few repeats
};

struct ScalingOptions {
  double threshold = 0.7;    ///< least efficiency that pays, in (0, 1)
  double confidence = 0.95;  ///< of every interval, in (0, 1)
  MeanInterval mean_interval = MeanInterval::student_t;
  int resamples = 2000;  ///< studies drawn to know how sure the bend is, at least 100
  std::uint64_t seed = 1;
};
/// @throws InputError naming the option that is out of its range
void check(ScalingOptions const& options);

struct ScalingPoint {
  double ranks = 1.0;                  ///< K
  double global_batch = 1.0;           ///< B; meaningless unless ScalingTable::has_batch
  data::Summary time;                  ///< n, mean [s], unbiased std [s]
  std::optional<data::Bounds> mean_s;  ///< interval of the mean; none for n = 1
  std::optional<double> speedup;       ///< T(K0)/T(K); none where B is not the baseline's
  double efficiency = 1.0;             ///< model::efficiency
  /// Welch's t of log E; none at the baseline, and where no point has repeats. A single value has the spread of the
  /// points that have repeats.
  std::optional<data::Bounds> efficiency_interval;
  bool pays = true;  ///< efficiency >= threshold
};

struct TableBend {
  model::Bend at;
  bool has_interval = false;                    ///< whether any point has repeats
  double agreement = 1.0;                       ///< share of the resampled studies that bend at the same K
  std::optional<double> low_ranks, high_ranks;  ///< of measured K; none: not below the threshold at any measured K
};

/// The reading of a scaling study: what a table, a plot and a verdict show.
struct ScalingTable {
  std::string workload;
  ScalingOptions options;
  model::Regime regime = model::Regime::strong;
  std::optional<model::Regime> declared, derived;
  bool has_batch = false;
  data::Replication replication = data::Replication::single;
  std::size_t baseline = 0;          ///< index into points
  std::vector<ScalingPoint> points;  ///< by K, then B
  std::optional<TableBend> bend;     ///< none where the largest K still pays
  std::vector<double> dips;          ///< K below the threshold before a larger K that pays
  std::vector<std::string> budget;   ///< what the next doubling buys, what share of the fleet idles: in words
  std::vector<std::string> notes;    ///< what a reader must know: baseline K0 > 1, regimes that disagree, warm-up
};

/// Mean, spread, speedup, efficiency and verdict at each (K, B), and the bend. Deterministic in options.seed.
///
/// Where several batches were run at one K, the bend looks at the most efficient of them.
/// @throws DataError as data::measured_points
[[nodiscard]] ScalingTable make_scaling_table(data::Study const& study, ScalingOptions const& options);

}  // namespace kurve::validate
