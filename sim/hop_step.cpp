// SPDX-License-Identifier: Apache-2.0
#include "sim/hop_step.hpp"

#include <algorithm>
#include <cmath>

#include "data/philox.hpp"
#include "sim/step.hpp"

namespace kurve::sim {
namespace {

using model::AllreduceAlgorithm;

constexpr double most_ranks = 4194304.0;  // each takes some 30 bytes

int buckets_of(model::StepParameters const& p) { return std::max(1, static_cast<int>(std::lround(p.overlap_buckets))); }

/// Time of the collectives inside nodes: what is left when links between nodes cost nothing.
double inside_time_s(model::StepParameters p, double ranks) {
  p.inter_latency_s = p.inter_bandwidth_Bps = 0.0;
  return model::allreduce_time_s(p, ranks);
}

std::array<std::uint32_t, 4> words_of(std::uint64_t seed, std::uint32_t trial, std::uint32_t rank, std::uint32_t draw,
                                      std::uint32_t stream) {
  return data::philox4x32({trial, rank, draw, stream},
                          {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
}

// Neighbours of Stream::hop, which JitteredRing uses.
constexpr auto tree_stream = static_cast<std::uint32_t>(data::Stream::hop) + 1;
constexpr auto round_stream = static_cast<std::uint32_t>(data::Stream::hop) + 2;

}  // namespace

/// Hops round `count` ranks: first, first + stride, ...
struct HopCollective::Round {
  std::uint32_t phase, first, stride, count, hops;
  double hop_s;
};

HopCollective::HopCollective(model::StepParameters const& p, std::uint32_t ranks, double time_s, double inside_s,
                             std::uint64_t seed)
    : algorithm_(p.allreduce),
      ranks_(ranks),
      workers_per_node_(static_cast<std::uint32_t>(std::lround(p.workers_per_node))),
      time_s_(time_s),
      inside_time_s_(std::min(inside_s, time_s)),
      seed_(seed),
      jitter_(model::factor_law(model::Shape::lognormal, p.hop_jitter_cv)) {
  if (algorithm_ != AllreduceAlgorithm::ring) return;
  std::vector<double> const hop_s(ranks, ranks > 1 ? time_s / (2.0 * (ranks - 1.0)) : 0.0);
  ring_.emplace(hop_s, jitter_.law, seed);
}

void HopCollective::run(std::uint32_t trial, std::uint32_t number, std::span<double> finish_s,
                        JitteredRing::Workspace& workspace) const {
  if (ranks_ == 1 || time_s_ == 0.0) return;
  if (algorithm_ == AllreduceAlgorithm::ring) return ring_->run(trial, number, finish_s, workspace);
  if (algorithm_ == AllreduceAlgorithm::hierarchical_ring) return run_hierarchy(trial, number, finish_s);
  run_trees(trial, number, finish_s);
}

void HopCollective::run_trees(std::uint32_t trial, std::uint32_t number, std::span<double> finish_s) const {
  double const hop_s = 0.5 * time_s_ / std::floor(std::log2(ranks_));
  std::vector<double> const arrival_s(finish_s.begin(), finish_s.end());
  std::fill(finish_s.begin(), finish_s.end(), 0.0);
  std::vector<double> t(ranks_);
  for (std::size_t tree = 0; tree < 2; ++tree) {
    auto const rank = [&](std::uint32_t i) { return tree == 0 ? i : ranks_ - 1 - i; };
    auto const hop = [&](std::uint32_t i, std::size_t down) {
      return hop_s *
             static_cast<double>(jitter_.value(words_of(seed_, trial, i, number, tree_stream)[2 * tree + down]));
    };
    for (std::uint32_t i = 0; i < ranks_; ++i) t[i] = arrival_s[rank(i)];
    for (std::uint32_t i = ranks_ - 1; i > 0; --i) t[(i - 1) / 2] = std::max(t[(i - 1) / 2], t[i] + hop(i, 0));
    for (std::uint32_t i = 0; i < ranks_; ++i) {
      if (i > 0) t[i] = t[(i - 1) / 2] + hop(i, 1);
      finish_s[rank(i)] = std::max(finish_s[rank(i)], t[i]);
    }
  }
}

void HopCollective::run_round(std::uint32_t trial, std::uint32_t number, Round const& round,
                              std::span<double> finish_s) const {
  auto const rank = [&](std::uint32_t i) { return round.first + i * round.stride; };
  auto const hop = [&](std::uint32_t i, std::uint32_t step) {
    if (jitter_.law.scale == 0.0) return round.hop_s;
    std::uint32_t const draw = (3 * number + round.phase) << 21 | step / 4;
    return round.hop_s *
           static_cast<double>(jitter_.value(words_of(seed_, trial, rank(i), draw, round_stream)[step % 4]));
  };
  for (std::uint32_t step = 0; step < round.hops; ++step) {
    double const last = finish_s[rank(round.count - 1)];
    for (std::uint32_t i = round.count; i-- > 0;) {
      double& t = finish_s[rank(i)];
      t = std::max(t, i > 0 ? finish_s[rank(i - 1)] : last) + hop(i, step);
    }
  }
}

void HopCollective::run_hierarchy(std::uint32_t trial, std::uint32_t number, std::span<double> finish_s) const {
  std::uint32_t const g = std::min(workers_per_node_, ranks_), nodes = (ranks_ + g - 1) / g;
  double const inside_hop_s = g > 1 ? inside_time_s_ / (2.0 * (g - 1.0)) : 0.0;
  double const across_hop_s = nodes > 1 ? (time_s_ - (g > 1 ? inside_time_s_ : 0.0)) / (2.0 * (nodes - 1.0)) : 0.0;
  auto const inside = [&](std::uint32_t phase) {
    for (std::uint32_t first = 0; first < ranks_; first += g)
      run_round(trial, number, {phase, first, 1, std::min(g, ranks_ - first), g - 1, inside_hop_s}, finish_s);
  };
  inside(0);
  for (std::uint32_t place = 0; place < g && nodes > 1; ++place) {
    std::uint32_t const count = (ranks_ - place + g - 1) / g;  // the last node may not be full
    run_round(trial, number, {1, place, g, count, 2 * (nodes - 1), across_hop_s}, finish_s);
  }
  inside(2);
}

HopStepSampler::HopStepSampler(model::StepParameters const& p, double ranks, double global_batch, std::uint64_t seed)
    : parameters_(p),
      base_(model::step_time(p, ranks, global_batch)),
      extra_s_(model::extra_time_s(p, ranks, global_batch / ranks)),
      buckets_(buckets_of(p)),
      workers_(p, whole_number(ranks, most_ranks, "K"), whole_number(p.workers_per_node, 1e6, "workers per node"),
               seed),
      collective_(p, workers_.ranks, base_.allreduce_s / buckets_, inside_time_s(p, ranks) / buckets_, seed) {}

HopStepSampler::Step HopStepSampler::draw(std::uint32_t trial) const {
  std::vector<double> compute_s(workers_.ranks), finish_s(workers_.ranks, 0.0);
  JitteredRing::Workspace workspace;
  draw_workers(workers_, trial, compute_s);
  for (double& c : compute_s) c *= base_.compute_s;
  double start_s = 0.0;
  for (int bucket = 1; bucket <= buckets_; ++bucket) {
    double const ready = 1.0 - parameters_.overlap_fraction * (1.0 - static_cast<double>(bucket) / buckets_);
    for (std::size_t k = 0; k < finish_s.size(); ++k) finish_s[k] = std::max(finish_s[k], compute_s[k] * ready);
    start_s = *std::max_element(finish_s.begin(), finish_s.end());
    collective_.run(trial, static_cast<std::uint32_t>(bucket - 1), finish_s, workspace);
  }
  double const finished_s = *std::max_element(finish_s.begin(), finish_s.end());
  Step step;
  if (base_.allreduce_s > 0.0) step.jitter_tax = (finished_s - start_s) / (base_.allreduce_s / buckets_);
  step.time_s = (base_.serial_s + finished_s + extra_s_) * shared_noise(parameters_, workers_.seed, trial);
  return step;
}

}  // namespace kurve::sim
