// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "sim/block_programs.hpp"

namespace kurve::test {

/// Runs the programs of a GPU's blocks on this thread: what a device draws, but for its arithmetic.
class EmulatedDevice final : public sim::DrawDevice {
 public:
  /// @param threads  of a block  @param blocks  that share a trial's workers
  EmulatedDevice(std::uint32_t threads, std::uint32_t blocks) : block_{threads}, blocks_(blocks) {}

  [[nodiscard]] std::string name() const override { return "an emulated device"; }

  void slowest_workers(sim::WorkerLaws const& laws, std::uint32_t phase, std::uint32_t first_trial,
                       std::span<double> slowest) const override {
    for (std::uint32_t i = 0; i < slowest.size(); ++i) {
      sim::Slowest in_block, of_trial;
      for (std::uint32_t b = 0; b < blocks_; ++b)
        sim::find_slowest(block_, laws, {first_trial + i, phase}, {b, blocks_}, in_block, of_trial);
      slowest[i] = sim::factor_of(laws, of_trial);
    }
  }

  void ring_steps(sim::RingSteps const& steps, std::span<sim::BucketRow const> rows, std::uint32_t first_trial,
                  std::span<sim::RingStep> drawn) const override {
    std::size_t const ranks = steps.workers.ranks;
    // Not numbers: nothing may be read that was not written, nor depend on what another trial left.
    double const none = std::numeric_limits<double>::quiet_NaN();
    for (std::uint32_t i = 0; i < drawn.size(); ++i) {
      std::vector<double> seconds(2 * ranks, none), edges(2 * block_.threads, none);
      std::vector<float> distances(2 * ranks, static_cast<float>(none));
      double largest = none, moved = none;
      sim::RingMemory const memory{seconds.data(),
                                   seconds.data() + ranks,
                                   distances.data(),
                                   distances.data() + ranks,
                                   {edges.data(), edges.data() + block_.threads},
                                   &largest,
                                   &moved};
      drawn[i] = sim::RingProgram(block_, steps.workers, memory)
                     .draw(steps, rows.data(), static_cast<std::uint32_t>(rows.size()), first_trial + i);
    }
  }

 private:
  struct Block {
    std::uint32_t threads;
    template <typename Step>
    void operator()(Step const& step) const {
      for (std::uint32_t thread = 0; thread < threads; ++thread) step(thread);
    }
  };
  Block block_;
  std::uint32_t blocks_;
};

}  // namespace kurve::test
