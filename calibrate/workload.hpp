// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace kurve::calibrate {

/// Where a worker stands among those of its step.
struct Place {
  int rank = 0, ranks = 1;
};

/// One rank's training job, the same work every step. Not for two threads at once.
class Workload {
 public:
  Workload() = default;
  Workload(Workload const&) = delete;
  Workload& operator=(Workload const&) = delete;
  virtual ~Workload() = default;

  /// Fresh state, as a new job would have; allocates, so never inside a timing.
  virtual void reset(std::uint64_t seed) = 0;
  /// Forward and backward over `local_batch` samples; leaves the mean gradient in gradient().
  virtual void forward_backward(int local_batch, Place place) = 0;
  /// The serial part of a step: the optimizer, with gradient() times `gradient_scale`.
  virtual void update(float gradient_scale) = 0;

  [[nodiscard]] virtual std::span<float> gradient() = 0;
  [[nodiscard]] virtual std::string description() const = 0;
  /// What does the work: a Study's header key `accelerator`.
  [[nodiscard]] virtual std::string accelerator() const { return "CPU core"; }
  /// Most samples that a worker can take; 0: any number.
  [[nodiscard]] virtual int largest_batch() const { return 0; }
  /// Operations of forward_backward; 0 where it computes nothing.
  [[nodiscard]] virtual double flop(int /*local_batch*/) const { return 0.0; }
  [[nodiscard]] std::int64_t gradient_bytes() { return static_cast<std::int64_t>(gradient().size_bytes()); }
};

/// By description: `mlp: widths=256-768-768-64,pool=1024` (real matrix products) or `wait: fixed=5ms,per_sample=1ms`
/// (timed waits); each key may be left out. See workload_mlp.hpp and workload_wait.hpp.
/// @throws InputError on an unknown name or key, or a value outside its range
[[nodiscard]] std::unique_ptr<Workload> make_workload(std::string const& description);

}  // namespace kurve::calibrate
