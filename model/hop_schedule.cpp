// SPDX-License-Identifier: Apache-2.0
#include "model/hop_schedule.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "model/contract.hpp"
#include "model/hop_time.hpp"
#include "model/ring_jitter.hpp"

namespace kurve::model {
namespace {

/// Of a hop; beyond 5 no rule was tried, and a larger one counts as 5.
double known_cv(StepParameters const& p, double hop_s) { return std::min(5.0, hop_cv(p, hop_s)); }

/// Time for all places of a binary heap to reach its root, in hops; `own` is what each place needs by itself.
class Heap {
 public:
  Heap(int places, HopTime const& own, HopTime const& hop) : places_(places), own_(own), hop_(hop) {}

  [[nodiscard]] HopTime to_root() { return below(0); }

 private:
  HopTime below(int i) {
    int depth = 0, leftmost = i, rightmost = i;  // as far on both sides: full
    for (; 2 * leftmost + 1 < places_ && 2 * rightmost + 2 < places_; ++depth) {
      leftmost = 2 * leftmost + 1;
      rightmost = 2 * rightmost + 2;
    }
    if (2 * leftmost + 1 >= places_) return full(depth);
    int const left = 2 * i + 1, right = left + 1;
    HopTime const arrived = later_of(own_, sum_of(below(left), hop_));
    return right < places_ ? later_of(arrived, sum_of(below(right), hop_)) : arrived;
  }
  HopTime full(int depth) {
    if (full_.empty()) full_.push_back(own_);
    while (static_cast<int>(full_.size()) <= depth)
      full_.push_back(later_of(own_, latest_of(sum_of(full_.back(), hop_), 2.0)));
    return full_[static_cast<std::size_t>(depth)];
  }

  int places_;
  HopTime own_, hop_;
  std::vector<HopTime> full_;
};

double trees_factor(HopSchedule const& schedule, double cv) {
  HopTime const hop = lognormal_hop(cv);
  double const g = schedule.in_node;
  HopTime const own = schedule.in_switch ? latest_of(hop, g) : sum_of(hop, g - 1.0);
  HopTime const there_and_back = sum_of(Heap(schedule.nodes, own, hop).to_root(), 2.0);
  return latest_of(there_and_back, 2.0).mean / schedule.hops();
}

double latest_half_rings_s(HopSchedule const& schedule, StepParameters const& p, double half_s) {
  if (!(half_s > 0.0)) return 0.0;
  auto const law = ring_jitter_of(schedule.in_node, known_cv(p, half_s / (schedule.in_node - 1.0)));
  HopTime const half{1.0 + law.half_excess, law.half_sd, law.half_skewness};
  return half_s * latest_of(half, schedule.nodes).mean;
}

double floor_log2(int n) { return std::floor(std::log2(static_cast<double>(n))); }

}  // namespace

double HopSchedule::hops() const {
  if (kind != Kind::trees) return 2.0 * (nodes - 1.0);
  return 2.0 * ((in_switch ? 1.0 : in_node - 1.0) + floor_log2(nodes));
}

HopSchedule ring_schedule(int ranks) { return {.kind = HopSchedule::Kind::ring, .nodes = ranks}; }

HopSchedule tree_schedule(int nodes, int in_node, bool in_switch) {
  return {.kind = HopSchedule::Kind::trees, .nodes = nodes, .in_node = in_node, .in_switch = in_switch};
}

HopSchedule hierarchy_schedule(int nodes, int in_node, double inside_share) {
  if (nodes == 1 || in_node == 1) return ring_schedule(std::max(nodes, in_node));
  return {.kind = HopSchedule::Kind::hierarchy,
          .nodes = nodes,
          .in_node = in_node,
          .inside_share = std::clamp(inside_share, 0.0, 1.0)};
}

double hop_cv(StepParameters const& p, double hop_s) { return std::hypot(p.hop_jitter_cv, p.hop_jitter_s / hop_s); }

double jittered_s(HopSchedule const& schedule, StepParameters const& p, double time_s) {
  bool const none = p.hop_jitter_cv == 0.0 && p.hop_jitter_s == 0.0;
  if (none || !(time_s > 0.0) || schedule.hops() == 0.0) return time_s;
  auto const ring_s = [&](double s) {
    if (!(s > 0.0)) return 0.0;
    return s * (1.0 + ring_jitter_of(schedule.nodes, known_cv(p, s / schedule.hops())).excess);
  };
  switch (schedule.kind) {
    case HopSchedule::Kind::ring:
      return ring_s(time_s);
    case HopSchedule::Kind::trees:
      return time_s * trees_factor(schedule, known_cv(p, time_s / schedule.hops()));
    case HopSchedule::Kind::hierarchy:
      double const half_s = 0.5 * schedule.inside_share * time_s;
      return 2.0 * latest_half_rings_s(schedule, p, half_s) + ring_s((1.0 - schedule.inside_share) * time_s);
  }
  return time_s;
}

}  // namespace kurve::model
