// SPDX-License-Identifier: Apache-2.0
#include "sim/hop_step.hpp"

#include <algorithm>
#include <cmath>

#include "data/philox.hpp"
#include "model/error.hpp"
#include "model/ring_jitter.hpp"
#include "sim/slowest.hpp"
#include "sim/step.hpp"

namespace kurve::sim {
namespace {

using model::AllreduceAlgorithm;

constexpr double most_ranks = 4194304.0;    // each takes some 30 bytes
constexpr double most_buckets = 2097152.0;  // of a step: a counter's room beside the stream

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
  HopLaw const& law;
};

HopCollective::HopLaw::HopLaw(model::StepParameters const& p, double time_s, double hops)
    : mean_s(hops > 0.0 ? time_s / hops : 0.0),
      jitter(model::factor_law(model::Shape::lognormal, mean_s > 0.0 ? model::hop_cv(p, mean_s) : 0.0)) {}

HopCollective::HopCollective(model::StepParameters const& p, std::uint32_t ranks, double time_s, double inside_s,
                             std::uint64_t seed)
    : algorithm_(p.allreduce),
      ranks_(ranks),
      in_node_(std::min(static_cast<std::uint32_t>(std::lround(p.workers_per_node)), ranks)),
      nodes_((ranks + in_node_ - 1) / in_node_),
      time_s_(time_s),
      seed_(seed),
      inside_(p, std::min(inside_s, time_s), 2.0 * (in_node_ - 1.0)),
      hop_(algorithm_ == AllreduceAlgorithm::ring ? HopLaw(p, time_s, 2.0 * (ranks - 1.0))
           : algorithm_ == AllreduceAlgorithm::hierarchical_ring
               ? HopLaw(p, time_s - 2.0 * (in_node_ - 1.0) * inside_.mean_s, 2.0 * (nodes_ - 1.0))
               : HopLaw(p, time_s, 2.0 * std::floor(std::log2(ranks)))) {
  if (algorithm_ != AllreduceAlgorithm::ring) return;
  ring_.emplace(std::vector<double>(ranks, hop_.mean_s), hop_.jitter.law, seed);
}

void HopCollective::run(std::uint32_t trial, std::uint32_t number, std::span<double> finish_s,
                        JitteredRing::Workspace& workspace) const {
  if (ranks_ == 1 || time_s_ == 0.0) return;
  if (algorithm_ == AllreduceAlgorithm::ring) return ring_->run(trial, number, finish_s, workspace);
  if (algorithm_ == AllreduceAlgorithm::hierarchical_ring) return run_hierarchy(trial, number, finish_s);
  run_trees(trial, number, finish_s);
}

void HopCollective::run_trees(std::uint32_t trial, std::uint32_t number, std::span<double> finish_s) const {
  std::vector<double> const arrival_s(finish_s.begin(), finish_s.end());
  std::fill(finish_s.begin(), finish_s.end(), 0.0);
  std::vector<double> t(ranks_);
  for (std::size_t tree = 0; tree < 2; ++tree) {
    auto const rank = [&](std::uint32_t i) { return tree == 0 ? i : ranks_ - 1 - i; };
    auto const hop = [&](std::uint32_t i, std::size_t down) {
      return hop_.mean_s *
             static_cast<double>(hop_.jitter.value(words_of(seed_, trial, i, number, tree_stream)[2 * tree + down]));
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
    if (round.law.jitter.law.scale == 0.0) return round.law.mean_s;
    auto const words = words_of(seed_, trial, rank(i), round.phase << 21 | step / 4, number << 11 | round_stream);
    return round.law.mean_s * static_cast<double>(round.law.jitter.value(words[step % 4]));
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
  auto const inside = [&](std::uint32_t phase) {
    for (std::uint32_t first = 0; first < ranks_; first += in_node_)
      run_round(trial, number, {phase, first, 1, std::min(in_node_, ranks_ - first), in_node_ - 1, inside_}, finish_s);
  };
  inside(0);
  for (std::uint32_t place = 0; place < in_node_ && nodes_ > 1; ++place) {
    std::uint32_t const count = (ranks_ - place + in_node_ - 1) / in_node_;  // the last node may not be full
    run_round(trial, number, {1, place, in_node_, count, 2 * (nodes_ - 1), hop_}, finish_s);
  }
  inside(2);
}

HopStepSampler::HopStepSampler(model::StepParameters const& p, double ranks, double global_batch, std::uint64_t seed)
    : parameters_(p),
      base_(model::step_time(p, ranks, global_batch)),
      phases_(whole_number(p.barriers_per_step, 1e4, "barriers per step")),
      workers_(variability_of_phase(p), whole_number(ranks, most_ranks, "K"),
               whole_number(p.workers_per_node, 1e6, "workers per node"), seed) {
  parameters_.overlap_buckets = std::max(1.0, std::round(p.overlap_buckets));
  auto const buckets = model::gradient_buckets(parameters_);
  auto const count = whole_number(buckets.count, most_buckets / phases_, "buckets of a synchronization");
  if (buckets.alike()) {
    add_row(ranks, count, buckets.first_bytes);
  } else {
    add_row(ranks, 1, buckets.first_bytes);
    add_row(ranks, count - 2, buckets.middle_bytes);
    add_row(ranks, 1, buckets.last_bytes);
  }
}

void HopStepSampler::add_row(double ranks, std::uint32_t count, double bytes) {
  if (count == 0) return;
  auto free_between_nodes = parameters_;  // what is left then is inside the nodes
  free_between_nodes.inter_latency_s = free_between_nodes.inter_bandwidth_Bps = 0.0;
  double const time_s = model::bucket_time_s(parameters_, ranks, bytes);
  double const gradient = parameters_.gradient_bytes / phases_;
  buckets_ += count;
  // Several collectives of a bucket are one of as many times longer hops, each as jittered as theirs.
  auto hops = parameters_;
  hops.hop_jitter_s *= model::collectives_of_bucket(parameters_, bytes);
  rows_.push_back({count, gradient > 0.0 ? bytes / gradient : 1.0 / count, time_s,
                   HopCollective(hops, workers_.ranks, time_s, model::bucket_time_s(free_between_nodes, ranks, bytes),
                                 workers_.seed)});
}

HopStepSampler::Step HopStepSampler::step_of(RingStep const& ring, std::uint32_t trial) const {
  double const calm_s = base_.serial_s + ring.elapsed_s + base_.extra_s;
  return {.time_s = calm_s * shared_noise(parameters_, workers_.seed, trial), .jitter_tax = ring.jitter_tax / phases_};
}

HopStepSampler::Step HopStepSampler::draw(std::uint32_t trial) const {
  std::vector<double> compute_s(workers_.ranks), finish_s(workers_.ranks);
  JitteredRing::Workspace workspace;
  RingStep step;
  for (std::uint32_t phase = 0; phase < phases_; ++phase) {
    draw_workers(workers_, trial, compute_s, phase);
    for (double& c : compute_s) c *= base_.compute_s / phases_;
    std::fill(finish_s.begin(), finish_s.end(), 0.0);
    double start_s = 0.0, filled = 0.0;
    std::uint32_t number = phase * buckets_;
    for (auto const& row : rows_)
      for (std::uint32_t i = 0; i < row.count; ++i) {
        filled = number + 1 == (phase + 1) * buckets_ ? 1.0 : filled + row.share;
        double const ready = 1.0 - parameters_.overlap_fraction * (1.0 - filled);
        for (std::size_t k = 0; k < finish_s.size(); ++k) finish_s[k] = std::max(finish_s[k], compute_s[k] * ready);
        start_s = *std::max_element(finish_s.begin(), finish_s.end());
        row.collective.run(trial, number++, finish_s, workspace);
      }
    double const finished_s = *std::max_element(finish_s.begin(), finish_s.end());
    step.elapsed_s += finished_s;
    step.jitter_tax += rows_.back().time_s > 0.0 ? (finished_s - start_s) / rows_.back().time_s : 1.0;
  }
  return step_of(step, trial);
}

void HopStepSampler::draw_on(DrawDevice const& device, std::uint32_t first_trial, std::span<Step> steps) const {
  if (parameters_.allreduce != AllreduceAlgorithm::ring)
    throw InputError("hops of another all-reduce than a ring are drawn on processors only. Try --device cpu?");
  std::vector<BucketRow> rows;
  for (auto const& row : rows_)
    rows.push_back({row.count, row.share, row.time_s, row.collective.hop().mean_s, row.collective.hop().jitter});
  std::vector<RingStep> drawn(steps.size());
  device.ring_steps({workers_, base_.compute_s / phases_, parameters_.overlap_fraction, phases_, buckets_}, rows,
                    first_trial, drawn);
  for (std::size_t i = 0; i < steps.size(); ++i)
    steps[i] = step_of(drawn[i], first_trial + static_cast<std::uint32_t>(i));
}

}  // namespace kurve::sim
