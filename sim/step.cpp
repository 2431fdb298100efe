// SPDX-License-Identifier: Apache-2.0
#include "sim/step.hpp"

#include <algorithm>
#include <cmath>

#include "model/error.hpp"
#include "sim/expected.hpp"
#include "sim/slowest.hpp"

namespace kurve::sim {
namespace {

using data::Stream;
using model::FactorLaw;

[[gnu::always_inline]] inline double clipped(FactorLaw const& law, double u) {
  return std::max(0.0, model::quantile(law, u, 1.0 - u));
}

std::uint32_t whole(double value, char const* name) {
  if (!(value >= 1.0 && value <= 2147483648.0 && value == std::floor(value)))
    throw InputError(std::string(name) + "=" + std::to_string(value) +
                     " (must be a whole number from 1 to 2^31 to be sampled). Use method closed_form?");
  return static_cast<std::uint32_t>(value);
}

}  // namespace

StepSampler::StepSampler(model::StepParameters const& p, double ranks, double global_batch, std::uint64_t seed)
    : base_(jittered_step_time(p, ranks, global_batch)),
      step_(model::factor_law(p.noise_shape, p.noise_step_cv)),
      run_(model::factor_law(model::Shape::lognormal, p.noise_run_cv)),
      workers_(p, whole(ranks, "K"), whole(p.workers_per_node, "network.workers_per_node"), seed) {}

double StepSampler::by_workers_s(std::uint32_t trial) const { return step_s(trial, slowest_worker(workers_, trial)); }

std::vector<double> StepSampler::worker_times_s(std::uint32_t trial) const {
  std::vector<double> times_s(workers_.ranks);
  draw_workers(workers_, trial, times_s);
  for (double& time_s : times_s) time_s *= base_.compute_s;
  return times_s;
}

/// Largest slow * noise of `count` transient stragglers; `first` numbers them within the group.
double StepSampler::slowest_of_stragglers(std::uint32_t trial, std::uint32_t group, std::uint32_t first,
                                          double count) const {
  auto const slow = [&](double x) { return std::fma(workers_.straggler_gain, std::max(0.0, x), 1.0); };
  auto const one = [&](FactorLaw const& law) {
    return std::max(
        0.0, model::maximum_at(law, -model::elementary::log(draw(data::Stream::straggler, trial, group, first).second),
                               count));
  };
  if (workers_.straggler.scale == 0.0) return slow(1.0) * one(workers_.worker);
  if (workers_.worker.scale == 0.0) return slow(one(workers_.straggler));
  double slowest = 0.0;  // a product of two random factors has no formula: one by one
  for (double i = 0.0; i < count; i += 1.0) {
    auto const [noise, how] = draw(data::Stream::straggler, trial, group, first + static_cast<std::uint32_t>(i));
    slowest = std::max(slowest, clipped(workers_.worker, noise) * slow(clipped(workers_.straggler, how)));
  }
  return slowest;
}

/// Largest factor of a group of `count` workers, without what they share.
double StepSampler::slowest_of_group(std::uint32_t trial, std::uint32_t group, double count) const {
  // Numbers of the streams within a group: 0 and 1 for the splits (normal, persistent), from 2 on for stragglers.
  double const persistent =
      binomial_draw(count, workers_.persistent_probability, draw(data::Stream::persistent, trial, group).first);
  double slowest = 0.0;
  std::uint32_t next = 2;
  for (std::uint32_t half = 0; half < 2; ++half) {
    double const members = half == 0 ? count - persistent : persistent;
    if (members == 0.0) continue;
    double const factor = half == 0 ? 1.0 : workers_.persistent_slowdown;
    double const stragglers =
        binomial_draw(members, workers_.straggler_probability, draw(data::Stream::straggler, trial, group, half).first);
    if (stragglers > 0.0) slowest = std::max(slowest, factor * slowest_of_stragglers(trial, group, next, stragglers));
    next += static_cast<std::uint32_t>(stragglers);
    if (stragglers < members) {
      double const w = -model::elementary::log(draw(data::Stream::noise, trial, group, half).first);
      slowest = std::max(slowest, factor * std::max(0.0, model::maximum_at(workers_.worker, w, members - stragglers)));
    }
  }
  return slowest;
}

double StepSampler::by_order_statistics_s(std::uint32_t trial) const {
  if (!order_statistics_exact())
    throw InputError(
        "method order_statistics (noise and imbalance have no common law unless both are lognormal). Use closed_form "
        "or workers?");
  if (workers_.node.scale == 0.0) return step_s(trial, slowest_of_group(trial, 0, workers_.ranks));
  double slowest = 0.0;
  std::uint32_t node = 0;
  for (std::uint32_t first = 0; first < workers_.ranks; first += workers_.workers_per_node, ++node) {
    double const members = std::min(workers_.workers_per_node, workers_.ranks - first);
    slowest = std::max(slowest, clipped(workers_.node, draw(data::Stream::node_noise, trial, node).first) *
                                    slowest_of_group(trial, node, members));
  }
  return step_s(trial, slowest);
}

double StepSampler::step_s(std::uint32_t trial, double slowest) const {
  double time_s = base_.serial_s + base_.compute_s * slowest + base_.exposed_comm_s;
  if (step_.scale > 0.0) time_s *= clipped(step_, draw(data::Stream::step_noise, trial).first);
  if (run_.scale > 0.0) time_s *= clipped(run_, draw(data::Stream::run_noise, trial).first);
  return time_s;
}

double binomial_draw(double n, double p, double u) {
  if (n <= 0.0 || p <= 0.0) return 0.0;
  if (p >= 1.0) return n;
  double const mode = std::min(n, std::floor((n + 1.0) * p)), odds = p / (1.0 - p);
  double log_at_mode = n * std::log1p(-p);
  if (mode > 0.0) {
    int sign = 0;  // the reentrant lgamma: the other writes a global
    log_at_mode = ::lgamma_r(n + 1.0, &sign) - ::lgamma_r(mode + 1.0, &sign) - ::lgamma_r(n - mode + 1.0, &sign) +
                  mode * std::log(p) + (n - mode) * std::log1p(-p);
  }
  double const at_mode = std::exp(log_at_mode);
  double low = mode, high = mode, at_low = at_mode, at_high = at_mode;
  u -= at_mode;
  while (u > 0.0 && (low > 0.0 || high < n)) {
    if (low > 0.0) {
      at_low *= low / ((n - low + 1.0) * odds);
      low -= 1.0;
      if ((u -= at_low) <= 0.0) return low;
    }
    if (high < n) {
      at_high *= (n - high) / (high + 1.0) * odds;
      high += 1.0;
      if ((u -= at_high) <= 0.0) return high;
    }
    if (at_low + at_high < 1e-18 * at_mode) break;  // only rounding of the sum is left of u
  }
  return mode;
}

}  // namespace kurve::sim
