// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <functional>
#include <span>
#include <vector>

namespace kurve::model {

/// One measured all-reduce.
struct SweepPoint {
  double ranks = 2.0, bytes = 0.0, time_s = 0.0;  ///< ranks at least 2, the others positive
};

/// Time of one all-reduce by a law of ranks and bytes [s], positive.
using AllreduceLaw = std::function<double(double ranks, double bytes)>;

/// log of how much more likely the growth of measured times over rank counts is by `law` than by `rival`: normal errors
/// of log growth between neighbouring counts, averaged over the sizes measured at both. How an all-reduce grows inside
/// a node says nothing of how it grows over nodes, so each is judged by its own; 0 without two counts.
struct GrowthEvidence {
  double in_node = 0.0, over_nodes = 0.0;
};
[[nodiscard]] GrowthEvidence growth_evidence(std::span<SweepPoint const> points, double workers_per_node,
                                             AllreduceLaw const& law, AllreduceLaw const& rival);

/// log of what bytes take beyond the measured rank counts over what they take by all that holds up to them: a level of
/// the network with fewer links or a contended one, routes that collide. Latency does not share links, so of an
/// all-reduce it is in proportion to the bytes' share. Three of four networks have none, one in twenty takes twice
/// as long. A choice: leaving the second node cost 1.3 to 1.4 on two H100 clusters and 1.9 on one of A100
/// (nccl-tests issue 309, nccl issue 527).
/// @param error  standard normal: of the all-reduce, of which this is the tail towards slower
[[nodiscard]] double contention_log(double error);

/// What an all-reduce curve extrapolates by.
struct CurveLaws {
  AllreduceLaw law;
  AllreduceLaw rival;            ///< the algorithm that it may as well be; empty: none
  double rival_probability = 0;  ///< before growth over rank counts is seen
};

/// What measured all-reduces take beyond a law of them: log T = log law(K, n) + log_factor(K, n), with log_factor
/// - at a measured rank count: what makes T a chain of lines in n through the measured sizes (each an alpha and a
///   beta), those that fall as bytes grow being averaged; beyond the sizes that of the nearest;
/// - between measured rank counts: a line in log2 K;
/// - beyond them: that of the nearest, moved on by its trend over the last two (smoothed over sizes), half of it in the
///   first doubling, a quarter in the next, and so on.
/// Where all was measured nothing of the law is left; where nothing was, it rules. Beyond the measured rank counts the
/// times by a rival law that their growth does not rule out are inside the 90 % interval too.
class AllreduceCurve {
 public:
  /// @param points            at least one, ascending in (ranks, bytes), no pair twice
  /// @param workers_per_node  g, at least 1
  /// @param doubt             who says how unsure T is at a measured size and at rank counts like those measured: the
  ///                          curve, or draws of the law's own parameters
  enum class Doubt { of_curve, of_law };
  AllreduceCurve(std::vector<SweepPoint> points, double workers_per_node, CurveLaws laws, Doubt doubt);
  [[nodiscard]] double rival_prior() const { return rival_prior_; }  ///< CurveLaws::rival_probability

  struct Correction {
    double log_factor = 0.0;
    double low_log_sd = 0.0, high_log_sd = 0.0;  ///< of log T of a new measurement there: towards faster, slower
    double contended = 0.0;                      ///< share of T that contention may stretch
    /// log of T over its centre, at a standard normal error.
    [[nodiscard]] double log_at(double error) const {
      return log_factor +
             (error < 0.0 ? error * low_log_sd : std::hypot(error * high_log_sd, contended * contention_log(error)));
    }
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
  [[nodiscard]] std::vector<double> const& sizes() const { return sizes_; }  ///< of any rank count, ascending [bytes]
  /// Of the rival law, growth over rank counts seen. @param ranks  where, on as many nodes as they take
  [[nodiscard]] double rival_probability(double ranks) const {
    return nodes(ranks) > 1.0 ? rival_over_nodes_ : rival_in_node_;
  }

 private:
  struct Row {  ///< one rank count
    double ranks = 2.0;
    std::vector<double> bytes, time_s;  ///< time_s never falls
  };
  struct Local {  ///< a row at one size
    double time_s = 0.0, elasticity = 1.0, log_sd = 0.0;
  };
  struct Extrapolation {  ///< a law, and the trend of the times over it per doubling of ranks, at trend_log2_bytes_
    AllreduceLaw law;
    std::vector<double> trend;
  };
  [[nodiscard]] Local local(Row const& row, double bytes) const;
  /// of T from a measured rank count on to one beyond, and the trend's part of it
  [[nodiscard]] double log_growth(Extrapolation const& by, double from_ranks, double ranks, double bytes) const;
  [[nodiscard]] double moved(Extrapolation const& by, double from_ranks, double ranks, double bytes) const;
  [[nodiscard]] Correction beyond(Row const& row, double ranks, double bytes) const;
  [[nodiscard]] double nodes(double ranks) const;
  void find_residuals();
  void find_trend(Extrapolation& by);

  std::vector<SweepPoint> points_;
  double workers_per_node_;
  Extrapolation central_, rival_;
  double rival_prior_ = 0.0;
  double rival_in_node_ = 0.0, rival_over_nodes_ = 0.0;  ///< probabilities
  Doubt doubt_;
  std::vector<Row> rows_;
  std::vector<double> sizes_;
  std::vector<Residual> residuals_;
  double size_log_sd_ = 0.0;
  std::vector<double> trend_log2_bytes_;  ///< sizes of both of the last two rows
};

}  // namespace kurve::model
