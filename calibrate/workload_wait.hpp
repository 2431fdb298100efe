// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "calibrate/workload.hpp"
#include "data/keyed_text.hpp"
#include "model/factor_law.hpp"

namespace kurve::calibrate {

/// A step whose work is a timed wait: it stands for an accelerator, of which the host sees nothing but when it is done.
///
///   compute = (fixed + per_sample b) imbalance (1 + noise) slow
struct WaitTimes {
  Seconds fixed{5e-3}, per_sample{1e-3}, serial{1e-3};
  Bytes gradient{std::int64_t{1} << 20};
  double noise = 0.0;                  ///< sd over mean, lognormal, each worker, each step
  double straggler_probability = 0.0;  ///< that a worker straggles in a step
  double straggler_slowdown = 1.0;     ///< mean factor while it does
  double straggler_spread = 0.0;       ///< sd over mean of (factor - 1), exponential
  double imbalance = 0.0;              ///< sd over mean of the workers' shares, Gumbel, drawn once a run; none at K = 1
  int seed = 1;                        ///< of all of these
};
/// Keys: the names of the fields. @throws InputError
[[nodiscard]] WaitTimes wait_times(data::KeyedText& text);

/// Every factor is a pure function of (seed, run, step, rank): step counts forward_backward since reset(), and a run is
/// a reset() and its seed.
class TimedWait : public Workload {
 public:
  explicit TimedWait(WaitTimes const& times);

  void reset(std::uint64_t seed) override;
  void forward_backward(int local_batch, Place place) override;
  void update(float gradient_scale) override;
  std::span<float> gradient() override { return gradient_; }
  std::string description() const override;
  std::string accelerator() const override { return "timed wait"; }

  /// How long the next forward_backward waits [s].
  [[nodiscard]] double next_compute_s(int local_batch, Place place) const;

 private:
  WaitTimes times_;
  model::FactorLaw noise_, straggler_, imbalance_;
  std::vector<float> gradient_;
  std::uint64_t job_ = 0;
  std::uint32_t run_ = 0, step_ = 0;
};

/// Sleeps without the kernel's usual slack of 50 us, and spins the last moment: late by a few us where a core is free.
void wait_for(Seconds time);

}  // namespace kurve::calibrate
