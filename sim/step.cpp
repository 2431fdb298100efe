// SPDX-License-Identifier: Apache-2.0
#include "sim/step.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "data/philox.hpp"
#include "model/error.hpp"
#include "sim/expected.hpp"

namespace kurve::sim {

std::uint32_t whole_number(double value, double most, char const* name) {
  if (value >= 1.0 && value <= most && value == std::floor(value)) return static_cast<std::uint32_t>(value);
  std::ostringstream text;
  text << name << "=" << value << " (must be a whole number from 1 to " << most
       << " to be sampled by this method). Use method closed-form?";
  throw InputError(text.str());
}

double shared_noise(model::StepParameters const& p, std::uint64_t seed, std::uint32_t trial) {
  auto const factor = [&](model::Shape shape, double cv, data::Stream stream) {
    if (cv == 0.0) return 1.0;
    double const u = data::uniforms(seed, trial, 0, 0, stream).first;
    return std::max(0.0, model::quantile(model::factor_law(shape, cv), u, 1.0 - u));
  };
  return factor(p.noise_shape, p.noise_step_cv, data::Stream::step_noise) *
         factor(model::Shape::lognormal, p.noise_run_cv, data::Stream::run_noise);
}

StepSampler::StepSampler(model::StepParameters const& p, double ranks, double global_batch, std::uint64_t seed)
    : parameters_(p),
      base_(jittered_step_time(p, ranks, global_batch)),
      workers_(p, whole_number(ranks, 0x1p31, "K"), whole_number(p.workers_per_node, 1e6, "workers per node"), seed),
      maxima_(workers_) {}

void StepSampler::by_workers_s(std::uint32_t first_trial, std::span<double> steps_s) const {
  for (std::size_t i = 0; i < steps_s.size(); ++i)
    steps_s[i] = std::fma(base_.compute_s, slowest_worker(workers_, first_trial + static_cast<std::uint32_t>(i)),
                          base_.serial_s + base_.exposed_comm_s);
  multiply_in_shared_noise(first_trial, steps_s);
}

void StepSampler::by_order_statistics_s(std::uint32_t first_trial, std::span<double> steps_s) const {
  draw_maxima(maxima_, base_, first_trial, steps_s);
  multiply_in_shared_noise(first_trial, steps_s);
}

std::vector<double> StepSampler::worker_times_s(std::uint32_t trial) const {
  std::vector<double> times_s(workers_.ranks);
  draw_workers(workers_, trial, times_s);
  for (double& time_s : times_s) time_s *= base_.compute_s;
  return times_s;
}

void StepSampler::multiply_in_shared_noise(std::uint32_t first_trial, std::span<double> steps_s) const {
  if (parameters_.noise_step_cv == 0.0 && parameters_.noise_run_cv == 0.0) return;
  for (std::size_t i = 0; i < steps_s.size(); ++i)
    steps_s[i] *= shared_noise(parameters_, workers_.seed, first_trial + static_cast<std::uint32_t>(i));
}

}  // namespace kurve::sim
