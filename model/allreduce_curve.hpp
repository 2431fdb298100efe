// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <vector>

namespace kurve::model {

/// One measured all-reduce.
struct SweepPoint {
  double ranks = 2.0, bytes = 0.0, time_s = 0.0;  ///< ranks at least 2, the others positive
};

/// What measured all-reduces take beyond a law of them: log T = log law(K, n) + log_factor(K, n), with log_factor
/// - at a measured rank count: what makes T a chain of lines in n through the measured sizes (each an alpha and a
/// beta);
///   beyond the sizes that of the nearest;
/// - between measured rank counts: a line in log2 K;
/// - beyond them: that of the nearest, moved on by its trend over the last two (smoothed over sizes), half of it in the
///   first doubling, a quarter in the next, and so on.
/// Where all was measured nothing of the law is left; where nothing was, it rules.
class AllreduceCurve {
 public:
  using Law = std::function<double(double ranks, double bytes)>;  ///< [s], positive

  /// @param points            at least one, ascending in (ranks, bytes), no pair twice
  /// @param workers_per_node  g, at least 1
  /// @param doubt             who says how unsure T is at a measured size and beyond the measured rank counts: the
  /// curve,
  ///                          or draws of the law's own parameters
  enum class Doubt { of_curve, of_law };
  AllreduceCurve(std::vector<SweepPoint> points, double workers_per_node, Law law, Doubt doubt);

  struct Correction {
    double log_factor = 0.0;
    double log_sd = 0.0;  ///< of log T of a new measurement there
  };
  /// @param ranks  above 1  @param bytes  above 0
  [[nodiscard]] Correction at(double ranks, double bytes) const;

  /// A size between two measured ones, and how far the line through its neighbours misses it.
  struct Residual {
    SweepPoint point;
    double log_error = 0.0;  ///< log(predicted / measured)
  };
  [[nodiscard]] std::vector<Residual> const& residuals() const { return residuals_; }
  /// sd of log T between measured sizes: the residuals', drawn towards the usual 5 % where they are few.
  [[nodiscard]] double size_log_sd() const { return size_log_sd_; }
  [[nodiscard]] std::vector<SweepPoint> const& points() const { return points_; }

 private:
  struct Row {  ///< one rank count
    double ranks = 2.0;
    std::vector<double> bytes, time_s;
  };
  struct Local {  ///< a row at one size
    double log_factor = 0.0, elasticity = 1.0, log_sd = 0.0;
  };
  [[nodiscard]] Local local(Row const& row, double bytes) const;
  [[nodiscard]] Correction beyond(Row const& row, double ranks, double bytes) const;
  [[nodiscard]] double nodes(double ranks) const;
  void find_residuals();
  void find_trend();

  std::vector<SweepPoint> points_;
  double workers_per_node_;
  Law law_;
  Doubt doubt_;
  std::vector<Row> rows_;
  std::vector<Residual> residuals_;
  double size_log_sd_ = 0.0;
  std::vector<double> trend_log2_bytes_, trend_;  ///< of log_factor per doubling of ranks, at the last two rows' sizes
};

}  // namespace kurve::model
