// SPDX-License-Identifier: Apache-2.0
#include "sim/step.hpp"

#include <algorithm>
#include <cmath>

#include "data/philox.hpp"
#include "model/error.hpp"
#include "sim/expected.hpp"

namespace kurve::sim {
namespace {

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
      workers_(p, whole(ranks, "K"), whole(p.workers_per_node, "network.workers_per_node"), seed),
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
  auto const multiply_in = [&](model::FactorLaw const& law, data::Stream stream) {
    if (law.scale == 0.0) return;
    for (std::size_t i = 0; i < steps_s.size(); ++i) {
      double const u = data::uniforms(workers_.seed, first_trial + static_cast<std::uint32_t>(i), 0, 0, stream).first;
      steps_s[i] *= std::max(0.0, model::quantile(law, u, 1.0 - u));
    }
  };
  multiply_in(step_, data::Stream::step_noise);
  multiply_in(run_, data::Stream::run_noise);
}

}  // namespace kurve::sim
