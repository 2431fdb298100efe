// SPDX-License-Identifier: Apache-2.0
#include "calibrate/step_update.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <set>

#include "calibrate/nnls.hpp"
#include "model/ring_jitter.hpp"

namespace kurve::calibrate {
namespace {

using model::StepParameters;

/// Sd of the serial remainder, as a share of one worker's step: what a loop does between the parts that were timed.
constexpr double remainder_share = 0.05;
/// Sd of compute inside a step over compute timed alone (caches, clocks and neighbours differ), common to all batches.
constexpr double alone_share = 0.03;
/// Sd of a residual law at the largest measured K, as a share of the step there, before the steps are seen.
constexpr double residual_share = 0.1;

/// How a residual that no component explains may grow with K, and how likely it is beforehand. The all-reduce that does
/// grow is measured, so a residual that grows faster is the less likely.
struct Growth {
  double StepParameters::*member;
  double (*shape)(double ranks);
  double probability;
};
constexpr Growth growths[] = {
    {nullptr, [](double) { return 0.0; }, 0.6},
    {&StepParameters::extra_multi_s, [](double) { return 1.0; }, 0.25},
    {&StepParameters::extra_per_log2_s, [](double k) { return std::log2(k); }, 0.1},
    {&StepParameters::extra_per_rank_s, [](double k) { return k - 1.0; }, 0.05},
};

constexpr double StepParameters::*moved[] = {&StepParameters::serial_s, &StepParameters::compute_fixed_s,
                                             &StepParameters::compute_per_sample_s, &StepParameters::compute_floor_s,
                                             &StepParameters::noise_cv};
constexpr Eigen::Index moved_n = 5, noise_index = 4;

/// The step of the mean worker, and what waiting for the slowest adds. Compute that hides communication hides the same
/// amount of it, as in sim.
/// @param slowest  of K, over the mean worker
double step_s(StepParameters const& p, double slowest, double ranks, double batch) {
  auto const t = model::jittered_step_time(p, ranks, batch);
  return t.serial_s + t.phases * t.phase_s(slowest) + t.extra_s;
}

}  // namespace

bool waits_for_noise(Evidence const& evidence) {
  return !evidence.allreduce_of_steps &&
         std::any_of(evidence.steps.begin(), evidence.steps.end(), [](auto const& s) { return s.ranks > 1.0; });
}

double StepUpdate::mean_step_s(StepParameters const& p, double ranks, double batch) const {
  return step_s(p, slowest_(p, ranks), ranks, batch);
}

std::vector<double> StepUpdate::slowest(StepParameters const& p) const {
  std::vector<double> factors;
  for (auto const& point : steps_) factors.push_back(slowest_(p, point.ranks));
  return factors;
}

StepUpdate::StepUpdate(Evidence const& evidence, StepParameters const& centre)
    : steps_(evidence.steps),
      prior_(Eigen::MatrixXd::Zero(moved_n, moved_n)),
      ring_parameters_(evidence.allreduce_of_steps ? 2.0 : 0.0) {
  auto const& compute = evidence.compute.estimate;
  prior_.block(1, 1, 3, 3) = compute.covariance + alone_share * alone_share * compute.value * compute.value.transpose();
  prior_(0, 0) = std::pow(evidence.serial.standard_error, 2);
  if (waits_for_noise(evidence)) prior_(noise_index, noise_index) = std::pow(waited_share * centre.noise_cv, 2);
  std::set<double> multi;
  double smallest = 1e300;
  for (auto const& point : steps_) {
    if (point.ranks > 1.0) multi.insert(point.ranks);
    if (point.ranks >= largest_ranks_) largest_ranks_ = point.ranks, largest_s_ = point.time.value;
    if (point.ranks < smallest) {
      smallest = point.ranks;
      prior_(0, 0) = std::pow(evidence.serial.standard_error, 2) + std::pow(remainder_share * point.time.value, 2);
    }
  }
  auto const n = static_cast<Eigen::Index>(steps_.size());
  Eigen::VectorXd residual(n), noise(n);
  auto const slowest_of = slowest(centre);
  waiting_per_noise_.assign(steps_.size(), 0.0);
  if (double const sd = std::sqrt(prior_(noise_index, noise_index)); sd > 0.0) {
    auto noisier = centre;
    noisier.noise_cv += 1e-3 * sd;
    auto const slower = slowest(noisier);
    for (std::size_t i = 0; i < steps_.size(); ++i) waiting_per_noise_[i] = (slower[i] - slowest_of[i]) / (1e-3 * sd);
  }
  for (Eigen::Index i = 0; i < n; ++i) {
    auto const& point = steps_[static_cast<std::size_t>(i)];
    residual[i] = point.time.value - step_s(centre, slowest_of[static_cast<std::size_t>(i)], point.ranks, point.batch);
    noise[i] = std::pow(point.time.standard_error, 2);
  }
  // Growth with K is admitted only where three K > 1 pin it.
  std::size_t const admitted = multi.empty() ? 1 : multi.size() < 3 ? 2 : std::size(growths);
  std::vector<double> logs;
  for (std::size_t law = 0; law < admitted; ++law) {
    double log_likelihood = std::log(growths[law].probability);
    if (n > 0) {
      Eigen::MatrixXd const j = jacobian(centre, slowest_of, law);
      Eigen::MatrixXd covariance = j.leftCols(moved_n) * prior_ * j.leftCols(moved_n).transpose();
      covariance.diagonal() += noise;
      covariance += std::pow(amplitude_sd(law), 2) * j.col(moved_n) * j.col(moved_n).transpose();
      Eigen::LLT<Eigen::MatrixXd> const cholesky(covariance);
      log_likelihood -=
          0.5 * cholesky.matrixL().solve(residual).squaredNorm() + cholesky.matrixLLT().diagonal().array().log().sum();
    }
    logs.push_back(log_likelihood);
  }
  double const best = *std::max_element(logs.begin(), logs.end());
  double total = 0.0;
  for (double const log : logs) total += weights_.emplace_back(std::exp(log - best));
  for (double& w : weights_) w /= total;
}

double StepUpdate::amplitude_sd(std::size_t law) const {
  double const shape = growths[law].shape(largest_ranks_);
  return shape > 0.0 ? residual_share * largest_s_ / shape : 0.0;
}

/// d T / d (serial, fixed, per_sample, floor, noise, amplitude) at each step point. [n x 6]
Eigen::MatrixXd StepUpdate::jacobian(StepParameters const& p, std::vector<double> const& slowest_of,
                                     std::size_t law) const {
  Eigen::MatrixXd j = Eigen::MatrixXd::Zero(static_cast<Eigen::Index>(steps_.size()), moved_n + 1);
  for (Eigen::Index i = 0; i < j.rows(); ++i) {
    auto const& point = steps_[static_cast<std::size_t>(i)];
    double const slowest = slowest_of[static_cast<std::size_t>(i)];
    double const before = step_s(p, slowest, point.ranks, point.batch);
    for (Eigen::Index m = 0; m < moved_n; ++m) {
      if (prior_(m, m) <= 0.0) continue;  // known exactly, or at its bound
      auto changed = p;
      double& value = changed.*(moved[m]);
      double const step = std::max(1e-6 * value, 1e-3 * std::sqrt(prior_(m, m)));
      value += step;
      double const waiting =
          m == noise_index ? slowest + step * waiting_per_noise_[static_cast<std::size_t>(i)] : slowest;
      j(i, m) = (step_s(changed, waiting, point.ranks, point.batch) - before) / step;
    }
    if (point.ranks > 1.0) j(i, moved_n) = growths[law].shape(point.ranks);
  }
  return j;
}

StepParameters StepUpdate::operator()(StepParameters const& p, std::vector<double> const& times_s, std::size_t law,
                                      double prior_z) const {
  if (steps_.empty()) {
    auto inside = p;
    for (auto const member :
         {&StepParameters::compute_fixed_s, &StepParameters::compute_per_sample_s, &StepParameters::compute_floor_s})
      inside.*member *= std::max(0.0, 1.0 + alone_share * prior_z);
    return inside;
  }
  auto const slowest_of = slowest(p);
  Eigen::MatrixXd const j = jacobian(p, slowest_of, law);
  // In units of the prior's sd, so that seconds and seconds per sample weigh alike; what is known exactly stays out.
  std::vector<Eigen::Index> free;
  for (Eigen::Index m = 0; m < moved_n; ++m)
    if (prior_(m, m) > 0.0) free.push_back(m);
  auto const q = static_cast<Eigen::Index>(free.size());
  bool const has_law = growths[law].member != nullptr;
  Eigen::VectorXd unit(q + has_law), start(q + has_law);
  Eigen::MatrixXd columns(j.rows(), q + has_law);
  for (Eigen::Index c = 0; c < q; ++c) {
    unit[c] = std::sqrt(prior_(free[static_cast<std::size_t>(c)], free[static_cast<std::size_t>(c)]));
    start[c] = p.*(moved[free[static_cast<std::size_t>(c)]]) / unit[c];
    columns.col(c) = j.col(free[static_cast<std::size_t>(c)]) * unit[c];
  }
  Eigen::MatrixXd precision = Eigen::MatrixXd::Zero(q + has_law, q + has_law);
  Eigen::MatrixXd correlation = prior_(free, free);
  correlation = unit.head(q).cwiseInverse().asDiagonal() * correlation * unit.head(q).cwiseInverse().asDiagonal();
  correlation.diagonal().array() += 1e-9;  // a floor and a line fitted to few batches can be one
  precision.topLeftCorner(q, q) = correlation.llt().solve(Eigen::MatrixXd::Identity(q, q));
  if (has_law) {
    unit[q] = amplitude_sd(law);
    start[q] = prior_z;
    columns.col(q) = j.col(moved_n) * unit[q];
    precision(q, q) = 1.0;
  }
  Eigen::VectorXd target(j.rows());
  for (Eigen::Index i = 0; i < j.rows(); ++i) {
    auto const& point = steps_[static_cast<std::size_t>(i)];
    double const sd = point.time.standard_error;
    auto const at_point = static_cast<std::size_t>(i);
    target[i] = (times_s[at_point] - step_s(p, slowest_of[at_point], point.ranks, point.batch)) / sd;
    columns.row(i) /= sd;
  }
  // The tangent at p, in which the amplitude starts from 0 whatever its prior draw.
  Eigen::VectorXd at = start;
  if (has_law) at[q] = 0.0;
  Eigen::MatrixXd const gram = columns.transpose() * columns + precision;
  Eigen::VectorXd const rhs = columns.transpose() * (target + columns * at) + precision * start;
  auto const found = non_negative_least_squares({gram.data(), static_cast<std::size_t>(gram.size())},
                                                {rhs.data(), static_cast<std::size_t>(rhs.size())});
  auto updated = p;
  for (Eigen::Index c = 0; c < q; ++c)
    updated.*(moved[free[static_cast<std::size_t>(c)]]) = found[static_cast<std::size_t>(c)] * unit[c];
  if (has_law) updated.*(growths[law].member) += found[static_cast<std::size_t>(q)] * unit[q];
  return updated;
}

std::optional<double> StepUpdate::misfit_log(StepParameters const& updated) const {
  double squares = 0.0, errors = 0.0, n = 0.0;
  for (auto const& point : steps_) {
    if (point.ranks <= 1.0) continue;
    squares += std::pow(std::log(point.time.value / mean_step_s(updated, point.ranks, point.batch)), 2);
    errors += std::pow(point.time.standard_error / point.time.value, 2);
    n += 1.0;
  }
  double const degrees = n - ring_parameters_;
  if (degrees <= 0.0) return std::nullopt;
  // The points' own noise is in the squares; what of it may hide a misfit is taken as half.
  return std::sqrt(std::max(squares - errors, 0.5 * errors) / degrees);
}

}  // namespace kurve::calibrate
