// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "model/host_device.hpp"

/// What one thread does with one element.
namespace kurve::calibrate {

/// Element i of rank r in a verified all-reduce: (i mod 251) + r, integers whose sum over up to 4096 ranks stays below
/// 2^24, exact in float in any order. 251 is prime, so chunks of a power of two that end up in the wrong place do not
/// look right.
KURVE_HOST_DEVICE inline float verification_value(std::size_t i, int rank) {
  return static_cast<float>(i % 251 + static_cast<std::size_t>(rank));
}
/// Its sum over ranks 0 .. ranks-1.
KURVE_HOST_DEVICE inline float verification_sum(std::size_t i, int ranks) {
  return static_cast<float>(ranks) * static_cast<float>(i % 251) + static_cast<float>(ranks * (ranks - 1) / 2);
}

/// Uniform with mean 0 and variance 1, as a pure function of (seed, index). Only to fill buffers with numbers that are
/// not alike: a card draws more power, and clocks lower, on random operands than on zeros.
/// Source of the mixing: Steele, Lea & Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014.
KURVE_HOST_DEVICE inline float filling_value(std::uint64_t seed, std::uint64_t index) {
  std::uint64_t z = seed + (index + 1) * 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  z ^= z >> 31;
  auto const unit = static_cast<float>(z >> 40) * 0x1p-24f;  // [0, 1)
  return (unit - 0.5f) * 3.4641016f;                         // sqrt(12)
}

/// What an elementwise pass writes: the inputs' sum over the root of their number, within +-8, so that a step repeated
/// for ever neither grows nor dies out.
KURVE_HOST_DEVICE inline float passed_value(float sum, int inputs) {
  float const root = inputs == 1 ? 1.0f : inputs == 2 ? 0.70710678f : 0.57735027f;
  float const value = sum * root;
  return value > 8.0f ? 8.0f : value < -8.0f ? -8.0f : value;
}

/// Adam's constants and the two bias corrections of step t. Source: Kingma & Ba, ICLR 2015, algorithm 1.
struct AdamStep {
  float beta1 = 0.9f, beta2 = 0.999f, epsilon = 1e-8f, rate = 1e-3f;
  float unbias1 = 1.0f, unbias2 = 1.0f;  ///< 1 / (1 - beta^t)
  float gradient_scale = 1.0f;           ///< 1 / ranks after a sum
};
inline AdamStep adam_step(int t, float gradient_scale) {
  AdamStep step;
  step.unbias1 = 1.0f / (1.0f - std::pow(step.beta1, static_cast<float>(t)));
  step.unbias2 = 1.0f / (1.0f - std::pow(step.beta2, static_cast<float>(t)));
  step.gradient_scale = gradient_scale;
  return step;
}
/// One parameter's update, in place.
KURVE_HOST_DEVICE inline void adam_update(AdamStep const& step, float gradient, float& parameter, float& first_moment,
                                          float& second_moment) {
  float const g = gradient * step.gradient_scale;
  first_moment = step.beta1 * first_moment + (1.0f - step.beta1) * g;
  second_moment = step.beta2 * second_moment + (1.0f - step.beta2) * g * g;
  parameter -= step.rate * step.unbias1 * first_moment / (sqrtf(step.unbias2 * second_moment) + step.epsilon);
}

}  // namespace kurve::calibrate
