// SPDX-License-Identifier: Apache-2.0
#include "model/step.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <sstream>
#include <string>
#include <vector>

#include "model/bounds.hpp"
#include "model/collective.hpp"
#include "model/elementary.hpp"
#include "model/error.hpp"
#include "model/near_miss.hpp"

namespace kurve::model {
namespace {

using P = StepParameters;

/// Of a law without any cost, so that a measured time has a finite ratio to it.
constexpr double least_law_s = 1e-12;

constexpr std::array parameters{
    ParameterInfo{"serial", "s", &P::serial_s, 0, longest_s, "what every step pays whatever K is"},
    ParameterInfo{"compute.fixed", "s", &P::compute_fixed_s, 0, longest_s, "compute that no batch size amortises"},
    ParameterInfo{"compute.per_sample", "s", &P::compute_per_sample_s, 0, longest_s, "marginal cost of a sample"},
    ParameterInfo{"compute.floor", "s", &P::compute_floor_s, 0, longest_s, "launch-bound floor of small batches"},
    ParameterInfo{"compute.floor_sharpness", "1", &P::compute_floor_sharpness, 1, 20,
                  "how sharply the floor gives way"},
    ParameterInfo{"compute.spill.per_sample", "s", &P::compute_spill_per_sample_s, 0, longest_s,
                  "what a sample costs more in batches that outgrow a fast memory"},
    ParameterInfo{"compute.spill.batch", "1", &P::compute_spill_batch, 0, largest_batch,
                  "local batch at which it costs half of that more, 0: none does"},
    ParameterInfo{"compute.spill.sharpness", "1", &P::compute_spill_sharpness, 0.1, 20, "how sharply that sets in"},
    ParameterInfo{"gradient_bytes", "B", &P::gradient_bytes, 0, 1e18,
                  "buffer each worker contributes to a step's all-reduce"},
    ParameterInfo{"network.allreduces_per_step", "1", &P::allreduces_per_step, 1, 1e6,
                  "collectives a step, at the least"},
    ParameterInfo{"network.barriers_per_step", "1", &P::barriers_per_step, 1, 1e4,
                  "times a step that all workers wait for the slowest"},
    ParameterInfo{"network.workers_per_node", "1", &P::workers_per_node, 1, 1e6, "workers that share a node"},
    ParameterInfo{"network.intra.latency", "s", &P::intra_latency_s, 0, 1e3, "alpha inside a node"},
    ParameterInfo{"network.intra.bandwidth_Bps", "B/s", &P::intra_bandwidth_Bps, 0, 1e18,
                  "1/beta inside a node, 0: free"},
    ParameterInfo{"network.inter.latency", "s", &P::inter_latency_s, 0, 1e3, "alpha between nodes"},
    ParameterInfo{"network.inter.bandwidth_Bps", "B/s", &P::inter_bandwidth_Bps, 0, 1e18,
                  "1/beta between nodes, 0: free"},
    ParameterInfo{"network.reduce_s_per_byte", "s/B", &P::reduce_s_per_byte, 0, 1, "gamma, reduction cost"},
    ParameterInfo{"network.nccl.latency_scale", "1", &P::nccl_latency_scale, 1e-3, 1e6,
                  "of NCCL's own latencies (algorithm nccl)"},
    ParameterInfo{"network.allreduce_error", "1", &P::allreduce_error, -20, 20,
                  "of the measured all-reduce curve, in its own sd"},
    ParameterInfo{"overlap.fraction", "1", &P::overlap_fraction, 0, 1, "share of compute that can hide the all-reduce"},
    ParameterInfo{"overlap.buckets", "1", &P::overlap_buckets, 1, 1e6, "gradient buckets, the last always exposed"},
    ParameterInfo{"overlap.bucket_bytes", "B", &P::bucket_bytes, 0, 1e18, "size of a bucket, 0: their number"},
    ParameterInfo{"overlap.first_bucket_bytes", "B", &P::first_bucket_bytes, 0, 1e18,
                  "size of the first bucket, 0: as the others"},
    ParameterInfo{"extra.multi", "s", &P::extra_multi_s, 0, longest_s, "exposed whenever K > 1"},
    ParameterInfo{"extra.in_node", "s", &P::extra_in_node_s, 0, longest_s,
                  "exposed times 1 - 1/g, g workers of a node in use"},
    ParameterInfo{"extra.in_node_per_sample", "s", &P::extra_in_node_per_sample_s, 0, longest_s,
                  "the same, for each sample of the local batch"},
    ParameterInfo{"extra.cross_node", "s", &P::extra_cross_node_s, 0, longest_s, "exposed times 1 - 1/N, N nodes"},
    ParameterInfo{"extra.cross_node_per_sample", "s", &P::extra_cross_node_per_sample_s, 0, longest_s,
                  "the same, for each sample"},
    ParameterInfo{"extra.per_log2_nodes", "s", &P::extra_per_log2_nodes_s, 0, longest_s, "exposed per log2 N"},
    ParameterInfo{"extra.per_log2", "s", &P::extra_per_log2_s, 0, longest_s, "exposed per log2 K"},
    ParameterInfo{"extra.per_rank", "s", &P::extra_per_rank_s, 0, longest_s, "exposed per worker beyond the first"},
    ParameterInfo{"extra.hidden_per_sample", "s", &P::extra_hidden_per_sample_s, 0, longest_s,
                  "what compute hides of extra.multi, per_log2* and per_rank, for each sample"},
    ParameterInfo{"skew.normal_per_sample", "s", &P::skew_normal_per_sample_s, 0, longest_s,
                  "waiting that grows as the maximum of K normals"},
    ParameterInfo{"skew.log_per_sample", "s", &P::skew_log_per_sample_s, 0, longest_s, "waiting that grows as ln K"},
    ParameterInfo{"skew.pareto_per_sample", "s", &P::skew_pareto_per_sample_s, 0, longest_s,
                  "waiting that grows as K^(1/4)"},
    ParameterInfo{"variability.noise.cv", "1", &P::noise_cv, 0, 10, "each worker, each step: sd/mean of compute"},
    ParameterInfo{"variability.noise.node_cv", "1", &P::noise_node_cv, 0, 10, "shared by a node's workers in a step"},
    ParameterInfo{"variability.noise.step_cv", "1", &P::noise_step_cv, 0, 10, "shared by all workers in a step"},
    ParameterInfo{"variability.noise.run_cv", "1", &P::noise_run_cv, 0, 10, "shared by all steps of a run"},
    ParameterInfo{"variability.stragglers.probability", "1", &P::straggler_probability, 0, 1,
                  "that a worker straggles in a step"},
    ParameterInfo{"variability.stragglers.slowdown", "1", &P::straggler_slowdown, 1, 1e6,
                  "mean factor while it straggles"},
    ParameterInfo{"variability.stragglers.spread_cv", "1", &P::straggler_spread_cv, 0, 10, "sd/mean of (factor - 1)"},
    ParameterInfo{"variability.persistent.probability", "1", &P::persistent_probability, 0, 1,
                  "that a worker is slow all run"},
    ParameterInfo{"variability.persistent.slowdown", "1", &P::persistent_slowdown, 1, 1e6, "its factor"},
    ParameterInfo{"variability.imbalance.cv", "1", &P::imbalance_cv, 0, 10, "sd/mean of the workers' shares"},
    ParameterInfo{"variability.hop_jitter.cv", "1", &P::hop_jitter_cv, 0, 10, "sd/mean of one hop inside the ring"},
    ParameterInfo{"variability.hop_jitter.sd", "s", &P::hop_jitter_s, 0, 1e3,
                  "sd of one hop however short, beside its cv"},
    ParameterInfo{"discrepancy.log_growth", "1", &P::discrepancy_log_growth, -10, 10,
                  "log T gained per doubling of K beyond the measured"},
    ParameterInfo{"discrepancy.exposed_log_growth", "1", &P::discrepancy_exposed_log_growth, -10, 10,
                  "the same of exposed communication alone"},
    ParameterInfo{"discrepancy.power", "1", &P::discrepancy_power, 0, 4, "growth with the number of doublings"},
    ParameterInfo{"discrepancy.from_ranks", "1", &P::discrepancy_from_ranks, 1, 1e9,
                  "largest K whose step was measured"},
    ParameterInfo{"discrepancy.from_batch", "1", &P::discrepancy_from_batch, 0, largest_batch,
                  "local batch measured there, 0: none"},
    ParameterInfo{"discrepancy.batch_weight", "1", &P::discrepancy_batch_weight, 0, 10,
                  "a halved local batch counts as this many doublings"},
    ParameterInfo{"discrepancy.configuration_log", "1", &P::discrepancy_configuration_log, -10, 10,
                  "misfit of one configuration, in log T"},
};

constexpr std::array<std::string_view, 6> shapes{"normal", "lognormal", "exponential", "gumbel", "weibull", "pareto"};
constexpr std::array<std::string_view, 7> noise_shapes{"normal",  "lognormal", "exponential", "gumbel",
                                                       "weibull", "pareto",    "measured"};
constexpr std::array<std::string_view, 2> imbalances{"per_step", "per_run"};

/// Text of an enum member of StepParameters and back; `names` are in enumerator order.
template <auto Member, auto const& names>
ChoiceInfo choice(std::string_view name, std::string_view meaning) {
  using Enum = std::remove_cvref_t<decltype(std::declval<P&>().*Member)>;
  return {name, names, [](P const& p) { return names[static_cast<std::size_t>(p.*Member)]; },
          [](P& p, std::string_view value) {
            p.*Member = static_cast<Enum>(std::find(names.begin(), names.end(), value) - names.begin());
          },
          meaning};
}

ChoiceInfo allreduce_choice() {
  static auto const names = [] {
    std::vector<std::string_view> all;
    for (auto const& c : collectives()) all.push_back(c.name);
    return all;
  }();
  return {"network.allreduce", names, [](P const& p) { return collective(p.allreduce).name; },
          [](P& p, std::string_view value) {
            for (auto const& c : collectives())
              if (c.name == value) p.allreduce = c.algorithm;
          },
          "all-reduce algorithm"};
}

std::string range_text(ParameterInfo const& info) {
  std::ostringstream text;
  text << "from " << info.min << " to " << info.max;
  return text.str();
}

void check_range(ParameterInfo const& info, double value) {
  if (value >= info.min && value <= info.max && std::isfinite(value)) return;
  std::ostringstream text;
  text << info.name << "=" << value << " (must be " << range_text(info)
       << (info.unit == "1" ? "" : " " + std::string(info.unit)) << ")";
  throw InputError(text.str());
}

[[noreturn]] void throw_unknown(std::string_view name) {
  std::vector<std::string_view> names;
  for (auto const& info : parameters) names.push_back(info.name);
  for (auto const& info : choice_table()) names.push_back(info.name);
  std::string text = "unknown parameter '" + std::string(name) + "' (";
  if (auto const near = near_miss(name, names); !near.empty())
    throw InputError(text + "`kurve simulate --parameters` lists them). Did you mean '" + std::string(near) + "'?");
  std::string_view const leaf = name.substr(name.rfind('.') + 1);
  std::string alike;
  for (auto const candidate : names)
    if (!leaf.empty() && candidate.find(leaf) != std::string_view::npos)
      alike += (alike.empty() ? "" : ", ") + std::string(candidate);
  throw InputError(text +
                   (alike.empty() ? "`kurve simulate --parameters` lists them)" : "similar names: " + alike + ")"));
}

/// Expected maximum of K standard normals by Blom's quantile; errs by -0.013 at K = 512, +0.025 at K = 2.
double blom_maximum(double ranks) {
  double const tail = 0.625 / (ranks + 0.25);
  return tail < 0.5 ? elementary::normal_upper(tail) : 0.0;
}

double nodes_of(P const& p, double ranks) { return std::ceil(ranks / p.workers_per_node); }

AllreduceLaw law_of(StepParameters const& network) {
  return
      [network](double ranks, double bytes) { return std::max(least_law_s, allreduce_law_s(network, ranks, bytes)); };
}

}  // namespace

std::span<ParameterInfo const> parameter_table() { return parameters; }

ParameterInfo const* find_parameter(std::string_view name) {
  auto const found = std::find_if(parameters.begin(), parameters.end(), [&](auto const& p) { return p.name == name; });
  return found == parameters.end() ? nullptr : &*found;
}

std::span<ChoiceInfo const> choice_table() {
  static std::array const choices{
      allreduce_choice(),
      choice<&P::noise_shape, noise_shapes>("variability.noise.shape", "distribution of noise"),
      choice<&P::straggler_shape, shapes>("variability.stragglers.shape", "distribution of (factor - 1)"),
      choice<&P::imbalance_shape, shapes>("variability.imbalance.shape", "distribution of shares"),
      choice<&P::imbalance, imbalances>("variability.imbalance.drawn", "shares drawn each step or once a run"),
  };
  return choices;
}

void set_parameter(StepParameters& p, std::string_view name, std::string_view value) {
  for (auto const& info : choice_table()) {
    if (info.name != name) continue;
    if (std::find(info.values.begin(), info.values.end(), value) == info.values.end()) {
      std::string text = std::string(name) + "='" + std::string(value) + "' (must be one of";
      for (auto const v : info.values) text += " " + std::string(v);
      throw InputError(text + ")" + did_you_mean(value, info.values));
    }
    info.set(p, value);
    return;
  }
  ParameterInfo const* info = find_parameter(name);
  if (info == nullptr) throw_unknown(name);
  std::istringstream in{std::string(value)};
  double number = 0.0;
  std::string rest;
  if (!(in >> number) || (in >> rest))
    throw InputError(std::string(name) + "='" + std::string(value) + "' (must be a number, in " +
                     std::string(info->unit == "1" ? "units of 1" : info->unit) + ")");
  check_range(*info, number);
  p.*(info->member) = number;
}

void check(StepParameters const& p) {
  for (auto const& info : parameters) check_range(info, p.*(info.member));
  if (p.barriers_per_step != std::floor(p.barriers_per_step)) {
    std::ostringstream text;
    text << "network.barriers_per_step=" << p.barriers_per_step << " (must be a whole number)";
    throw InputError(text.str());
  }
  if (p.noise_shape == Shape::measured && !p.measured_noise)
    throw InputError(
        "variability.noise.shape='measured' (this Model has no measured noise: `calibrate` keeps it from 512 repeats "
        "of "
        "compute on). Set another shape?");
}

double effective_batch(P const& p, double local_batch) {
  if (p.compute_floor_s <= 0.0 || p.compute_per_sample_s <= 0.0) return local_batch;
  double const knee = p.compute_floor_s / p.compute_per_sample_s;
  double const high = std::max(local_batch, knee);
  double const ratio = std::min(local_batch, knee) / high;
  double const q = p.compute_floor_sharpness;
  return high * std::pow(1.0 + std::pow(ratio, q), 1.0 / q);
}

/// What a batch that outgrows a fast memory costs beyond the line: the superlinear speedup of workers whose shares fit.
/// Source: Gustafson, Proc. 5th Distributed Memory Computing Conf. (1990) 1255-1260; the form is a choice.
static double spill_s(P const& p, double local_batch) {
  if (p.compute_spill_per_sample_s <= 0.0 || p.compute_spill_batch <= 0.0 || local_batch <= 0.0) return 0.0;
  return p.compute_spill_per_sample_s * local_batch /
         (1.0 + std::pow(p.compute_spill_batch / local_batch, p.compute_spill_sharpness));
}

double compute_time_s(P const& p, double local_batch) {
  double const above_s = p.compute_fixed_s + spill_s(p, local_batch);
  if (p.compute_per_sample_s <= 0.0) return above_s + p.compute_floor_s;
  return above_s + p.compute_per_sample_s * effective_batch(p, local_batch);
}

double allreduce_law_s(StepParameters const& p, double ranks, double bytes) {
  return ranks <= 1.0 ? 0.0 : collective(p.allreduce).law_s(p, ranks, bytes);
}

double one_allreduce_s(StepParameters const& p, double ranks, double bytes) {
  if (!p.measured_allreduce || ranks <= 1.0 || bytes <= 0.0) return allreduce_law_s(p, ranks, bytes);
  auto const& curve = *p.measured_allreduce;
  auto const at_size = [&](double size) {
    return std::max(least_law_s, allreduce_law_s(p, ranks, size)) *
           std::exp(curve.at(ranks, size).log_at(p.allreduce_error));
  };
  // Law and correction, each of its own slope, may fall as bytes grow; no all-reduce does. A measured size takes half
  // way, in log, between the most that sizes up to it take and the least that sizes from it on do: both never fall, and
  // are the time itself where it does not. Others take their own time within that of their neighbours.
  auto const& sizes = curve.sizes();
  std::vector<double> times_s;
  times_s.reserve(sizes.size());
  for (double const size : sizes) times_s.push_back(at_size(size));
  std::vector<double> least_s = times_s;
  for (std::size_t i = sizes.size() - 1; i-- > 0;) least_s[i] = std::min(least_s[i], least_s[i + 1]);
  double most_s = 0.0, floor_s = 0.0;  // of sizes up to here; of the measured size before
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    most_s = std::max(most_s, times_s[i]);
    double const time_s = std::sqrt(most_s * least_s[i]);
    if (sizes[i] == bytes) return time_s;
    if (sizes[i] > bytes) return std::clamp(at_size(bytes), floor_s, time_s);
    floor_s = time_s;
  }
  return std::max(at_size(bytes), floor_s);
}

std::shared_ptr<AllreduceCurve const> make_allreduce_curve(StepParameters const& central,
                                                           std::vector<SweepPoint> points,
                                                           std::optional<double> rival_prior) {
  P law = central;
  law.measured_allreduce = nullptr;
  // NCCL's choice has no parameters that a fit draws; alpha and beta of one algorithm are drawn.
  auto const doubt =
      collective(law.allreduce).own_choice ? AllreduceCurve::Doubt::of_curve : AllreduceCurve::Doubt::of_law;
  auto const& rival = collective(law.allreduce).rival;
  P other = law;
  other.allreduce = rival.algorithm;
  return std::make_shared<AllreduceCurve const>(
      std::move(points), central.workers_per_node,
      CurveLaws{
          .law = law_of(law), .rival = law_of(other), .rival_probability = rival_prior.value_or(rival.probability)},
      doubt);
}

Buckets gradient_buckets(StepParameters const& p) {
  double const bytes = p.gradient_bytes / p.barriers_per_step;
  return p.bucket_bytes > 0.0 && bytes > 0.0 ? buckets_of_size(bytes, p.first_bucket_bytes, p.bucket_bytes)
                                             : buckets_of_count(bytes, p.first_bucket_bytes, p.overlap_buckets);
}

double collectives_of_bucket(StepParameters const& p, double bytes) {
  return bytes > 0.0 ? std::max(1.0, p.allreduces_per_step * bytes / p.gradient_bytes) : 1.0;
}

double bucket_time_s(StepParameters const& p, double ranks, double bytes) {
  if (ranks <= 1.0 || bytes <= 0.0) return 0.0;
  double const collectives = collectives_of_bucket(p, bytes);
  return collectives * one_allreduce_s(p, ranks, bytes / collectives);
}

BucketPipeline bucket_pipeline(StepParameters const& p, double ranks, BucketTime bucket_s) {
  if (ranks <= 1.0 || p.gradient_bytes <= 0.0) return {};
  auto const buckets = gradient_buckets(p);
  double const first_s = bucket_s(p, ranks, buckets.first_bytes);
  if (buckets.alike()) return BucketPipeline::of(buckets, first_s, first_s, first_s, p.overlap_fraction);
  return BucketPipeline::of(buckets, first_s, bucket_s(p, ranks, buckets.middle_bytes),
                            bucket_s(p, ranks, buckets.last_bytes), p.overlap_fraction);
}

double allreduce_time_s(StepParameters const& p, double ranks) {
  return p.barriers_per_step * bucket_pipeline(p, ranks).total_s;
}

void StepTime::stretch_communication(double factor) {
  allreduce_s *= factor;
  pipeline = pipeline.stretched(factor);
  exposed_comm_s = phases * pipeline.exposed_s(compute_s / phases) + extra_s;
}

double extra_time_s(P const& p, double ranks, double local_batch) {
  if (ranks <= 1.0) return 0.0;
  double const nodes = nodes_of(p, ranks);
  double const in_node = 1.0 - 1.0 / std::min(ranks, p.workers_per_node);
  double const between = 1.0 - 1.0 / nodes;
  double const batch = effective_batch(p, local_batch);
  // Most Models have few of these terms, and thousands of draws of a curve should not pay for the others.
  auto const term = [](double coefficient, auto&& growth) { return coefficient == 0.0 ? 0.0 : coefficient * growth(); };
  double const skew_s = term(p.skew_normal_per_sample_s, [&] { return blom_maximum(ranks); }) +
                        term(p.skew_log_per_sample_s, [&] { return std::log(ranks); }) +
                        term(p.skew_pareto_per_sample_s, [&] { return std::pow(ranks, 0.25) - 1.0; });
  double const communication_s = p.extra_multi_s + term(p.extra_per_log2_nodes_s, [&] { return std::log2(nodes); }) +
                                 term(p.extra_per_log2_s, [&] { return std::log2(ranks); }) +
                                 p.extra_per_rank_s * (ranks - 1.0);
  return std::max(0.0, communication_s - p.extra_hidden_per_sample_s * batch) +
         in_node * (p.extra_in_node_s + p.extra_in_node_per_sample_s * batch) +
         between * (p.extra_cross_node_s + p.extra_cross_node_per_sample_s * batch) + skew_s * batch;
}

double discrepancy_log(P const& p, double ranks, double local_batch) {
  if (p.discrepancy_log_growth == 0.0 && p.discrepancy_exposed_log_growth == 0.0) return 0.0;
  double distance = std::max(0.0, std::log2(ranks / p.discrepancy_from_ranks));
  if (p.discrepancy_from_batch > 0.0 && local_batch > 0.0)
    distance += p.discrepancy_batch_weight * std::max(0.0, std::log2(p.discrepancy_from_batch / local_batch));
  if (distance <= 0.0) return 0.0;
  double const reach = std::pow(distance, p.discrepancy_power);
  double log_factor = p.discrepancy_log_growth * reach;
  if (p.discrepancy_exposed_log_growth != 0.0) {
    auto const t = step_time(p, ranks, ranks * local_batch);
    log_factor += std::log1p(t.exposed_comm_s / t.total_s() * std::expm1(p.discrepancy_exposed_log_growth * reach));
  }
  return log_factor;
}

StepTime step_time(StepParameters const& p, double ranks, double global_batch, BucketTime bucket_s) {
  if (!(ranks >= 1.0)) throw InputError("K=" + std::to_string(ranks) + " (must be at least 1)");
  if (!(global_batch > 0.0)) throw InputError("global_batch=" + std::to_string(global_batch) + " (must be positive)");
  StepTime t;
  t.serial_s = p.serial_s;
  t.compute_s = compute_time_s(p, global_batch / ranks);
  t.phases = p.barriers_per_step;
  t.pipeline = bucket_pipeline(p, ranks, bucket_s);
  t.allreduce_s = t.phases * t.pipeline.total_s;
  t.extra_s = extra_time_s(p, ranks, global_batch / ranks);
  t.exposed_comm_s = t.phases * t.pipeline.exposed_s(t.compute_s / t.phases) + t.extra_s;
  return t;
}

}  // namespace kurve::model
