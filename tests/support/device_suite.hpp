// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "sim/hop_step.hpp"
#include "sim/step.hpp"
#include "tests/support/checks.hpp"
#include "tests/support/skewed_noise.hpp"

namespace kurve::test {

/// Every kind of randomness that a device has a path of its own for.
inline std::vector<std::pair<std::string, model::StepParameters>> models_for_devices() {
  using model::Shape;
  model::StepParameters plain{
      .serial_s = 0.01, .compute_per_sample_s = 1e-3, .gradient_bytes = 1e8, .workers_per_node = 8};
  plain.inter_latency_s = 5e-6;
  plain.inter_bandwidth_Bps = 1e10;
  auto noisy = plain;
  noisy.noise_cv = 0.1;
  auto stragglers = noisy;
  stragglers.straggler_probability = 0.02;
  stragglers.straggler_slowdown = 1.7;
  stragglers.persistent_probability = 0.01;
  stragglers.persistent_slowdown = 1.2;
  auto random_stragglers = stragglers;
  random_stragglers.straggler_spread_cv = 0.5;
  random_stragglers.straggler_shape = Shape::pareto;
  random_stragglers.noise_shape = Shape::weibull;
  auto measured = with_skewed_noise(stragglers);
  auto nodes = random_stragglers;
  nodes.noise_node_cv = 0.05;
  auto imbalance = stragglers;
  imbalance.noise_shape = Shape::gumbel;
  imbalance.imbalance_cv = 0.1;
  auto both = imbalance;
  both.noise_node_cv = 0.05;
  auto jitter = nodes;
  jitter.hop_jitter_cv = 0.3;
  jitter.noise_step_cv = jitter.noise_run_cv = 0.02;
  auto buckets = jitter;
  buckets.overlap_fraction = 0.6;
  buckets.bucket_bytes = 3e7;
  buckets.first_bucket_bytes = 1e6;
  buckets.barriers_per_step = 2;
  auto calm_buckets = buckets;
  calm_buckets.hop_jitter_cv = 0.0;
  return {{"no randomness", plain},
          {"noise", noisy},
          {"stragglers", stragglers},
          {"random stragglers", random_stragglers},
          {"measured noise", measured},
          {"nodes", nodes},
          {"imbalance", imbalance},
          {"imbalance and nodes", both},
          {"hop jitter", jitter},
          {"buckets and barriers", buckets},
          {"buckets without jitter", calm_buckets}};
}

/// The device draws the very bits of this processor, on numbers of workers around what its threads divide evenly.
inline void check_device(sim::DrawDevice const& device) {
  constexpr std::uint32_t first = 7;
  for (auto const& [name, p] : models_for_devices())
    for (double const ranks : {1.0, 2.0, 3.0, 8.0, 37.0, 64.0, 131.0}) {
      INFO(name, ", K = ", ranks);
      sim::StepSampler const sampler(p, ranks, 256.0, 11);
      std::vector<double> mine(5), its(5);
      sampler.by_workers_s(first, mine);
      sampler.by_workers_s(first, its, &device);
      CHECK(its == mine);
      sim::HopStepSampler const hops(p, ranks, 256.0, 11);
      std::vector<sim::HopStepSampler::Step> steps(3);
      hops.draw_on(device, first, steps);
      for (std::uint32_t i = 0; i < steps.size(); ++i) {
        auto const own = hops.draw(first + i);
        CHECK(steps[i].time_s == own.time_s);
        CHECK(steps[i].jitter_tax == own.jitter_tax);
      }
    }
}

}  // namespace kurve::test
