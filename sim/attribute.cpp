// SPDX-License-Identifier: Apache-2.0
#include "sim/attribute.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <utility>

#include "model/ring_jitter.hpp"
#include "sim/draws.hpp"
#include "sim/slowest.hpp"

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
                    p.extra_hidden_per_sample_s = p.skew_normal_per_sample_s = p.skew_log_per_sample_s =
                        p.skew_pareto_per_sample_s = 0.0;
          }},
};

constexpr unsigned every_cause = (1U << causes.size()) - 1U;

/// Lattice where there are many draws to average: as predict() takes it.
constexpr int coarse_points = 256;
/// Where there is one.
constexpr int finest_points = 8192;

/// T of one parameter vector without some of its causes; the slowest worker is made once for each variability.
class MeanWithout {
 public:
  MeanWithout(StepParameters const& p, Target target, int lattice_points)
      : p_(p), target_(target), lattice_points_(lattice_points) {}

  /// @param removed  a bit for each cause
  [[nodiscard]] double operator()(unsigned removed) {
    auto p = p_;
    for (std::size_t i = 0; i < causes.size(); ++i)
      if ((removed >> i & 1U) != 0) causes[i].remove(p);
    return mean_step_s(model::jittered_step_time(p, target_.ranks, target_.global_batch), slowest(p));
  }

 private:
  SlowestValues const& slowest(StepParameters const& p) {
    auto const found =
        std::find_if(known_.begin(), known_.end(), [&](auto const& known) { return same_variability(known.first, p); });
    if (found != known_.end()) return found->second;
    SlowestWorker const worker(p, target_.ranks, SlowestWorker::Include::imbalance, lattice_points_);
    return known_.emplace_back(p, worker.values(target_.ranks)).second;
  }

  StepParameters const& p_;
  Target target_;
  int lattice_points_;
  std::vector<std::pair<StepParameters, SlowestValues>> known_;
};

/// T with all causes, without each, without each pair of them, and without any: by the bits of what is removed.
std::map<unsigned, double> times_without(model::Model const& model, Target target, std::uint64_t seed,
                                         std::vector<std::uint32_t> const& middle) {
  std::map<unsigned, double> sum_s{{0U, 0.0}, {every_cause, 0.0}};
  for (std::size_t i = 0; i < causes.size(); ++i)
    for (std::size_t j = i; j < causes.size(); ++j) sum_s[1U << i | 1U << j] = 0.0;
  for (auto const d : middle) {
    auto const p = draw_parameters(model, d, seed);
    double const drift = std::exp(model::discrepancy_log(p, target.ranks, target.global_batch / target.ranks));
    MeanWithout mean_without(p, target, middle.size() > 1 ? coarse_points : finest_points);
    for (auto& [removed, time_s] : sum_s) time_s += drift * mean_without(removed);
  }
  return sum_s;
}

}  // namespace

Attribution attribute(model::Model const& model, Target target, SummaryOptions const& options) {
  auto const summary = summarize(model, std::span(&target, 1), baseline_of(model), options).targets[0];
  auto time_s = times_without(model, target, options.seed, summary.middle);
  double const to_median = summary.time_s.centre / time_s[0];
  auto const mean_without = [&](unsigned removed) { return to_median * time_s.at(removed); };
  Attribution result;
  result.mean_s = mean_without(0U);
  result.ideal_s = summary.efficiency.centre * result.mean_s;

  std::array<double, causes.size()> cost_s{};
  double explained_s = 0.0;
  for (std::size_t i = 0; i < causes.size(); ++i) {
    cost_s[i] = result.mean_s - mean_without(1U << i);
    explained_s += cost_s[i];
    if (cost_s[i] != 0.0) result.causes.push_back({causes[i].name, cost_s[i]});
  }
  for (std::size_t i = 0; i < causes.size(); ++i)
    for (std::size_t j = i + 1; j < causes.size(); ++j) {
      if (cost_s[i] == 0.0 && cost_s[j] == 0.0) continue;
      // T - T(without both) is what both cost; of a sum of independent terms it is cost_i + cost_j
      double const both_s = result.mean_s - mean_without(1U << i | 1U << j) - cost_s[i] - cost_s[j];
      explained_s += both_s;
      if (std::abs(both_s) > 1e-9 * result.mean_s)
        result.interactions.push_back({causes[i].name, causes[j].name, both_s});
    }
  double const least_s = mean_without(every_cause);
  result.higher_order_s = result.mean_s - least_s - explained_s;
  result.rest_s = least_s - result.ideal_s;
  std::sort(result.causes.begin(), result.causes.end(),
            [](auto const& a, auto const& b) { return a.cost_s > b.cost_s; });
  std::sort(result.interactions.begin(), result.interactions.end(),
            [](auto const& a, auto const& b) { return std::abs(a.cost_s) > std::abs(b.cost_s); });
  return result;
}

}  // namespace kurve::sim
