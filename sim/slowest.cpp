// SPDX-License-Identifier: Apache-2.0
#include "sim/slowest.hpp"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "model/contract.hpp"
#include "model/maxima.hpp"

namespace kurve::sim {
namespace {

using model::FactorLaw;
using model::Shape;
using model::StepParameters;

constexpr double lowest = 1e-3;  // factors at or below 0 (a wide normal) are put here: a worker that takes no time

/// The K for which a lattice is made: one for all up to 2^20, so that a K has one answer whatever its company.
double lattice_ranks(double ranks) { return ranks <= 1048576.0 ? 1048576.0 : std::max(ranks, 1e9); }

/// A wide law is no wider far out, where the largest of many lies: (1 + cv z) there has a log of spread 1/z^2, z = 5
/// for 10^6 normals, whatever the cv. This is half of it.
constexpr double coarsest_step = 0.02;

/// Part of the law that can decide a maximum of K: tails of 1e-7 / K, and down to 1e-12.
constexpr double lower_tail = 1e-12;
double upper_tail(double ranks) { return 1e-7 / ranks; }
struct Reach {
  double low, high;
};
Reach reach_of(FactorLaw const& law, double ranks) {
  return {std::max(lowest, model::quantile(law, lower_tail, 1.0)),
          std::max(lowest, model::quantile(law, 1.0, upper_tail(ranks)))};
}

double log_width(Reach reach) { return std::log(reach.high / reach.low); }

/// offset + gain X
LatticeLaw affine_on_lattice(FactorLaw const& law, double offset, double gain, double ranks, double step) {
  if (law.scale == 0.0) return constant_on_lattice(offset + gain, step);
  auto const [low, high] = reach_of(law, ranks);
  return on_lattice([&](double x) { return model::survival(law, (x - offset) / gain); },
                    std::max(lowest, offset + gain * low), offset + gain * high, step);
}

LatticeLaw factor_on_lattice(FactorLaw const& law, double ranks, double step) {
  return affine_on_lattice(law, 0.0, 1.0, ranks, step);
}

bool is_lognormal(FactorLaw const& law) { return law.variate == FactorLaw::Variate::normal && law.exponentiated; }

}  // namespace

SlowestWorker::SlowestWorker(StepParameters const& of_step, double max_ranks, Include include, int max_points)
    : workers_per_node_(of_step.workers_per_node),
      max_ranks_(lattice_ranks(max_ranks)),
      line_(of_step.overlap_fraction == 0.0) {
  KURVE_EXPECT(max_ranks >= 1.0 && max_points > 1);
  auto const p = variability_of_phase(of_step);
  noise_ = model::noise_law(p, p.noise_cv);
  node_ = model::noise_law(p, p.noise_node_cv);
  if (include != Include::noise) {
    straggler_ = model::factor_law(p.straggler_shape, p.straggler_spread_cv);
    straggler_slowdown_ = p.straggler_slowdown;
    straggler_probability_ = p.straggler_slowdown > 1.0 ? p.straggler_probability : 0.0;
    persistent_slowdown_ = p.persistent_slowdown;
    persistent_probability_ = p.persistent_slowdown > 1.0 ? p.persistent_probability : 0.0;
  }
  if (include == Include::imbalance) imbalance_ = model::factor_law(p.imbalance_shape, p.imbalance_cv);
  bool finest_is_set = false;
  double width = 0.0, finest = 0.01;  // constants alone: a step under 1e-3
  for (auto const& [law, cv] :
       {std::pair{noise_, p.noise_cv}, std::pair{node_, p.noise_node_cv}, std::pair{imbalance_, p.imbalance_cv}}) {
    if (law.scale == 0.0) continue;
    width += log_width(reach_of(law, max_ranks_));
    finest = finest_is_set ? std::min(finest, cv) : cv;
    finest_is_set = true;
  }
  double const gain = straggler_slowdown_ - 1.0;
  if (straggler_probability_ > 0.0) width += std::log1p(gain * std::max(1.0, reach_of(straggler_, max_ranks_).high));
  if (persistent_probability_ > 0.0) width += std::log(persistent_slowdown_);
  step_ = std::max(std::min(finest / 13.0, coarsest_step), std::max(width, 1e-6) / max_points);
  // A constant slowdown on the lattice is exact. One of less than a step is split between neighbours instead: a step
  // that fits 1.001 would make the lattice of a law that hardly has it as long as it likes.
  double const constant = straggler_probability_ > 0.0 && straggler_.scale == 0.0 ? straggler_slowdown_
                          : persistent_probability_ > 0.0                         ? persistent_slowdown_
                                                                                  : 1.0;
  if (std::log(constant) >= step_) step_ = std::log(constant) / std::ceil(std::log(constant) / step_);
}

std::optional<FactorLaw> SlowestWorker::single_factor(double ranks) const {
  if (straggler_probability_ > 0.0 || persistent_probability_ > 0.0) return std::nullopt;
  if (node_.scale > 0.0 && workers_per_node_ > 1.0) return std::nullopt;
  auto law = single_law(noise_, node_);
  if (law && ranks > 1.0) law = single_law(*law, imbalance_);
  if (law && model::cdf(*law, 0.0) > 1e-12) return std::nullopt;  // clipped at 0: no textbook law
  if (law && law->variate == FactorLaw::Variate::measured)
    return std::nullopt;  // its knots are no quadrature's friends
  return law;
}

LatticeLaw const& SlowestWorker::worker(double ranks) const {
  auto& kept = ranks > 1.0 ? among_ : alone_;
  if (kept) return *kept;
  auto const times = [&](LatticeLaw const& a, LatticeLaw const& b) {  // two far tails at once decide nothing
    return trimmed(product(a, b), lower_tail, upper_tail(max_ranks_));
  };
  LatticeLaw law = factor_on_lattice(noise_, max_ranks_, step_);
  if (ranks > 1.0 && imbalance_.scale > 0.0) law = times(law, factor_on_lattice(imbalance_, max_ranks_, step_));
  if (straggler_probability_ > 0.0) {
    auto const slow = affine_on_lattice(straggler_, 1.0, straggler_slowdown_ - 1.0, max_ranks_, step_);
    law = mixture(law, times(law, slow), straggler_probability_);
  }
  if (persistent_probability_ > 0.0)
    law = mixture(law, product(law, constant_on_lattice(persistent_slowdown_, step_)), persistent_probability_);
  kept = std::move(law);
  return *kept;
}

LatticeLaw const& SlowestWorker::node_factor() const {
  if (!node_factor_) node_factor_ = factor_on_lattice(node_, max_ranks_, step_);
  return *node_factor_;
}

/// The slowest of some workers of one node. @param ranks  K, of which they are
LatticeLaw SlowestWorker::node_of(double ranks, double workers) const {
  return trimmed(product(trimmed(maximum(worker(ranks), workers), lower_tail, upper_tail(max_ranks_)), node_factor()),
                 lower_tail, upper_tail(max_ranks_));
}

LatticeLaw const& SlowestWorker::full_node(double ranks) const {
  KURVE_EXPECT(ranks > 1.0 || workers_per_node_ == 1.0);
  auto& kept = ranks > 1.0 ? full_node_ : alone_in_node_;
  if (!kept) kept = node_of(ranks, workers_per_node_);
  return *kept;
}

LatticeLaw SlowestWorker::law(double ranks) const {
  KURVE_EXPECT(ranks >= 1.0 && ranks <= max_ranks_);
  if (node_.scale == 0.0) return maximum(worker(ranks), ranks);
  double const full = std::floor(ranks / workers_per_node_), rest = ranks - full * workers_per_node_;
  if (full == 0.0) return node_of(ranks, rest);
  auto whole = maximum(full_node(ranks), full);
  return rest > 0.0 ? larger(whole, node_of(ranks, rest)) : whole;
}

double SlowestWorker::mean(double ranks) const {
  if (auto const single = single_factor(ranks)) return model::maximum_moments(*single, ranks).mean;
  if (node_.scale == 0.0) return mean_of_maximum(worker(ranks), ranks);
  double const full = std::floor(ranks / workers_per_node_), rest = ranks - full * workers_per_node_;
  if (full == 0.0) return mean_of_maximum(worker(ranks), rest) * sim::mean(node_factor());  // independent
  return rest > 0.0 ? sim::mean(law(ranks)) : mean_of_maximum(full_node(ranks), full);
}

SlowestValues SlowestWorker::values(double ranks) const {
  return line_ ? SlowestValues{mean(ranks), {}, {}} : values(ranks, law(ranks));
}

SlowestValues SlowestWorker::values(double ranks, LatticeLaw const& m) const {
  constexpr double share = 1.0 / 128.0;
  SlowestValues result{mean(ranks), {}, {}};
  if (line_) return result;
  double weight = 0.0, sum = 0.0, lattice_mean = 0.0;
  auto const put = [&] {
    if (weight <= 0.0) return;
    result.value.push_back(sum / weight);
    result.weight.push_back(weight);
    lattice_mean += std::exchange(sum, 0.0);
    weight = 0.0;
  };
  for (std::size_t i = 0; i < m.mass.size(); ++i) {
    if (weight + m.mass[i] > share) put();
    weight += m.mass[i];
    sum += m.mass[i] * m.point(static_cast<int>(i));
  }
  put();
  for (double& value : result.value) value *= result.mean / lattice_mean;  // the mean is known better than the lattice
  return result;
}

SlowestValues stretched(SlowestValues law, double mean) {
  double const excess = law.mean - 1.0, stretch = excess > 1e-12 ? (mean - 1.0) / excess : 1.0;
  for (double& value : law.value) value = std::max(0.0, 1.0 + stretch * (value - 1.0));
  law.mean = mean;
  return law;
}

double mean_step_s(model::StepTime const& step, SlowestValues const& slowest) {
  double const calm_s = step.phase_s(1.0);
  auto const mean_of = [&](double phase_s) { return step.total_s() + step.phases * (phase_s - calm_s); };
  double const of_mean_s = step.phase_s(slowest.mean);
  if (slowest.value.empty()) return mean_of(of_mean_s);
  // Where it is a line after all, its mean is that of the mean, without the rounding of a sum.
  double const low = slowest.value.front(), high = slowest.value.back();
  double const low_s = step.phase_s(low), high_s = step.phase_s(high);
  double const chord_s = high > low ? low_s + (high_s - low_s) * (slowest.mean - low) / (high - low) : of_mean_s;
  if (chord_s - of_mean_s <= 1e-14 * of_mean_s) return mean_of(of_mean_s);
  double sum_s = 0.0;
  for (std::size_t i = 0; i < slowest.value.size(); ++i) sum_s += slowest.weight[i] * step.phase_s(slowest.value[i]);
  return mean_of(sum_s);
}

StepParameters variability_of_phase(StepParameters p) {
  double const m = p.barriers_per_step;
  if (m == 1.0) return p;
  double const root = std::sqrt(m);
  p.noise_cv *= root;
  p.noise_node_cv *= root;
  if (p.imbalance == model::Imbalance::per_step) p.imbalance_cv *= root;
  p.straggler_probability /= m;
  p.straggler_slowdown = 1.0 + m * (p.straggler_slowdown - 1.0);
  return p;
}

std::optional<FactorLaw> single_law(FactorLaw const& a, FactorLaw const& b) {
  if (a.scale == 0.0) return b;
  if (b.scale == 0.0) return a;
  if (!is_lognormal(a) || !is_lognormal(b)) return std::nullopt;
  return FactorLaw{a.variate, true, a.location + b.location, std::hypot(a.scale, b.scale)};
}

bool same_variability(StepParameters const& a, StepParameters const& b) {
  return a.noise_cv == b.noise_cv && a.noise_node_cv == b.noise_node_cv &&
         a.straggler_probability == b.straggler_probability && a.straggler_slowdown == b.straggler_slowdown &&
         a.straggler_spread_cv == b.straggler_spread_cv && a.persistent_probability == b.persistent_probability &&
         a.persistent_slowdown == b.persistent_slowdown && a.imbalance_cv == b.imbalance_cv &&
         a.workers_per_node == b.workers_per_node && a.barriers_per_step == b.barriers_per_step &&
         a.imbalance == b.imbalance && a.noise_shape == b.noise_shape && a.measured_noise == b.measured_noise &&
         a.straggler_shape == b.straggler_shape && a.imbalance_shape == b.imbalance_shape;
}

}  // namespace kurve::sim
