// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/draw_device.hpp"
#include "sim/worker_factor.hpp"

/// What a block of a GPU's threads does. `block(step)` calls step(thread) on each of its `block.threads` threads and
/// waits for all of them; everything outside such a step is the same on all threads. So the same lines run on a host,
/// one thread after the other, where tests compare them with the engine for processors.
namespace kurve::sim {

/// into = max(into, value), whichever threads do so at once. @param value  >= 0: doubles are then ordered as their bits
KURVE_HOST_DEVICE inline void raise(std::uint32_t& into, std::uint32_t value) {
#ifdef __CUDA_ARCH__
  atomicMax(&into, value);
#else
  into = std::max(into, value);
#endif
}
KURVE_HOST_DEVICE inline void raise(double& into, double value) {
#ifdef __CUDA_ARCH__
  atomicMax(reinterpret_cast<unsigned long long*>(&into), static_cast<unsigned long long>(__double_as_longlong(value)));
#else
  into = std::max(into, value);
#endif
}
KURVE_HOST_DEVICE inline void raise(Slowest& into, Slowest const& value) {
  raise(into.word, value.word);
  for (std::size_t way = 0; way < 4; ++way)
    if (value.slow.largest[way] != 0) raise(into.slow.largest[way], value.slow.largest[way]);
  if (value.slow.factor > 0.0) raise(into.slow.factor, value.slow.factor);
}

/// A thread among those that share the workers of a phase.
struct Share {
  std::uint32_t number, of;
};

/// Whether workers are told apart by their bits alone, so that only the largest bits have to be evaluated.
KURVE_HOST_DEVICE inline bool bits_tell(WorkerLaws const& laws) {
  return laws.imbalance.scale == 0.0 && laws.node.scale == 0.0;
}

/// The slowest of a share. Where bits do not tell, it is in slow.factor.
KURVE_HOST_DEVICE inline Slowest slowest_of_share(WorkerLaws const& laws, Draw draw, Share share) {
  Slowest slowest;
  auto const seen = [&slowest](std::uint32_t, double factor) {
    slowest.slow.factor = std::max(slowest.slow.factor, factor);
  };
  if (laws.imbalance.scale > 0.0) {
    for (std::uint32_t number = share.number; number < fours(laws); number += share.of) {
      Four const group = four(laws, number);
      visit_four(laws, draw, group, laws.node.scale > 0.0 ? node_factor(laws, draw, group.node) : 1.0, seen);
    }
  } else if (laws.node.scale > 0.0) {
    for (std::uint32_t node = share.number; node * laws.workers_per_node < laws.ranks; node += share.of)
      seen(0, slowest_of_node(laws, draw, node,
                              std::min(laws.workers_per_node, laws.ranks - node * laws.workers_per_node)));
  } else {
    WordSource const source{laws.seed, draw, data::Stream::noise};
    for (std::uint32_t number = share.number; number < fours(laws); number += share.of) {
      Four const group = four(laws, number);
      auto const noise = source.block(number);
      for (std::uint32_t i = 0; i < group.count; ++i) {
        slowest.word = std::max(slowest.word, noise[i]);
        if (noise[i] < laws.rare_below) slowest.slow.add(laws, draw, group.first + i);
      }
    }
  }
  return slowest;
}

/// Block `number` of the `blocks` that share a trial's workers. @param in_block  of the block  @param of_trial  of all
template <typename Block>
KURVE_HOST_DEVICE void find_slowest(Block const& block, WorkerLaws const& laws, Draw draw, Share block_share,
                                    Slowest& in_block, Slowest& of_trial) {
  block([&](std::uint32_t thread) {
    if (thread == 0) in_block = {};
  });
  block([&](std::uint32_t thread) {
    raise(in_block,
          slowest_of_share(laws, draw, {block_share.number * block.threads + thread, block_share.of * block.threads}));
  });
  block([&](std::uint32_t thread) {
    if (thread == 0) raise(of_trial, in_block);
  });
}

KURVE_HOST_DEVICE inline double factor_of(WorkerLaws const& laws, Slowest const& slowest) {
  return bits_tell(laws) ? slowest.factor(laws) : slowest.slow.factor;
}

/// Where a block keeps its step.
struct RingMemory {
  double *compute_s, *finish_s;  ///< [K]
  float *distance_s, *second;    ///< [K], for a ring with jitter
  double* edge_s[2];             ///< [threads] time of each thread's last rank, of this hop and of the next
  double *largest, *moved;       ///< one
};

/// Programs of a step drawn hop by hop; neighbouring ranks belong to one thread.
template <typename Block>
class RingProgram {
 public:
  KURVE_HOST_DEVICE RingProgram(Block const& block, WorkerLaws const& workers, RingMemory const& memory)
      : block_(block),
        workers_(workers),
        memory_(memory),
        ranks_(workers.ranks),
        each_((workers.ranks + 2 * block.threads - 1) / (2 * block.threads) * 2) {}

  KURVE_HOST_DEVICE RingStep draw(RingSteps const& steps, BucketRow const* rows, std::uint32_t row_count,
                                  std::uint32_t trial) const {
    RingStep step;
    for (std::uint32_t phase = 0; phase < steps.phases; ++phase) {
      draw_compute({trial, phase}, steps.phase_compute_s);
      double start_s = 0.0, filled = 0.0;
      std::uint32_t number = phase * steps.buckets;
      for (std::uint32_t r = 0; r < row_count; ++r)
        for (std::uint32_t i = 0; i < rows[r].count; ++i) {
          filled = number + 1 == (phase + 1) * steps.buckets ? 1.0 : filled + rows[r].share;
          double const ready = 1.0 - steps.overlap_fraction * (1.0 - filled);
          start_s = largest([&](std::uint32_t k) {
            return memory_.finish_s[k] = std::max(memory_.finish_s[k], memory_.compute_s[k] * ready);
          });
          block_([&](std::uint32_t thread) {
            for (std::uint32_t k = first(thread); k < end(thread); ++k) memory_.finish_s[k] = start_s;
          });
          run_ring(rows[r], {trial, number++}, start_s);
        }
      double const finished_s = largest([&](std::uint32_t k) { return memory_.finish_s[k]; });
      double const time_s = rows[row_count - 1].time_s;
      step.elapsed_s += finished_s;
      step.jitter_tax += time_s > 0.0 ? (finished_s - start_s) / time_s : 1.0;
    }
    return step;
  }

 private:
  struct Collective {
    std::uint32_t trial, number;
  };
  static constexpr std::uint32_t pairs_an_origin = 32;

  [[nodiscard]] KURVE_HOST_DEVICE std::uint32_t first(std::uint32_t thread) const { return thread * each_; }
  [[nodiscard]] KURVE_HOST_DEVICE std::uint32_t end(std::uint32_t thread) const {
    return std::min(ranks_, (thread + 1) * each_);
  }
  [[nodiscard]] KURVE_HOST_DEVICE std::uint32_t left_of(std::uint32_t thread) const {
    return thread > 0 ? thread - 1 : (ranks_ - 1) / each_;
  }

  KURVE_HOST_DEVICE void draw_compute(Draw draw, double compute_s) const {
    block_([&](std::uint32_t thread) {
      for (std::uint32_t number = thread; number < fours(workers_); number += block_.threads) {
        Four const group = four(workers_, number);
        double const shared = workers_.node.scale > 0.0 ? node_factor(workers_, draw, group.node) : 1.0;
        visit_four(workers_, draw, group, shared, [&](std::uint32_t k, double factor) {
          memory_.compute_s[k] = factor * compute_s;
          memory_.finish_s[k] = 0.0;
        });
      }
    });
  }

  template <typename ValueOf>
  KURVE_HOST_DEVICE double largest(ValueOf const& value_of) const {
    block_([&](std::uint32_t thread) {
      if (thread == 0) *memory_.largest = 0.0;
    });
    block_([&](std::uint32_t thread) {
      double largest = 0.0;
      for (std::uint32_t k = first(thread); k < end(thread); ++k) largest = std::max(largest, value_of(k));
      raise(*memory_.largest, largest);
    });
    double const result = *memory_.largest;
    block_([](std::uint32_t) {});  // read by all before it is used again
    return result;
  }

  KURVE_HOST_DEVICE void run_ring(BucketRow const& row, Collective collective, double start_s) const {
    if (ranks_ == 1 || row.time_s == 0.0) return;
    row.jitter.law.scale == 0.0 ? run_calm(row.hop_s) : run_jittered(row, collective, start_s);
  }

  /// Hops of a thread's ranks, downwards, so that the left neighbour's is still the one of the hop before.
  /// @param after  (rank, later of its own and its left neighbour's last) -> when the hop has ended
  template <typename Time, typename After>
  KURVE_HOST_DEVICE void hop(std::uint32_t thread, Time* time_s, std::uint32_t parity, After const& after) const {
    std::uint32_t const begin = first(thread), stop = end(thread);
    if (begin >= stop) return;
    auto const left_s = static_cast<Time>(memory_.edge_s[parity][left_of(thread)]);
    for (std::uint32_t k = stop; k-- > begin;)
      time_s[k] = after(k, std::max(time_s[k], k > begin ? time_s[k - 1] : left_s));
    tell(thread, time_s, 1 - parity);
  }
  template <typename Time>
  KURVE_HOST_DEVICE void tell(std::uint32_t thread, Time const* time_s, std::uint32_t parity) const {
    if (first(thread) < end(thread)) memory_.edge_s[parity][thread] = static_cast<double>(time_s[end(thread) - 1]);
  }

  KURVE_HOST_DEVICE void run_calm(double hop_s) const {
    block_([&](std::uint32_t thread) { tell(thread, memory_.finish_s, 0); });
    for (std::uint32_t step = 0; step < 2 * (ranks_ - 1); ++step)
      block_([&](std::uint32_t thread) {
        hop(thread, memory_.finish_s, step % 2, [&](std::uint32_t, double ready_s) { return ready_s + hop_s; });
      });
  }

  /// As JitteredRing::run: distances from an origin that moves along.
  KURVE_HOST_DEVICE void run_jittered(BucketRow const& row, Collective collective, double origin_s) const {
    auto const hop_s = static_cast<float>(row.hop_s);
    float* const t = memory_.distance_s;
    block_([&](std::uint32_t thread) {
      for (std::uint32_t k = first(thread); k < end(thread); ++k)
        t[k] = static_cast<float>(memory_.finish_s[k] - origin_s);
      tell(thread, t, 0);
    });
    std::uint32_t const pairs = ranks_ - 1;
    for (std::uint32_t n = 0; n < pairs; ++n) {
      block_([&](std::uint32_t thread) {
        first_hop(thread, row.jitter, hop_s, {collective.trial, collective.number * pairs + n});
      });
      block_([&](std::uint32_t thread) {
        hop(thread, t, 1, [&](std::uint32_t k, float ready_s) { return std::fma(memory_.second[k], hop_s, ready_s); });
        if (end(thread) == ranks_ && first(thread) < ranks_) *memory_.moved = static_cast<double>(t[ranks_ - 1]);
      });
      if (n % pairs_an_origin != pairs_an_origin - 1) continue;
      double const moved_s = *memory_.moved;
      origin_s += moved_s;
      block_([&](std::uint32_t thread) {
        for (std::uint32_t k = first(thread); k < end(thread); ++k) t[k] -= static_cast<float>(moved_s);
        tell(thread, t, 0);
      });
    }
    block_([&](std::uint32_t thread) {
      for (std::uint32_t k = first(thread); k < end(thread); ++k)
        memory_.finish_s[k] = origin_s + static_cast<double>(t[k]);
    });
  }

  /// The first hop of a pair, and the factors of its second: words as in sim/hop_pair.hpp.
  KURVE_HOST_DEVICE void first_hop(std::uint32_t thread, QuantileTable const& jitter, float hop_s,
                                   Collective pair) const {
    std::array<std::uint32_t, 4> x{};
    hop(thread, memory_.distance_s, 0, [&](std::uint32_t k, float ready_s) {
      if (k % 2 == 1 || k + 1 == ranks_) x = words_of(pair, k / 2);
      memory_.second[k] = jitter.value(x[k % 2 == 0 ? 3 : 2]);
      return std::fma(jitter.value(x[k % 2 == 0 ? 1 : 0]), hop_s, ready_s);
    });
  }

  [[nodiscard]] KURVE_HOST_DEVICE std::array<std::uint32_t, 4> words_of(Collective pair, std::uint32_t number) const {
    return WordSource{workers_.seed, {pair.trial, pair.number}, data::Stream::hop}.block(number);
  }

  Block const& block_;
  WorkerLaws const& workers_;
  RingMemory const& memory_;
  std::uint32_t ranks_, each_;
};

}  // namespace kurve::sim
