// SPDX-License-Identifier: Apache-2.0
#include "sim/expected.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "model/ring_jitter.hpp"

namespace kurve::sim {
namespace {

using model::StepParameters;

/// Law of step noise times run noise, on a lattice of its own.
LatticeLaw shared_noise(StepParameters const& p) {
  LatticeLaw law{.step = std::max({p.noise_step_cv, p.noise_run_cv, 1e-6}) / 12.0};
  auto const multiply_in = [&](model::Shape shape, double cv) {
    if (cv == 0.0) return;
    auto const factor = model::factor_law(shape, cv);
    law = product(law, on_lattice([&](double x) { return model::survival(factor, x); },
                                  std::max(1e-3, model::quantile(factor, 1e-9, 1.0)),
                                  model::quantile(factor, 1.0, 1e-9), law.step));
  };
  multiply_in(p.noise_shape, p.noise_step_cv);
  multiply_in(model::Shape::lognormal, p.noise_run_cv);
  return law;
}

/// P(shared (fixed + compute M) <= t), M on its lattice.
class StepDistribution {
 public:
  StepDistribution(LatticeLaw const& shared, LatticeLaw const& slowest, double fixed_s, double compute_s)
      : shared_(shared) {
    constexpr double nothing = 1e-12;
    double sum = 0.0;
    for (std::size_t i = 0; i < slowest.mass.size() && sum < 1.0 - nothing; ++i) {
      sum += slowest.mass[i];
      if (slowest.mass[i] == 0.0 || sum < nothing) continue;
      unshared_s_.push_back(fixed_s + compute_s * slowest.point(static_cast<int>(i)));
      cumulative_.push_back(sum);
    }
    cumulative_.back() = 1.0;
    for (std::size_t i = 0; i < shared.mass.size(); ++i) factor_.push_back(shared.point(static_cast<int>(i)));
  }

  [[nodiscard]] double operator()(double t) const {
    double total = 0.0;
    std::size_t below = unshared_s_.size();  // how many are at most t / factor: fewer the larger the factor
    for (std::size_t i = 0; i < factor_.size(); ++i) {
      while (below > 0 && unshared_s_[below - 1] * factor_[i] > t) --below;
      if (below == 0) break;
      total += shared_.mass[i] * cumulative_[below - 1];
    }
    return total;
  }

  /// The t at which it reaches level, from `low` on: a step of a staircase, found by halving and, in between, by where
  /// a line would cross.
  [[nodiscard]] double quantile(double level, double low) const {
    double high = unshared_s_.back() * factor_.back(), at_low = (*this)(low), at_high = 1.0;
    for (bool halve = false; high - low > 1e-12 * high; halve = !halve) {
      double const share =
          halve || at_high <= at_low ? 0.5 : std::clamp((level - at_low) / (at_high - at_low), 0.02, 0.98);
      double const t = low + share * (high - low), at = (*this)(t);
      (at < level ? low : high) = t;
      (at < level ? at_low : at_high) = at;
    }
    return 0.5 * (low + high);
  }
  [[nodiscard]] double least() const { return unshared_s_.front() * factor_.front(); }

 private:
  LatticeLaw const& shared_;
  std::vector<double> unshared_s_, cumulative_, factor_;
};

void fill_quantiles(ExpectedStep& step, LatticeLaw const& shared, LatticeLaw const& slowest, double fixed_s,
                    double compute_s, std::span<double const> levels) {
  if (shared.mass.size() == 1) {
    for (double const level : levels) step.quantiles_s[level] = fixed_s + compute_s * quantile(slowest, level);
    return;
  }
  if (levels.empty()) return;
  StepDistribution const distribution(shared, slowest, fixed_s, compute_s);
  for (double const level : levels) step.quantiles_s[level] = 0.0;
  double low = distribution.least();
  for (auto& [level, time_s] : step.quantiles_s) low = time_s = distribution.quantile(level, low);  // ascending
}

}  // namespace

model::StepTime jittered_step_time(StepParameters const& p, double ranks, double global_batch) {
  auto t = model::step_time(p, ranks, global_batch);
  double const jittered_s = model::jittered_allreduce_s(p, ranks, t.allreduce_s);
  if (jittered_s != t.allreduce_s) {
    t.allreduce_s = jittered_s;
    t.exposed_comm_s =
        model::exposed_time_s(p, t.allreduce_s, t.compute_s) + model::extra_time_s(p, ranks, global_batch / ranks);
  }
  return t;
}

StepLaw::StepLaw(StepParameters const& p, double max_ranks)
    : parameters_(p),
      noise_(p, max_ranks, SlowestWorker::Include::noise),
      stragglers_(p, max_ranks, SlowestWorker::Include::stragglers),
      slowest_(p, max_ranks),
      shared_(shared_noise(p)) {}

double StepLaw::mean_s(double ranks, double global_batch) const {
  auto const base = jittered_step_time(parameters_, ranks, global_batch);
  return base.serial_s + base.compute_s * mean_slowest(ranks) + base.exposed_comm_s;
}

ExpectedStep StepLaw::at(double ranks, double global_batch, std::span<double const> levels) const {
  auto const& p = parameters_;
  auto const base = jittered_step_time(p, ranks, global_batch);
  double const slowest = mean_slowest(ranks);
  double const stragglers = p.imbalance_cv > 0.0 ? stragglers_.mean(ranks) : slowest;
  bool const straggle = p.straggler_probability > 0.0 || p.persistent_probability > 0.0;
  double const noise = straggle ? noise_.mean(ranks) : stragglers;

  ExpectedStep step;
  step.contributions = {.serial_s = base.serial_s,
                        .compute_s = base.compute_s,
                        .noise_s = base.compute_s * (noise - 1.0),
                        .straggler_s = base.compute_s * (stragglers - noise),
                        .imbalance_s = base.compute_s * (slowest - stragglers),
                        .exposed_comm_s = base.exposed_comm_s};
  double const fixed_s = base.serial_s + base.exposed_comm_s;
  step.mean_s = base.serial_s + base.compute_s * slowest + base.exposed_comm_s;

  auto const law = slowest_.law(ranks);
  double const spread = base.compute_s * standard_deviation(law) / step.mean_s;
  double const squares =
      (1.0 + spread * spread) * (1.0 + p.noise_step_cv * p.noise_step_cv) * (1.0 + p.noise_run_cv * p.noise_run_cv);
  step.sd_s = step.mean_s * std::sqrt(squares - 1.0);
  fill_quantiles(step, shared_, law, fixed_s, base.compute_s, levels);
  return step;
}

ExpectedStep expected_step(StepParameters const& p, double ranks, double global_batch, std::span<double const> levels) {
  return StepLaw(p, ranks).at(ranks, global_batch, levels);
}

}  // namespace kurve::sim
