// SPDX-License-Identifier: Apache-2.0
#include "validate/rivals.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "model/contract.hpp"
#include "validate/normal_form.hpp"

namespace kurve::validate {
namespace {

using Points = std::span<data::MeasuredPoint const>;

/// Least squares with only the columns in `active`; empty where they are linearly dependent.
Eigen::VectorXd solve_active(Eigen::MatrixXd const& a, Eigen::VectorXd const& y,
                             std::vector<Eigen::Index> const& active) {
  Eigen::MatrixXd const columns = a(Eigen::all, active);
  // Scaled, so that the rank does not depend on units.
  Eigen::VectorXd const scale = columns.colwise().norm().cwiseMax(std::numeric_limits<double>::min());
  Eigen::ColPivHouseholderQR<Eigen::MatrixXd> const qr(columns * scale.cwiseInverse().asDiagonal());
  if (qr.rank() < columns.cols()) return {};
  return qr.solve(y).cwiseQuotient(scale);
}

/// min |A x - y| with x >= 0. Source: Lawson & Hanson, Solving Least Squares Problems (1974), chapter 23.
/// @param a  [n_points x n_coefficients]
Eigen::VectorXd non_negative_least_squares(Eigen::MatrixXd const& a, Eigen::VectorXd const& y) {
  Eigen::VectorXd x = Eigen::VectorXd::Zero(a.cols());
  std::vector<Eigen::Index> active;
  double const tolerance = 1e-10 * (a.transpose() * y).cwiseAbs().maxCoeff();
  for (int iteration = 0; iteration < 3 * static_cast<int>(a.cols()); ++iteration) {
    Eigen::VectorXd gradient = a.transpose() * (y - a * x);
    for (auto const c : active) gradient[c] = 0.0;
    Eigen::Index steepest = 0;
    if (gradient.maxCoeff(&steepest) <= tolerance) break;
    active.push_back(steepest);
    for (;;) {
      Eigen::VectorXd const z = solve_active(a, y, active);
      if (z.size() == 0) return x;
      // Move towards z until the first coefficient would turn negative, and let that one go.
      double step = 1.0;
      for (Eigen::Index i = 0; i < z.size(); ++i)
        if (z[i] <= 0.0) step = std::min(step, x[active[i]] / (x[active[i]] - z[i]));
      for (Eigen::Index i = 0; i < z.size(); ++i) x[active[i]] += step * (z[i] - x[active[i]]);
      if (step == 1.0) break;
      std::erase_if(active, [&](Eigen::Index c) { return x[c] <= 1e-15 * x.maxCoeff(); });
      for (Eigen::Index c = 0; c < x.size(); ++c)
        if (std::find(active.begin(), active.end(), c) == active.end()) x[c] = 0.0;
      if (active.empty()) break;
    }
  }
  return x;
}

/// T = sum of non-negative coefficients times columns, least squares of the relative errors.
template <std::size_t N, typename ColumnsOf>
std::optional<StepTimeLaw> fit_columns(Points points, ColumnsOf columns_of) {
  Eigen::MatrixXd a(points.size(), N);
  Eigen::VectorXd const y = Eigen::VectorXd::Ones(static_cast<Eigen::Index>(points.size()));
  for (std::size_t i = 0; i < points.size(); ++i) {
    std::array<double, N> const row = columns_of(points[i].ranks, points[i].global_batch);
    for (std::size_t c = 0; c < N; ++c) a(i, c) = row[c] / points[i].time.mean;
  }
  Eigen::VectorXd const x = non_negative_least_squares(a, y);
  return [x, columns_of](double ranks, double batch) {
    std::array<double, N> const row = columns_of(ranks, batch);
    return x.dot(Eigen::Map<Eigen::Matrix<double, N, 1> const>(row.data()));
  };
}

StepTimeLaw same_efficiency_as(data::MeasuredPoint const& point) {
  double const seconds_per_share = point.time.mean * point.ranks / point.global_batch;
  return [seconds_per_share](double ranks, double batch) { return seconds_per_share * batch / ranks; };
}

std::optional<StepTimeLaw> fit_ideal(Points points) { return same_efficiency_as(points.front()); }
std::optional<StepTimeLaw> fit_last_efficiency(Points points) { return same_efficiency_as(points.back()); }

std::optional<StepTimeLaw> fit_amdahl(Points points) {
  return fit_columns<2>(points, [](double ranks, double batch) { return std::array{1.0, batch / ranks}; });
}
std::optional<StepTimeLaw> fit_amdahl_log(Points points) {
  return fit_columns<3>(points, [](double ranks, double batch) {
    return std::array{1.0, batch / ranks, std::log2(ranks)};
  });
}
std::optional<StepTimeLaw> fit_usl(Points points) {
  return fit_columns<3>(points, [](double ranks, double batch) {
    return std::array{batch / ranks, batch / ranks * (ranks - 1.0), batch * (ranks - 1.0)};
  });
}

std::optional<StepTimeLaw> fit_power_law(Points points) {
  Eigen::MatrixXd a(points.size(), 2);
  Eigen::VectorXd y(points.size());
  for (std::size_t i = 0; i < points.size(); ++i) {
    a.row(static_cast<Eigen::Index>(i)) << 1.0, std::log(points[i].ranks);
    y[static_cast<Eigen::Index>(i)] = std::log(points[i].global_batch / points[i].time.mean);
  }
  Eigen::ColPivHouseholderQR<Eigen::MatrixXd> const qr(a);
  if (qr.rank() < 2) return std::nullopt;
  Eigen::VectorXd const x = qr.solve(y);
  return [intercept = x[0], slope = x[1]](double ranks, double batch) {
    return batch / std::exp(intercept + slope * std::log(ranks));
  };
}

std::optional<StepTimeLaw> fit_true_formula(Points points) {
  return fit_columns<4>(points, [](double ranks, double batch) {
    return std::array{1.0, batch / ranks, 2.0 * (ranks - 1.0), (ranks - 1.0) / ranks};
  });
}

/// T(K) where all points have one batch, else its resource cost K T / B: per sample in both, so that a batch which the
/// fit did not see has a prediction.
std::optional<StepTimeLaw> fit_extrap(Points points) {
  bool const one_batch = std::all_of(points.begin(), points.end(),
                                     [&](auto const& p) { return p.global_batch == points.front().global_batch; });
  auto const samples = [one_batch](double ranks, double batch) { return one_batch ? batch : batch / ranks; };
  std::vector<double> ranks, values;
  std::size_t at_this_ranks = 0;  // one value a K: the mean over its batches
  for (auto const& point : points) {
    double const value = point.time.mean / samples(point.ranks, point.global_batch);
    if (ranks.empty() || ranks.back() != point.ranks) {
      ranks.push_back(point.ranks);
      values.push_back(value);
      at_this_ranks = 1;
    } else {
      values.back() += (value - values.back()) / static_cast<double>(++at_this_ranks);
    }
  }
  auto const form = fit_normal_form(ranks, values);
  if (!form) return std::nullopt;
  return [form = *form, samples](double k, double batch) { return form(k) * samples(k, batch); };
}

constexpr std::array<Rival, 8> all_rivals{{
    {"ideal", "linear from the first point", fit_ideal},
    {"amdahl", "a + b B/K", fit_amdahl},
    {"amdahl_log", "a + b B/K + c log2 K, non-negative", fit_amdahl_log},
    {"last_efficiency", "efficiency of the last fitted point persists", fit_last_efficiency},
    {"power_law", "power law of throughput", fit_power_law},
    {"usl", "universal scalability law, non-negative", fit_usl},
    {"extrap", "Extra-P normal form, negative exponents", fit_extrap},
    {"true_formula", "a + b B/K + c 2(K-1) + d (K-1)/K", fit_true_formula},
}};

}  // namespace

std::span<Rival const> rivals() { return all_rivals; }

}  // namespace kurve::validate
