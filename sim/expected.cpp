// SPDX-License-Identifier: Apache-2.0
#include "sim/expected.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "model/ring_jitter.hpp"
#include "sim/slowest.hpp"

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

/// The t with P(shared (fixed + compute M) <= t) = level, by bisection.
double step_quantile(LatticeLaw const& shared, LatticeLaw const& slowest, double fixed_s, double compute_s,
                     double level) {
  if (shared.mass.size() == 1) return fixed_s + compute_s * quantile(slowest, level);
  std::vector<double> slowest_s(slowest.mass.size()), cumulative(slowest.mass.size());
  double sum = 0.0;
  for (std::size_t i = 0; i < slowest_s.size(); ++i) {
    slowest_s[i] = fixed_s + compute_s * slowest.point(static_cast<int>(i));
    cumulative[i] = sum += slowest.mass[i];
  }
  auto const probability = [&](double t) {
    double total = 0.0;
    for (std::size_t i = 0; i < shared.mass.size(); ++i) {
      auto const beyond = std::upper_bound(slowest_s.begin(), slowest_s.end(), t / shared.point(static_cast<int>(i)));
      if (beyond != slowest_s.begin())
        total += shared.mass[i] * cumulative[static_cast<std::size_t>(beyond - slowest_s.begin()) - 1];
    }
    return total;
  };
  double low = slowest_s.front() * shared.point(0);
  double high = slowest_s.back() * shared.point(static_cast<int>(shared.mass.size()) - 1);
  for (int i = 0; i < 60 && high - low > 1e-12 * high; ++i)
    (probability(0.5 * (low + high)) < level ? low : high) = 0.5 * (low + high);
  return 0.5 * (low + high);
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

ExpectedStep expected_step(StepParameters const& p, double ranks, double global_batch, std::span<double const> levels) {
  using Include = SlowestWorker::Include;
  auto const base = jittered_step_time(p, ranks, global_batch);
  double const noise = SlowestWorker(p, ranks, Include::noise).mean(ranks);
  double const stragglers = SlowestWorker(p, ranks, Include::stragglers).mean(ranks);
  SlowestWorker const all(p, ranks);
  double const slowest = all.mean(ranks);

  ExpectedStep step;
  step.contributions = {.serial_s = base.serial_s,
                        .compute_s = base.compute_s,
                        .noise_s = base.compute_s * (noise - 1.0),
                        .straggler_s = base.compute_s * (stragglers - noise),
                        .imbalance_s = base.compute_s * (slowest - stragglers),
                        .exposed_comm_s = base.exposed_comm_s};
  double const fixed_s = base.serial_s + base.exposed_comm_s;
  step.mean_s = base.serial_s + base.compute_s * slowest + base.exposed_comm_s;

  auto const law = all.law(ranks);
  double const spread = base.compute_s * standard_deviation(law) / step.mean_s;
  double const squares =
      (1.0 + spread * spread) * (1.0 + p.noise_step_cv * p.noise_step_cv) * (1.0 + p.noise_run_cv * p.noise_run_cv);
  step.sd_s = step.mean_s * std::sqrt(squares - 1.0);
  auto const shared = shared_noise(p);
  for (double const level : levels)
    step.quantiles_s[level] = step_quantile(shared, law, fixed_s, base.compute_s, level);
  return step;
}

}  // namespace kurve::sim
