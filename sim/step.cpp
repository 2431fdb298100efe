// SPDX-License-Identifier: Apache-2.0
#include "sim/step.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <sstream>

#include "model/error.hpp"
#include "model/ring_jitter.hpp"
#include "sim/slowest.hpp"

namespace kurve::sim {

std::uint32_t whole_number(double value, double most, char const* name) {
  if (value >= 1.0 && value <= most && value == std::floor(value)) return static_cast<std::uint32_t>(value);
  std::ostringstream text;
  text << name << "=" << value << " (must be a whole number from 1 to " << most
       << " to be sampled by this method). Use method closed-form?";
  throw InputError(text.str());
}

StepSampler::StepSampler(model::StepParameters const& p, double ranks, double global_batch, std::uint64_t seed)
    : shared_noise_(p),
      base_(model::jittered_step_time(p, ranks, global_batch)),
      first_(base_, base_.serial_s + base_.extra_s),
      next_(base_, 0.0),
      phases_(whole_number(p.barriers_per_step, 1e4, "barriers per step")),
      workers_(variability_of_phase(p), whole_number(ranks, 0x1p31, "K"),
               whole_number(p.workers_per_node, 1e6, "workers per node"), seed),
      maxima_(workers_) {}

void StepSampler::by_workers_s(std::uint32_t first_trial, std::span<double> steps_s, DrawDevice const* device) const {
  auto const slowest = [&](std::uint32_t phase, std::span<double> factors) {
    if (device != nullptr) return device->slowest_workers(workers_, phase, first_trial, factors);
    for (std::size_t i = 0; i < factors.size(); ++i)
      factors[i] = slowest_worker(workers_, first_trial + static_cast<std::uint32_t>(i), phase);
  };
  slowest(0, steps_s);
  std::transform(steps_s.begin(), steps_s.end(), steps_s.begin(), first_);
  std::vector<double> factors(phases_ > 1 ? steps_s.size() : 0);
  for (std::uint32_t phase = 1; phase < phases_; ++phase) {
    slowest(phase, factors);
    for (std::size_t i = 0; i < factors.size(); ++i) steps_s[i] += next_(factors[i]);
  }
  multiply_in_shared_noise(first_trial, steps_s);
}

void StepSampler::by_order_statistics_s(std::uint32_t first_trial, std::span<double> steps_s) const {
  draw_maxima(maxima_, first_, 0, first_trial, steps_s);
  std::vector<double> times_s(phases_ > 1 ? steps_s.size() : 0);
  for (std::uint32_t phase = 1; phase < phases_; ++phase) {
    draw_maxima(maxima_, next_, phase, first_trial, times_s);
    std::transform(steps_s.begin(), steps_s.end(), times_s.begin(), steps_s.begin(), std::plus<>());
  }
  multiply_in_shared_noise(first_trial, steps_s);
}

std::vector<double> StepSampler::worker_times_s(std::uint32_t trial) const {
  std::vector<double> times_s(workers_.ranks, 0.0), factors(workers_.ranks);
  for (std::uint32_t phase = 0; phase < phases_; ++phase) {
    draw_workers(workers_, trial, factors, phase);
    for (std::size_t k = 0; k < times_s.size(); ++k) times_s[k] += factors[k] * (base_.compute_s / phases_);
  }
  return times_s;
}

void StepSampler::multiply_in_shared_noise(std::uint32_t first_trial, std::span<double> steps_s) const {
  if (shared_noise_.step.scale == 0.0 && shared_noise_.run.scale == 0.0) return;
  for (std::size_t i = 0; i < steps_s.size(); ++i)
    steps_s[i] *= shared_noise_(workers_.seed, first_trial + static_cast<std::uint32_t>(i));
}

}  // namespace kurve::sim
