// SPDX-License-Identifier: Apache-2.0
#include "sim/attribute.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "sim/expected.hpp"

namespace kurve::sim {
namespace {

using model::StepParameters;

struct Cause {
  std::string_view name;
  void (*remove)(StepParameters&);
};

constexpr std::array causes{
    Cause{"serial", [](StepParameters& p) { p.serial_s = 0.0; }},
    Cause{"noise", [](StepParameters& p) { p.noise_cv = p.noise_node_cv = 0.0; }},
    Cause{"stragglers", [](StepParameters& p) { p.straggler_probability = p.persistent_probability = 0.0; }},
    Cause{"imbalance", [](StepParameters& p) { p.imbalance_cv = 0.0; }},
    Cause{"latency", [](StepParameters& p) { p.intra_latency_s = p.inter_latency_s = 0.0; }},
    Cause{"bandwidth",
          [](StepParameters& p) { p.intra_bandwidth_Bps = p.inter_bandwidth_Bps = p.reduce_s_per_byte = 0.0; }},
    Cause{"hop jitter", [](StepParameters& p) { p.hop_jitter_cv = p.hop_jitter_s = 0.0; }},
    Cause{"other exposed",
          [](StepParameters& p) {
            p.extra_multi_s = p.extra_in_node_s = p.extra_in_node_per_sample_s = p.extra_cross_node_s =
                p.extra_cross_node_per_sample_s = p.extra_per_log2_nodes_s = p.extra_per_log2_s = p.extra_per_rank_s =
                    p.skew_normal_per_sample_s = p.skew_log_per_sample_s = p.skew_pareto_per_sample_s = 0.0;
          }},
};

}  // namespace

Attribution attribute(model::Model const& model, Target target) {
  auto const mean_without = [&](unsigned removed) {
    auto p = model.parameters;
    for (std::size_t i = 0; i < causes.size(); ++i)
      if ((removed >> i & 1u) != 0) causes[i].remove(p);
    return StepLaw(p, target.ranks).mean_s(target.ranks, target.global_batch);
  };
  Attribution result;
  result.mean_s = mean_without(0);
  double const baseline_s =
      StepLaw(model.parameters, model.baseline_ranks).mean_s(model.baseline_ranks, model.global_batch);
  result.ideal_s = baseline_s * (target.global_batch / target.ranks) / (model.global_batch / model.baseline_ranks);

  std::array<double, causes.size()> cost_s{};
  double explained_s = 0.0;
  for (std::size_t i = 0; i < causes.size(); ++i) {
    cost_s[i] = result.mean_s - mean_without(1u << i);
    explained_s += cost_s[i];
    if (cost_s[i] != 0.0) result.causes.push_back({causes[i].name, cost_s[i]});
  }
  for (std::size_t i = 0; i < causes.size(); ++i)
    for (std::size_t j = i + 1; j < causes.size(); ++j) {
      if (cost_s[i] == 0.0 && cost_s[j] == 0.0) continue;
      // T - T(without both) is what both cost; of a sum of independent terms it is cost_i + cost_j
      double const both_s = result.mean_s - mean_without(1u << i | 1u << j) - cost_s[i] - cost_s[j];
      explained_s += both_s;
      if (std::abs(both_s) > 1e-9 * result.mean_s)
        result.interactions.push_back({causes[i].name, causes[j].name, both_s});
    }
  double const least_s = mean_without((1u << causes.size()) - 1u);
  result.higher_order_s = result.mean_s - least_s - explained_s;
  result.rest_s = least_s - result.ideal_s;
  std::sort(result.causes.begin(), result.causes.end(),
            [](auto const& a, auto const& b) { return a.cost_s > b.cost_s; });
  std::sort(result.interactions.begin(), result.interactions.end(),
            [](auto const& a, auto const& b) { return std::abs(a.cost_s) > std::abs(b.cost_s); });
  return result;
}

}  // namespace kurve::sim
