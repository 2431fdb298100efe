// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "model/hop_schedule.hpp"
#include "sim/draw_device.hpp"
#include "sim/ring.hpp"
#include "sim/shared_noise.hpp"
#include "sim/workers.hpp"

namespace kurve::sim {

/// One all-reduce, hop by hop: the hops of a model::HopSchedule. Equal arrivals and no jitter take exactly `time_s`.
class HopCollective {
 public:
  /// @param p       of the jitter  @param ranks  K, of all nodes
  /// @param time_s  without jitter
  HopCollective(model::HopSchedule const& schedule, model::StepParameters const& p, std::uint32_t ranks, double time_s,
                std::uint64_t seed);

  /// Of a hop, without and with its jitter.
  struct HopLaw {
    HopLaw(model::StepParameters const& p, double time_s, double hops);
    double mean_s;
    QuantileTable jitter;
  };
  /// Every hop of a ring, of the trees, or of a hierarchy between its nodes.
  [[nodiscard]] HopLaw const& hop() const { return hop_; }
  [[nodiscard]] bool is_ring() const { return schedule_.kind == model::HopSchedule::Kind::ring; }

  /// @param finish_s  [K] in: when each rank arrives; out: when it holds the result [s]
  /// @param number    of this collective within the trial
  void run(std::uint32_t trial, std::uint32_t number, std::span<double> finish_s,
           JitteredRing::Workspace& workspace) const;

 private:
  struct Round;
  struct Tree;
  void run_trees(std::uint32_t trial, std::uint32_t number, std::span<double> finish_s) const;
  void run_hierarchy(std::uint32_t trial, std::uint32_t number, std::span<double> finish_s) const;
  [[nodiscard]] double round_s(std::uint32_t trial, std::uint32_t number, Round const& round,
                               std::span<double> t) const;

  model::HopSchedule schedule_;
  std::uint32_t ranks_, in_node_, nodes_;
  double time_s_;
  std::uint64_t seed_;
  HopLaw inside_, hop_;  ///< a hierarchy's hops inside a node; every other hop
  std::optional<JitteredRing> ring_;
};

/// Draws single steps, each a step of its own run, with the finish time of every worker and every hop of the
/// collectives:
///
///   T = step_noise run_noise ( serial + sum over phases of max_k finish_k + extra )
///
/// Buckets (model::gradient_buckets) become ready on worker k as its own backward fills them; a bucket is reduced when
/// all workers have it and have finished the one before, as in model::StepTime: a pipelined collective moves all its
/// chunks after the last rank has come. A phase begins when the one before has ended on all workers.
/// Without randomness T is model::step_time's.
class HopStepSampler {
 public:
  /// @param ranks  K, a whole number from 1 to 2^22. @throws InputError otherwise
  HopStepSampler(model::StepParameters const& p, double ranks, double global_batch, std::uint64_t seed);

  struct Step {
    double time_s = 0.0;
    /// Last bucket: from all ranks being ready to all holding it, over the time without jitter; mean of the phases.
    double jitter_tax = 1.0;
  };
  /// A pure function of (seed, trial).
  [[nodiscard]] Step draw(std::uint32_t trial) const;
  /// The same steps of trials first_trial, first_trial + 1, ... @throws InputError unless every all-reduce is a ring
  void draw_on(DrawDevice const& device, std::uint32_t first_trial, std::span<Step> steps) const;

 private:
  /// Buckets alike: so many in a row, each reduced by a collective of its own.
  struct Row {
    std::uint32_t count;
    double share;   ///< of the gradient, each
    double time_s;  ///< without jitter, each
    HopCollective collective;
  };
  void add_row(double ranks, std::uint32_t count, double bytes);
  [[nodiscard]] Step step_of(RingStep const& ring, std::uint32_t trial) const;

  model::StepParameters parameters_;
  SharedNoise shared_noise_;
  model::StepTime base_;
  std::uint32_t phases_;
  WorkerLaws workers_;
  std::uint32_t buckets_ = 0;
  std::vector<Row> rows_;
};

}  // namespace kurve::sim
