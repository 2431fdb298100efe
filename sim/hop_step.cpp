// SPDX-License-Identifier: Apache-2.0
#include "sim/hop_step.hpp"

#include <algorithm>
#include <cmath>

#include "data/philox.hpp"
#include "model/collective.hpp"
#include "model/error.hpp"
#include "sim/slowest.hpp"
#include "sim/step.hpp"

namespace kurve::sim {
namespace {

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

HopCollective::HopLaw::HopLaw(model::StepParameters const& p, double time_s, double hops)
    : mean_s(hops > 0.0 ? time_s / hops : 0.0),
      jitter(model::factor_law(model::Shape::lognormal, mean_s > 0.0 ? model::hop_cv(p, mean_s) : 0.0)) {}

HopCollective::HopCollective(model::HopSchedule const& schedule, model::StepParameters const& p, std::uint32_t ranks,
                             double time_s, std::uint64_t seed)
    : schedule_(schedule),
      ranks_(ranks),
      in_node_(static_cast<std::uint32_t>(schedule.in_node)),
      nodes_(static_cast<std::uint32_t>(schedule.nodes)),
      time_s_(time_s),
      seed_(seed),
      inside_(p, schedule.inside_share * time_s, 2.0 * (in_node_ - 1.0)),
      hop_(p, (1.0 - schedule.inside_share) * time_s, schedule.hops()) {
  if (is_ring()) ring_.emplace(std::vector<double>(ranks, hop_.mean_s), hop_.jitter.law, seed);
}

void HopCollective::run(std::uint32_t trial, std::uint32_t number, std::span<double> finish_s,
                        JitteredRing::Workspace& workspace) const {
  if (ranks_ == 1 || time_s_ == 0.0) return;
  switch (schedule_.kind) {
    case model::HopSchedule::Kind::ring:
      return ring_->run(trial, number, finish_s, workspace);
    case model::HopSchedule::Kind::trees:
      return run_trees(trial, number, finish_s);
    case model::HopSchedule::Kind::hierarchy:
      return run_hierarchy(trial, number, finish_s);
  }
}

/// One of the trees. Place i of its heap is a node; each node has the hops of a full one, and one to its parent.
struct HopCollective::Tree {
  HopCollective const& collective;
  std::uint32_t trial, number, which;

  [[nodiscard]] double hop(std::uint32_t place, std::uint32_t below, std::uint32_t down) const {
    auto const& law = collective.hop_;
    if (law.jitter.law.scale == 0.0) return law.mean_s;
    std::uint32_t const edges = collective.in_node_ + (collective.schedule_.in_switch ? 1 : 0);
    auto const words = words_of(collective.seed_, trial, place * edges + below, number, tree_stream);
    return law.mean_s * static_cast<double>(law.jitter.value(words[2 * which + down]));
  }
  [[nodiscard]] std::uint32_t first_rank(std::uint32_t place) const {
    return collective.in_node_ * (which == 0 ? place : collective.nodes_ - 1 - place);
  }
  /// When the ranks of a node are together at its head, or at its switch.
  [[nodiscard]] double gathered_s(std::uint32_t place, std::span<double const> arrival_s) const {
    std::uint32_t const first = first_rank(place), g = collective.in_node_;
    auto const last = static_cast<std::uint32_t>(arrival_s.size()) - 1;
    auto const arrival = [&](std::uint32_t k) { return arrival_s[std::min(first + k, last)]; };
    double t = arrival(g - 1);
    if (collective.schedule_.in_switch) {
      for (std::uint32_t k = 0; k < g; ++k) t = std::max(k == 0 ? 0.0 : t, arrival(k) + hop(place, 1 + k, 0));
    } else {
      for (std::uint32_t k = g - 1; k > 0; --k) t = std::max(arrival(k - 1), t + hop(place, k, 0));
    }
    return t;
  }
  void scatter(std::uint32_t place, double t, std::span<double> finish_s) const {
    std::uint32_t const first = first_rank(place), g = collective.in_node_;
    auto const last = static_cast<std::uint32_t>(finish_s.size()) - 1;
    for (std::uint32_t k = 0; k < g; ++k) {
      double& finish = finish_s[std::min(first + k, last)];
      if (collective.schedule_.in_switch) {
        finish = std::max(finish, t + hop(place, 1 + k, 1));
      } else {
        if (k > 0) t += hop(place, k, 1);
        finish = std::max(finish, t);
      }
    }
  }
};

void HopCollective::run_trees(std::uint32_t trial, std::uint32_t number, std::span<double> finish_s) const {
  std::vector<double> const arrival_s(finish_s.begin(), finish_s.end());
  std::fill(finish_s.begin(), finish_s.end(), 0.0);
  std::vector<double> t(nodes_);
  for (std::uint32_t which = 0; which < 2; ++which) {
    Tree const tree{*this, trial, number, which};
    for (std::uint32_t i = 0; i < nodes_; ++i) t[i] = tree.gathered_s(i, arrival_s);
    for (std::uint32_t i = nodes_ - 1; i > 0; --i) t[(i - 1) / 2] = std::max(t[(i - 1) / 2], t[i] + tree.hop(i, 0, 0));
    for (std::uint32_t i = 0; i < nodes_; ++i) {
      if (i > 0) t[i] = t[(i - 1) / 2] + tree.hop(i, 0, 1);
      tree.scatter(i, t[i], finish_s);
    }
  }
}

/// A ring of some hops; `first` numbers its first rank.
struct HopCollective::Round {
  std::uint32_t phase, first, hops;
  HopLaw const& law;
};

/// @param t  when each rank arrives; overwritten  @return when the last has made its hops
double HopCollective::round_s(std::uint32_t trial, std::uint32_t number, Round const& round,
                              std::span<double> t) const {
  auto const hop = [&](std::uint32_t i, std::uint32_t step) {
    if (round.law.jitter.law.scale == 0.0) return round.law.mean_s;
    auto const words =
        words_of(seed_, trial, round.first + i, round.phase << 21 | step / 4, number << 11 | round_stream);
    return round.law.mean_s * static_cast<double>(round.law.jitter.value(words[step % 4]));
  };
  for (std::uint32_t step = 0; step < round.hops; ++step) {
    double const last = t.back();
    for (auto i = static_cast<std::uint32_t>(t.size()); i-- > 0;)
      t[i] = std::max(t[i], i > 0 ? t[i - 1] : last) + hop(i, step);
  }
  return *std::max_element(t.begin(), t.end());
}

void HopCollective::run_hierarchy(std::uint32_t trial, std::uint32_t number, std::span<double> finish_s) const {
  double ended_s = 0.0;
  std::vector<double> t(in_node_);
  for (std::uint32_t first = 0; first < ranks_; first += in_node_) {
    for (std::uint32_t i = 0; i < in_node_; ++i) t[i] = finish_s[std::min(first + i, ranks_ - 1)];
    ended_s = std::max(ended_s, round_s(trial, number, {0, first, in_node_ - 1, inside_}, t));
  }
  t.assign(nodes_, ended_s);
  ended_s = round_s(trial, number, {1, 0, 2 * (nodes_ - 1), hop_}, t);
  t.resize(in_node_);
  for (std::uint32_t first = 0; first < ranks_; first += in_node_) {
    std::fill(t.begin(), t.end(), ended_s);
    static_cast<void>(round_s(trial, number, {2, first, in_node_ - 1, inside_}, t));
    std::copy_n(t.begin(), std::min(in_node_, ranks_ - first), finish_s.begin() + first);
  }
  // what the missing ranks of the last node would be late by, its last rank is
  if (ranks_ % in_node_ != 0) finish_s.back() = std::max(finish_s.back(), *std::max_element(t.begin(), t.end()));
}

HopStepSampler::HopStepSampler(model::StepParameters const& p, double ranks, double global_batch, std::uint64_t seed)
    : parameters_(p),
      shared_noise_(p),
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
  double const time_s = model::bucket_time_s(parameters_, ranks, bytes);
  double const gradient = parameters_.gradient_bytes / phases_;
  buckets_ += count;
  // Several collectives of a bucket are one of as many times longer hops, each as jittered as theirs.
  double const collectives = model::collectives_of_bucket(parameters_, bytes);
  auto hops = parameters_;
  hops.hop_jitter_s *= collectives;
  auto const schedule = model::schedule_of(parameters_, ranks, bytes / collectives);
  rows_.push_back({count, gradient > 0.0 ? bytes / gradient : 1.0 / count, time_s,
                   HopCollective(schedule, hops, workers_.ranks, time_s, workers_.seed)});
}

HopStepSampler::Step HopStepSampler::step_of(RingStep const& ring, std::uint32_t trial) const {
  double const calm_s = base_.serial_s + ring.elapsed_s + base_.extra_s;
  return {.time_s = calm_s * shared_noise_(workers_.seed, trial), .jitter_tax = ring.jitter_tax / phases_};
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
        std::fill(finish_s.begin(), finish_s.end(), start_s);
        row.collective.run(trial, number++, finish_s, workspace);
      }
    double const finished_s = *std::max_element(finish_s.begin(), finish_s.end());
    step.elapsed_s += finished_s;
    step.jitter_tax += rows_.back().time_s > 0.0 ? (finished_s - start_s) / rows_.back().time_s : 1.0;
  }
  return step_of(step, trial);
}

void HopStepSampler::draw_on(DrawDevice const& device, std::uint32_t first_trial, std::span<Step> steps) const {
  if (!std::all_of(rows_.begin(), rows_.end(), [](Row const& row) { return row.collective.is_ring(); }))
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
