// SPDX-License-Identifier: Apache-2.0
#include "sim/shared_noise.hpp"

#include <algorithm>

#include "data/philox.hpp"
#include "model/maxima.hpp"

namespace kurve::sim {

SharedNoise::SharedNoise(model::StepParameters const& p)
    : step(model::noise_law(p, p.noise_step_cv)),
      run(model::factor_law(model::Shape::lognormal, p.noise_run_cv)),
      run_sd(p.noise_run_cv) {
  auto const clipped = model::clipped_moments(step, p.noise_step_cv);
  step_scale = 1.0 / clipped.mean;
  step_sd = clipped.sd / clipped.mean;
}

double SharedNoise::operator()(std::uint64_t seed, std::uint32_t trial) const {
  auto const factor = [&](model::FactorLaw const& law, data::Stream stream) {
    if (law.scale == 0.0) return 1.0;
    double const u = data::uniforms(seed, trial, 0, 0, stream).first;
    return std::max(0.0, model::quantile(law, u, 1.0 - u));
  };
  return factor(step, data::Stream::step_noise) * step_scale * factor(run, data::Stream::run_noise);
}

}  // namespace kurve::sim
