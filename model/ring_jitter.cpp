// SPDX-License-Identifier: Apache-2.0
#include "model/ring_jitter.hpp"

#include <algorithm>
#include <cmath>
#include <span>

namespace kurve::model {
namespace {

struct Knot {
  double x, y;
};

/// Line between the knots, constant beyond them.
double interpolated(std::span<Knot const> knots, double x) {
  double y = knots.front().y;
  for (std::size_t i = 1; i < knots.size(); ++i) {
    double const part = std::clamp((x - knots[i - 1].x) / (knots[i].x - knots[i - 1].x), 0.0, 1.0);
    y += part * (knots[i].y - knots[i - 1].y);
  }
  return y;
}

}  // namespace

double ring_jitter_factor(double ranks, double cv) {
  constexpr Knot excess[] = {{1, .565}, {2, .787}, {3, .865}, {4, .891}, {6, .895}, {8, .886}, {10, .879}};
  return ranks <= 1.0 ? 1.0 : 1.0 + cv * interpolated(excess, std::log2(ranks));
}

double hop_cv(StepParameters const& p, double hop_s) { return std::hypot(p.hop_jitter_cv, p.hop_jitter_s / hop_s); }

double jittered_allreduce_s(StepParameters const& p, double ranks, double allreduce_s) {
  bool const none = p.hop_jitter_cv == 0.0 && p.hop_jitter_s == 0.0;
  if (none || ranks <= 1.0 || allreduce_s <= 0.0 || p.allreduce == AllreduceAlgorithm::double_binary_tree)
    return allreduce_s;
  double hops = 2.0 * (ranks - 1.0);
  if (p.allreduce == AllreduceAlgorithm::hierarchical_ring) {
    double const in_node = std::min(ranks, p.workers_per_node);
    hops = 2.0 * (in_node - 1.0) + 2.0 * (std::ceil(ranks / p.workers_per_node) - 1.0);
  }
  return allreduce_s * ring_jitter_factor(ranks, hop_cv(p, allreduce_s / hops));
}

StepTime jittered_step_time(StepParameters const& p, double ranks, double global_batch) {
  if (p.hop_jitter_cv == 0.0 && p.hop_jitter_s == 0.0) return step_time(p, ranks, global_batch);
  return step_time(p, ranks, global_batch, [](StepParameters const& q, double k, double bytes) {
    double const collectives = collectives_of_bucket(q, bytes);
    return collectives * jittered_allreduce_s(q, k, bucket_time_s(q, k, bytes) / collectives);
  });
}

double ring_jitter_spread(double ranks) {
  constexpr Knot log2_spread[] = {{1, .1743},  {2, 1.4678}, {3, 2.3003}, {4, 2.9600},
                                  {6, 4.0382}, {8, 4.9604}, {10, 5.7865}};
  return std::exp2(interpolated(log2_spread, std::log2(ranks)));
}

}  // namespace kurve::model
