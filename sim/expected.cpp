// SPDX-License-Identifier: Apache-2.0
#include "sim/expected.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "model/ring_jitter.hpp"
#include "sim/time_law.hpp"

namespace kurve::sim {
namespace {

using model::StepParameters;

/// Law of step noise times run noise, as SharedNoise draws it, on a lattice of its own.
LatticeLaw shared_law(SharedNoise const& noise) {
  auto const spread = [](double cv) { return std::sqrt(std::log1p(cv * cv)); };
  LatticeLaw law{.step = std::max({spread(noise.step_sd), spread(noise.run_sd), 1e-6}) / 40.0};
  auto const multiply_in = [&](model::FactorLaw const& factor, double by) {
    if (factor.scale == 0.0) return;
    law = product(law, on_lattice([&](double x) { return model::survival(factor, x / by); },
                                  std::max(1e-3, by * model::quantile(factor, 1e-9, 1.0)),
                                  by * model::quantile(factor, 1.0, 1e-9), law.step));
  };
  multiply_in(noise.step, noise.step_scale);
  multiply_in(noise.run, 1.0);
  return law;
}

/// P(shared S <= t).
class StepDistribution {
 public:
  StepDistribution(LatticeLaw const& shared, TimeDistribution const& unshared) : shared_(shared), unshared_(unshared) {
    for (std::size_t i = 0; i < shared.mass.size(); ++i) factor_.push_back(shared.point(static_cast<int>(i)));
  }

  [[nodiscard]] double operator()(double t) const {
    TimeDistribution::Descent below(unshared_);
    double total = 0.0;
    for (std::size_t i = 0; i < factor_.size(); ++i) total += shared_.mass[i] * below(t / factor_[i]);
    return total;
  }

  /// The t at which it reaches level, from `low` on: by halving and, in between, by where a line would cross.
  [[nodiscard]] double quantile(double level, double low) const {
    double high = unshared_.most_s() * factor_.back(), at_low = (*this)(low), at_high = 1.0;
    for (bool halve = false; high - low > 1e-9 * high; halve = !halve) {
      double const share =
          halve || at_high <= at_low ? 0.5 : std::clamp((level - at_low) / (at_high - at_low), 0.02, 0.98);
      double const t = low + share * (high - low), at = (*this)(t);
      (at < level ? low : high) = t;
      (at < level ? at_low : at_high) = at;
    }
    return 0.5 * (low + high);
  }
  [[nodiscard]] double least() const { return unshared_.least_s() * factor_.front(); }

 private:
  LatticeLaw const& shared_;
  TimeDistribution const& unshared_;
  std::vector<double> factor_;
};

void fill_quantiles(ExpectedStep& step, LatticeLaw const& shared, TimeLaw const& s, std::span<double const> levels) {
  if (shared.mass.size() == 1) {
    for (double const level : levels) step.quantiles_s[level] = quantile(s, level);
    return;
  }
  TimeDistribution const unshared(s);
  if (unshared.least_s() == unshared.most_s()) {
    for (double const level : levels) step.quantiles_s[level] = unshared.least_s() * quantile(shared, level);
    return;
  }
  StepDistribution const distribution(shared, unshared);
  for (double const level : levels) step.quantiles_s[level] = 0.0;
  double low = distribution.least();
  for (auto& [level, time_s] : step.quantiles_s) low = time_s = distribution.quantile(level, low);  // ascending
}

}  // namespace

StepLaw::StepLaw(StepParameters const& p, double max_ranks)
    : parameters_(p),
      noise_(p, max_ranks, SlowestWorker::Include::noise),
      stragglers_(p, max_ranks, SlowestWorker::Include::stragglers),
      slowest_(p, max_ranks),
      shared_noise_(p),
      shared_(shared_law(shared_noise_)) {}

double StepLaw::mean_s(double ranks, double global_batch) const {
  return mean_step_s(model::jittered_step_time(parameters_, ranks, global_batch), slowest(ranks));
}

ExpectedStep StepLaw::at(double ranks, double global_batch, std::span<double const> levels) const {
  auto const& p = parameters_;
  auto const base = model::jittered_step_time(p, ranks, global_batch);
  auto const law = slowest_.law(ranks);
  auto const slowest = slowest_.values(ranks, law);
  auto const mean_s = [&](SlowestWorker const& w) { return mean_step_s(base, stretched(slowest, w.mean(ranks))); };
  bool const straggle = p.straggler_probability > 0.0 || p.persistent_probability > 0.0;
  ExpectedStep step{.mean_s = mean_step_s(base, slowest)};
  double const stragglers_s = p.imbalance_cv > 0.0 ? mean_s(stragglers_) : step.mean_s;
  double const noise_s = straggle ? mean_s(noise_) : stragglers_s;
  step.contributions = {.serial_s = base.serial_s,
                        .compute_s = base.compute_s,
                        .noise_s = noise_s - base.total_s(),
                        .straggler_s = stragglers_s - noise_s,
                        .imbalance_s = step.mean_s - stragglers_s,
                        .exposed_comm_s = base.exposed_comm_s};

  TimeLaw phase{.time_s = {}, .mass = law.mass};
  for (std::size_t i = 0; i < law.mass.size(); ++i)
    phase.time_s.push_back(base.phase_s(law.point(static_cast<int>(i))));
  double const spread = std::sqrt(base.phases) * standard_deviation(phase) / step.mean_s;
  double const squares = (1.0 + spread * spread) * (1.0 + shared_noise_.step_sd * shared_noise_.step_sd) *
                         (1.0 + shared_noise_.run_sd * shared_noise_.run_sd);
  step.sd_s = step.mean_s * std::sqrt(squares - 1.0);
  if (levels.empty()) return step;
  auto phases = sum_of(std::move(phase), static_cast<int>(base.phases));
  fill_quantiles(step, shared_, later(std::move(phases), base.serial_s + base.extra_s), levels);
  return step;
}

ExpectedStep expected_step(StepParameters const& p, double ranks, double global_batch, std::span<double const> levels) {
  return StepLaw(p, ranks).at(ranks, global_batch, levels);
}

}  // namespace kurve::sim
