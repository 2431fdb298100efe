// SPDX-License-Identifier: Apache-2.0
#include "calibrate/step_particles.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "calibrate/nnls.hpp"
#include "data/philox.hpp"
#include "model/contract.hpp"
#include "model/elementary.hpp"

namespace kurve::calibrate {
namespace {

using model::StepParameters;
using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;

/// What a random number of a particle or a draw is for; values are part of what a seed means.
enum Quantity : std::uint32_t {
  q_law,
  q_knee,
  q_serial,
  q_in_node,
  q_cross_node,
  q_growth,
  q_tau,
  q_delta,
  q_in_share,
  q_cross_share,
  q_diffuse,
  q_latency,
  q_latency_present,
  q_idle,
  q_overlap,
  q_hidden_share,
  q_spill,
  q_spill_sharpness,
  q_run_cv,
  q_resample = 50,
  q_drift,
  q_drift_scale,
  q_misfit,
  q_exposed_drift,
  q_exposed_drift_scale,
  q_term_error = 100,
  q_other_job = 1000,
  q_point_error = 2'000'000
};

double uniform(std::uint64_t seed, std::uint32_t index, std::uint32_t quantity, std::uint32_t attempt) {
  return data::uniforms(seed, index, quantity, attempt, data::Stream::fit).first;
}
double normal_quantile(double u) {
  return u <= 0.5 ? -model::elementary::normal_upper(u) : model::elementary::normal_upper(1.0 - u);
}
double normal(std::uint64_t seed, std::uint32_t index, std::uint32_t quantity, std::uint32_t attempt) {
  return normal_quantile(uniform(seed, index, quantity, attempt));
}

/// Time of a step whose coefficients are 0 but one, at a point: a column of the linear model.
double column(int term, TermShape const& shape, double workers_per_node, double ranks, double local_batch) {
  if (term == 0) return 1.0;
  if (term == 1 && shape.knee == 0.0) return local_batch;
  StepParameters p;
  p.workers_per_node = workers_per_node;
  if (term == spill_term) {
    p.compute_spill_per_sample_s = 1.0;
    p.compute_spill_batch = shape.spill_batch;
    p.compute_spill_sharpness = shape.spill_sharpness;
    return model::compute_time_s(p, local_batch);
  }
  p.compute_per_sample_s = 1.0;
  p.compute_floor_s = shape.knee;
  if (term == 1) return model::compute_time_s(p, local_batch);
  p.*(step_terms[static_cast<std::size_t>(term)].member) = 1.0;
  p.extra_hidden_per_sample_s = shape.hidden;
  return model::extra_time_s(p, ranks, local_batch);
}

/// A term over the points, in units of the measured times. [n]
std::vector<double> term_over_points(int term, TermShape const& shape, StepEvidence const& evidence) {
  std::vector<double> values;
  for (auto const& point : evidence.points)
    values.push_back(column(term, shape, evidence.workers_per_node, point.ranks, point.local_batch()) / point.time_s);
  return values;
}

}  // namespace

double drift_scale(StepPrior const& prior, double delta, StepParameters const& fitted, double ranks,
                   double global_batch) {
  auto const t = model::step_time(fitted, ranks, global_batch);
  return std::hypot(prior.drift_predicted * delta, prior.exposed_drift * t.exposed_comm_s / t.total_s());
}

StepPosterior::StepPosterior(StepEvidence evidence, StepPrior prior, std::uint64_t seed, int draws)
    : evidence_(std::move(evidence)), prior_(prior), seed_(seed) {
  auto const& points = evidence_.points;
  KURVE_EXPECT(!points.empty() && draws > 0);
  auto by = [&](auto key) {
    return std::max_element(points.begin(), points.end(),
                            [&](auto const& a, auto const& b) { return key(a) < key(b); });
  };
  reference_ = static_cast<std::size_t>(by([](auto const& p) { return p.local_batch(); }) - points.begin());
  largest_ranks_ = evidence_.largest().ranks;
  largest_batch_ = evidence_.largest().local_batch();
  auto const shortest = by([](auto const& p) { return -p.time_s / p.turns; });
  double const turn_s = shortest->time_s / shortest->turns;
  cost_unit_s_ = turn_s * std::pow(std::max(1.0, turn_s / prior_.long_turn_s), prior_.long_turn_power - 1.0);
  smallest_k_batch_ = points.front().local_batch();
  for (std::size_t i = 0; i < points.size(); ++i) distinct_ranks_ += i == 0 || points[i].ranks > points[i - 1].ranks;
  if (largest_ranks_ > points.front().ranks)
    batch_power_ = std::clamp(
        std::log(largest_batch_ / smallest_k_batch_) / std::log(largest_ranks_ / points.front().ranks), -1.0, 0.0);
  for (std::size_t t = 0; t < step_terms.size(); ++t)
    over_points_[t] = term_over_points(static_cast<int>(t), {}, evidence_);

  // Enough particles that a study which contradicts the prior is still covered by a hundred of them; fewer for many
  // points, where each costs n^3.
  double const n = static_cast<double>(points.size());
  auto count = static_cast<std::uint32_t>(n > 16 ? std::max(1000.0, 16000.0 * 256.0 / (n * n)) : 16000.0);
  weigh(count);
  if (effective_ < 100.0 && count < 64000) {
    attempt_ = 1;
    weigh(4 * count);
  }

  std::vector<double> cumulative(weights_.size());
  std::partial_sum(weights_.begin(), weights_.end(), cumulative.begin());
  double const offset = uniform(seed_, 0, q_resample, attempt_);
  std::size_t at = 0;
  for (int d = 0; d < draws; ++d) {  // systematic resampling
    double const level = (offset + d) / draws * cumulative.back();
    while (at + 1 < cumulative.size() && cumulative[at] < level) ++at;
    drawn_.push_back(static_cast<std::uint32_t>(at));
    draws_.push_back(draw(drawn_.back(), static_cast<std::uint32_t>(d)));
  }
}

std::vector<double> StepPosterior::over_points(int term, TermShape const& shape) const {
  bool const plain = shape.knee == 0.0 && shape.hidden == 0.0 && term != spill_term;
  return plain ? over_points_[static_cast<std::size_t>(term)] : term_over_points(term, shape, evidence_);
}

std::vector<double> StepPosterior::design(StepParticle const& particle) const {
  std::vector<double> columns;
  for (int const term : particle.terms) {
    auto const values = over_points(term, particle);
    columns.insert(columns.end(), values.begin(), values.end());
  }
  return columns;
}

void StepPosterior::draw_shape(StepParticle& p, std::uint32_t index) const {
  auto u = [&](std::uint32_t quantity) { return uniform(seed_, index, quantity, attempt_); };
  auto second = [&](std::uint32_t quantity) {
    return data::uniforms(seed_, index, quantity, attempt_, data::Stream::fit).second;
  };
  double level = u(q_law) * std::accumulate(prior_.law.begin(), prior_.law.end(), 0.0);
  int law = 0;
  while (law + 1 < growth_laws && level > prior_.law[static_cast<std::size_t>(law)])
    level -= prior_.law[static_cast<std::size_t>(law++)];
  p.law = static_cast<GrowthLaw>(law);
  auto const [smallest, largest] =
      std::minmax_element(evidence_.points.begin(), evidence_.points.end(),
                          [](auto const& a, auto const& b) { return a.local_batch() < b.local_batch(); });
  if (u(q_knee) < prior_.knee_probability)  // from 1/16 of the smallest batch to twice it
    p.knee = smallest->local_batch() * std::exp(std::log(1.0 / 16.0) + second(q_knee) * std::log(32.0));
  if (largest->local_batch() > smallest->local_batch() && u(q_spill) < prior_.spill_probability) {
    // From 16 to 1/2, one in six below 2: memories have a size, so that mostly a step is seen and no slope.
    p.spill_sharpness = 16.0 * std::pow(32.0, -std::pow(u(q_spill_sharpness), 3));
    // A fifth of the spill shows at the largest fitted batch at least: what hardly shows there says nothing beyond.
    double const most = largest->local_batch() * std::pow(4.0, 1.0 / p.spill_sharpness);
    p.spill_batch = smallest->local_batch() * std::pow(most / smallest->local_batch(), second(q_spill));
  }
  if (distinct_ranks_ >= prior_.overlap_ranks && p.law <= GrowthLaw::ring &&
      u(q_overlap) < prior_.overlap_probability) {
    double const bend = largest_ranks_ * std::exp2(-2.0 * second(q_overlap));
    if (bend > 1.0) {
      TermShape const open{.knee = p.knee};
      double const batch = largest_batch_ * std::pow(bend / largest_ranks_, batch_power_);
      p.hidden = column(growth_term(p.law), open, evidence_.workers_per_node, bend, batch) /
                 column(1, open, evidence_.workers_per_node, 1.0, batch);
    }
  }
}

StepParticle StepPosterior::particle(std::uint32_t index) const {
  auto const& points = evidence_.points;
  auto u = [&](std::uint32_t quantity) { return uniform(seed_, index, quantity, attempt_); };
  auto lognormal = [&](double median, double log_sd, std::uint32_t quantity) {
    return median * std::exp(log_sd * normal(seed_, index, quantity, attempt_));
  };
  StepParticle p;
  draw_shape(p, index);
  auto present = [&](int term, double mean) {
    p.terms.push_back(term);
    p.mean.push_back(mean);
    p.sd.push_back(prior_.inner * mean);
  };
  double const first_batch = column(1, p, evidence_.workers_per_node, 1.0, smallest_k_batch_);
  double const largest_batch = column(1, p, evidence_.workers_per_node, 1.0, largest_batch_);

  auto const& reference = points[reference_];
  double const per_sample = reference.time_s / column(1, p, evidence_.workers_per_node, 1.0, reference.local_batch());

  p.serial = lognormal(prior_.serial_median, prior_.serial_log_sd, q_serial);
  auto const& start = evidence_.largest();
  if (start.idle_batch > 0.0)
    p.idle = lognormal(start.chunks_known ? 1.0 : prior_.idle_median, prior_.idle_log_sd, q_idle);
  present(0, p.serial * cost_unit_s_ + p.idle * start.idle_batch * per_sample);
  p.in_node = lognormal(prior_.in_node_median, prior_.in_node_log_sd, q_in_node);
  p.in_node_share = u(q_in_share) < prior_.share_probability;
  if (p.in_node_share)
    present(3, p.in_node * cost_unit_s_ / first_batch);
  else
    present(2, p.in_node * cost_unit_s_);
  if (evidence_.network_s)
    p.exposed = lognormal(prior_.exposed_median, prior_.exposed_log_sd, q_cross_node);
  else
    p.cross_node = lognormal(prior_.cross_node_median, prior_.cross_node_log_sd, q_cross_node);
  double const cross_s = evidence_.network_s ? p.exposed * *evidence_.network_s : p.cross_node * cost_unit_s_;
  p.cross_node_share = u(q_cross_share) < prior_.share_probability;
  if (p.cross_node_share)
    present(5, cross_s / first_batch);
  else
    present(4, cross_s);
  if (p.hidden > 0.0) {  // so much is hidden for a sample as compute of a sample can hide
    present(growth_term(p.law), prior_.hidden_share * u(q_hidden_share) * per_sample / p.hidden);
  } else if (p.law != GrowthLaw::constant) {  // a law's cost is about one doubling's worth at the largest fitted K
    double const units[] = {1.0,
                            1.0,
                            largest_ranks_,
                            0.3 * largest_batch,
                            0.7 * largest_batch,
                            0.19 * std::pow(largest_ranks_, 0.25) * largest_batch};
    p.growth = lognormal(prior_.growth_median, prior_.growth_log_sd, q_growth);
    present(growth_term(p.law), p.growth * cost_unit_s_ / units[static_cast<std::size_t>(p.law) - 1]);
  }
  double const nodes = std::ceil(largest_ranks_ / evidence_.workers_per_node);
  // What is hidden is of one growth law: beside it the time would not be linear.
  if (p.law != GrowthLaw::ring && p.hidden == 0.0 &&
      u(q_latency_present) < prior_.latency_probability / std::sqrt(nodes))
    present(growth_term(GrowthLaw::ring),
            cost_unit_s_ * lognormal(prior_.latency_median, prior_.latency_log_sd, q_latency));
  p.diffuse = u(q_diffuse) < prior_.diffuse_probability;
  if (p.diffuse)
    for (std::size_t j = 0; j < p.terms.size(); ++j) {
      auto const values = over_points(p.terms[j], p);
      double const largest = *std::max_element(values.begin(), values.end());
      // It may be half of a fitted time; a term that no fitted point shows keeps what is known of healthy jobs.
      if (largest > 0.0) p.sd[j] = 0.5 / largest;
    }
  if (p.spill_batch > 0.0) {
    auto const spill = over_points(spill_term, p);
    p.terms.push_back(spill_term);
    p.mean.push_back(0.0);
    p.sd.push_back(prior_.spill_share / *std::max_element(spill.begin(), spill.end()));
  }
  p.terms.push_back(1);
  p.mean.push_back(0.85 * per_sample);
  p.sd.push_back(0.6 * per_sample);
  p.tau = lognormal(prior_.misfit_median, prior_.misfit_log_sd, q_tau);
  p.delta = lognormal(prior_.drift_median, prior_.drift_log_sd, q_delta);
  // A variance of nu degrees of freedom: s^2 nu over a chi-squared of nu, that one by the normal of its cube root.
  // Source: Wilson & Hilferty, Proc. Natl. Acad. Sci. 17 (1931) 684-688.
  double const spread = 2.0 / (9.0 * evidence_.run_freedom);
  double const root = 1.0 - spread + std::sqrt(spread) * normal(seed_, index, q_run_cv, attempt_);
  p.run_cv = evidence_.run_cv / std::pow(std::max(root, 0.2), 1.5);
  p.other_job.resize(points.size());
  for (std::size_t i = 0; i < points.size(); ++i)
    p.other_job[i] = u(q_other_job + static_cast<std::uint32_t>(i)) < prior_.other_job_probability / points[i].runs;
  return p;
}

namespace {

/// Covariance of the points' relative deviations that no coefficient explains. Distances are measured back from the
/// largest fitted K, where the random walk of the discrepancy is pinned: a prediction starts there. [n x n]
Matrix residual_covariance(StepParticle const& particle, StepEvidence const& evidence, StepPrior const& prior,
                           StepPoint const& largest) {
  auto const n = static_cast<Eigen::Index>(evidence.points.size());
  Vector distance(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    auto const& point = evidence.points[static_cast<std::size_t>(i)];
    distance[i] = std::log2(largest.ranks / point.ranks) +
                  prior.batch_weight * std::max(0.0, std::log2(point.local_batch() / largest.local_batch()));
  }
  Matrix r(n, n);
  for (Eigen::Index i = 0; i < n; ++i) {
    for (Eigen::Index j = 0; j < n; ++j) r(i, j) = particle.delta * particle.delta * std::min(distance[i], distance[j]);
    double const other =
        particle.other_job[static_cast<std::size_t>(i)] ? prior.other_job_sd * prior.other_job_sd : 0.0;
    // What another configuration costs is shared by the points that ran in it.
    auto const configuration = [&](Eigen::Index k) -> auto const& {
      return evidence.points[static_cast<std::size_t>(k)].configuration;
    };
    if (configuration(i) != largest.configuration)
      for (Eigen::Index j = 0; j < n; ++j)
        if (configuration(j) == configuration(i)) r(i, j) += prior.configuration_sd * prior.configuration_sd;
    auto const& point = evidence.points[static_cast<std::size_t>(i)];
    r(i, i) +=
        particle.tau * particle.tau + particle.run_cv * particle.run_cv / point.runs + point.step_variance + other;
  }
  return r;
}

}  // namespace

/// The least squares of a particle, in coefficients over their prior sd: 1/2 |a x - centre|^2 + 1/2 |x - start|^2.
struct StepPosterior::System {
  Matrix scaled, a;  ///< times at the points by coefficient; the same whitened. [n x p]
  Vector centre, start;
  Matrix gram;
};

StepPosterior::System StepPosterior::system(StepParticle const& p) const {
  auto const columns = design(p);
  Eigen::Map<Matrix const> const x(columns.data(), static_cast<Eigen::Index>(evidence_.points.size()),
                                   static_cast<Eigen::Index>(p.terms.size()));
  Eigen::Map<Vector const> const mean(p.mean.data(), x.cols()), sd(p.sd.data(), x.cols());
  Eigen::LLT<Matrix> const cholesky(residual_covariance(p, evidence_, prior_, evidence_.largest()));
  System result;
  result.scaled = x * sd.asDiagonal();
  result.a = cholesky.matrixL().solve(result.scaled);
  result.gram = result.a.transpose() * result.a + Matrix::Identity(x.cols(), x.cols());
  result.centre = cholesky.matrixL().solve(Vector::Ones(x.rows()));
  result.start = mean.cwiseQuotient(sd);
  return result;
}

namespace {

Vector non_negative(Matrix const& gram, Vector const& rhs) {
  auto const solution = non_negative_least_squares({gram.data(), static_cast<std::size_t>(gram.size())},
                                                   {rhs.data(), static_cast<std::size_t>(rhs.size())});
  return Eigen::Map<Vector const>(solution.data(), rhs.size());
}

}  // namespace

double StepPosterior::bound_log(StepParticle const& particle) const {
  auto const s = system(particle);
  // What of the prior lies inside the bound belongs to it alone.
  double log_weight = 0.0;
  for (double const z : s.start) log_weight -= std::log(0.5 * std::erfc(-z / std::sqrt(2.0)));
  Vector const rhs = s.a.transpose() * s.centre + s.start;
  Vector const free = s.gram.llt().solve(rhs);
  if (free.minCoeff() >= 0.0) return log_weight;
  Vector const off = non_negative(s.gram, rhs) - free;
  return log_weight - 0.5 * off.dot(s.gram * off);
}

void StepPosterior::weigh(std::uint32_t count) {
  auto const n = evidence_.points.size();
  weights_.assign(count, 0.0);
  for (std::uint32_t m = 0; m < count; ++m) {
    auto const p = particle(m);
    auto const columns = design(p);
    Eigen::Map<Matrix const> const x(columns.data(), static_cast<Eigen::Index>(evidence_.points.size()),
                                     static_cast<Eigen::Index>(p.terms.size()));
    Eigen::Map<Vector const> const mean(p.mean.data(), x.cols()), sd(p.sd.data(), x.cols());
    Matrix const scaled = x * sd.asDiagonal();
    Matrix s = residual_covariance(p, evidence_, prior_, evidence_.largest());
    s.noalias() += scaled * scaled.transpose();
    Eigen::LLT<Matrix> const cholesky(s);
    Vector const residual = Vector::Ones(x.rows()) - x * mean;
    double const log_determinant = cholesky.matrixLLT().diagonal().array().log().sum();
    weights_[m] = -0.5 * cholesky.matrixL().solve(residual).squaredNorm() - log_determinant;
  }
  // The normal prior reaches below 0, where no coefficient is: a particle that would have to go there to meet the
  // points explains them only as well as its nearest point with x >= 0. Best first, as long as that can matter.
  std::vector<std::uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](auto a, auto b) { return weights_[a] > weights_[b]; });
  constexpr double negligible = 16.0;  // of log weights: 1e-7 of the best
  double largest = -1e300;
  for (auto const m : order) {
    if (weights_[m] < largest - negligible) break;
    weights_[m] += bound_log(particle(m));
    largest = std::max(largest, weights_[m]);
  }
  double total = 0.0;
  for (double& w : weights_) total += w = std::exp(w - largest);
  log_evidence_ = largest + std::log(total / count);
  for (auto const& point : evidence_.points) log_evidence_ -= std::log(point.time_s);  // weights are of T over measured
  other_job_.assign(n, 0.0);
  law_.fill(0.0);
  double squares = 0.0;
  for (std::uint32_t m = 0; m < count; ++m) {
    double const w = weights_[m] /= total;
    squares += w * w;
    if (w < 1e-9) continue;
    auto const p = particle(m);
    law_[static_cast<std::size_t>(p.law)] += w;
    for (std::size_t i = 0; i < n; ++i)
      if (p.other_job[i]) other_job_[i] += w;
  }
  effective_ = 1.0 / squares;
}

model::StepParameters StepPosterior::draw(std::uint32_t index, std::uint32_t d) const {
  auto const p = particle(index);
  auto const s = system(p);

  // Randomised least squares: data and prior each moved by their own noise; its minimiser is one posterior draw, and
  // x >= 0 cuts it off where physics does. Noise that leaves no time at some point (where points are hardly believed,
  // as of another job) is drawn anew: a step takes time.
  Vector scaled;
  for (std::uint32_t redraw = 0; redraw == 0 || ((s.scaled * scaled).minCoeff() <= 0.0 && redraw < 1000); ++redraw) {
    auto const noise = [&](std::uint32_t quantity) { return normal(seed_, d, quantity, attempt_ + 2 * redraw); };
    Vector target = s.centre, prior_target = s.start;
    for (Eigen::Index i = 0; i < target.size(); ++i) target[i] += noise(q_point_error + static_cast<std::uint32_t>(i));
    for (Eigen::Index j = 0; j < prior_target.size(); ++j)
      prior_target[j] += noise(q_term_error + static_cast<std::uint32_t>(p.terms[static_cast<std::size_t>(j)]));
    scaled = non_negative(s.gram, s.a.transpose() * target + prior_target);
  }

  StepParameters q;
  q.workers_per_node = evidence_.workers_per_node;
  for (std::size_t j = 0; j < p.terms.size(); ++j)
    q.*(step_terms[static_cast<std::size_t>(p.terms[j])].member) = scaled[static_cast<Eigen::Index>(j)] * p.sd[j];
  q.compute_floor_s = p.knee * q.compute_per_sample_s;
  q.compute_spill_batch = p.spill_batch;
  if (p.spill_batch > 0.0) q.compute_spill_sharpness = p.spill_sharpness;
  if (p.hidden > 0.0)
    q.extra_hidden_per_sample_s = p.hidden * q.*(step_terms[static_cast<std::size_t>(growth_term(p.law))].member);
  q.noise_run_cv = p.run_cv;
  auto const z = [&](std::uint32_t quantity) { return normal(seed_, d, quantity, attempt_); };
  // Student's t as a normal over the root of a chi-squared by its freedom, that one a sum of squared normals.
  auto const skewed_t = [&](std::uint32_t quantity, std::uint32_t scale) {
    double chi_squared = 0.0;
    for (int f = 0; f < prior_.drift_freedom; ++f)
      chi_squared += std::pow(normal(seed_, d, scale, 10 * (attempt_ + 1) + static_cast<std::uint32_t>(f)), 2);
    double const t = z(quantity) / std::sqrt(chi_squared / prior_.drift_freedom);
    return t * (t > 0.0 ? 1.0 + prior_.drift_skew : 1.0 - prior_.drift_skew);
  };
  q.discrepancy_power = prior_.distance_power;
  q.discrepancy_from_ranks = largest_ranks_;
  q.discrepancy_from_batch = largest_batch_;
  q.discrepancy_batch_weight = prior_.batch_weight;
  q.discrepancy_configuration_log = prior_.misfit_predicted * p.tau * z(q_misfit);
  q.discrepancy_log_growth = skewed_t(q_drift, q_drift_scale) * prior_.drift_predicted * p.delta;
  q.discrepancy_exposed_log_growth = skewed_t(q_exposed_drift, q_exposed_drift_scale) * prior_.exposed_drift;
  return q;
}

}  // namespace kurve::calibrate
