// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/model.hpp"

namespace kurve::model {

/// Centre and two-sided interval at the Curve's confidence.
struct Interval {
  double centre = 0.0, low = 0.0, high = 0.0;
};

/// Where the step time of a point goes; the parts add up to it.
struct Contributions {
  double serial_s = 0.0, compute_s = 0.0, noise_s = 0.0, straggler_s = 0.0, imbalance_s = 0.0, exposed_comm_s = 0.0;
};

struct CurvePoint {
  double ranks = 1.0;                    ///< K
  double global_batch = 1.0;             ///< B
  double mean_s = 0.0;                   ///< T: the mean step, its median over what is uncertain of the Model
  double standard_error_s = 0.0;         ///< of mean_s, from the number of trials; 0 where the method is exact
  long trials = 0;                       ///< steps drawn; 0 where the method draws none
  double sd_s = 0.0;                     ///< spread of single steps
  double low_s = 0.0, high_s = 0.0;      ///< interval of the mean step time of a new run: parameters, runs, sampling
  std::map<double, double> quantiles_s;  ///< of single steps, by level
  std::optional<double> speedup;         ///< E K / K0, strong scaling only
  Interval efficiency;                   ///< relative to the baseline K0, as measured where it was
  double p_pays = 1.0;                   ///< P(E(K) >= threshold)
  Contributions contributions;
  std::optional<double> jitter_tax;  ///< of method ring: time of a collective with hop jitter over the time without
};

struct CurveBend {
  double ranks = 0.0;
  std::optional<double> last_ok_ranks, crossing_ranks;
  std::optional<double> low_ranks, high_ranks;  ///< interval of the bend
};

/// T, S, E at a list of K.
struct Curve {
  std::string workload;
  Regime regime = Regime::strong;
  double threshold = 0.7;
  double confidence = 0.9;
  double baseline_ranks = 1.0;
  std::optional<double> baseline_s;  ///< measured there, which efficiency is relative to; none: the Model's own
  std::string method;                ///< closed-form | order-statistics | workers | ring
  std::string method_reason;         ///< who chose it, and how exact it is for this Model
  bool stopped = false;              ///< before all K, or all their trials, were done
  std::vector<CurvePoint> points;
  std::optional<CurveBend> bend;
  std::vector<std::string> not_measured;  ///< parameters whose source is published or assumed and whose value matters
  std::vector<std::string> cautions;      ///< what it must be read with, a sentence each
};

}  // namespace kurve::model
