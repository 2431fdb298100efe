// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include "calibrate/evidence.hpp"
#include "calibrate/fit.hpp"
#include "calibrate/random.hpp"
#include "calibrate/slowest_mean.hpp"
#include "data/stats.hpp"
#include "model/ring_jitter.hpp"

namespace kurve::calibrate {
namespace {

using model::StepParameters;

/// Spread of what was not measured between nodes but taken as inside one: sd of the logarithm, a factor 1.6 either way.
constexpr double assumed_link_log_sd = 0.5;
/// sd of log T per doubling of K beyond the measured: 2- and 3-point fits of published studies err 1 to 10 % over one
/// or two doublings (FACTS E).
constexpr double default_discrepancy = 0.03;

/// Mean step time: the step of the mean worker, and what waiting for the slowest of K adds. Compute that hides
/// communication hides the same amount of it, as in sim.
double mean_step_s(SlowestMean const& slowest, StepParameters const& p, double ranks, double batch) {
  auto const t = model::step_time(p, ranks, batch);
  double const jitter = t.allreduce_s * (model::ring_jitter_factor(ranks, p.hop_jitter_cv) - 1.0);
  double const exposed = model::exposed_time_s(p, t.allreduce_s + jitter, t.compute_s) -
                         model::exposed_time_s(p, t.allreduce_s, t.compute_s);
  return t.total_s() + exposed + t.compute_s * (slowest(p, ranks) - 1.0);
}

/// How a residual that no component explains may grow with K.
struct Growth {
  double StepParameters::*member;
  double (*shape)(double ranks);
};
constexpr Growth growths[] = {
    {&StepParameters::extra_multi_s, [](double) { return 1.0; }},
    {&StepParameters::extra_per_log2_s, [](double k) { return std::log2(k); }},
    {&StepParameters::extra_per_rank_s, [](double k) { return k - 1.0; }},
};

/// One law's amplitude on the residuals of the steps, and how likely it makes them against no residual at all.
struct Residual {
  Growth const* growth = nullptr;  ///< nullptr: nothing is added
  double amplitude = 0.0, weight = 1.0;
};

/// What whole steps take beyond p, in their order [s].
std::vector<double> beyond(StepParameters const& p, SlowestMean const& slowest,
                           std::vector<Evidence::StepPoint> const& steps) {
  std::vector<double> rest_s;
  for (auto const& point : steps)
    rest_s.push_back(point.time.value - mean_step_s(slowest, p, point.ranks, point.batch));
  return rest_s;
}

/// Fits every admissible law to what whole steps at K > 1 take beyond p. Growth with K is admitted only where three K >
/// 1 pin it: noise of two points through a law linear in K would decide K = 4096, while the all-reduce that does grow
/// is measured.
std::vector<Residual> fit_residuals(std::vector<double> const& rest_s, std::vector<Evidence::StepPoint> const& steps) {
  std::set<double> multi;
  for (auto const& point : steps)
    if (point.ranks > 1.0) multi.insert(point.ranks);
  if (multi.empty()) return {{}};
  auto chi2 = [&](Growth const* growth, double amplitude) {
    double sum = 0.0;
    for (std::size_t i = 0; i < steps.size(); ++i)
      if (steps[i].ranks > 1.0)
        sum += std::pow(
            (rest_s[i] - (growth ? amplitude * growth->shape(steps[i].ranks) : 0.0)) / steps[i].time.standard_error,
            2.0);
    return sum;
  };
  std::vector<Residual> laws{{}};
  std::vector<double> misfits{chi2(nullptr, 0.0)};
  for (auto const& growth : growths) {
    if (multi.size() < 3 && &growth != &growths[0]) break;
    double numerator = 0.0, denominator = 0.0;
    for (std::size_t i = 0; i < steps.size(); ++i) {
      if (steps[i].ranks <= 1.0) continue;
      double const x = growth.shape(steps[i].ranks) / steps[i].time.standard_error;
      numerator += x * rest_s[i] / steps[i].time.standard_error;
      denominator += x * x;
    }
    laws.push_back({&growth, std::max(0.0, numerator / denominator), 1.0});
    misfits.push_back(chi2(&growth, laws.back().amplitude) + 2.0);  // Akaike's penalty of one parameter
  }
  double const best = *std::min_element(misfits.begin(), misfits.end());
  double total = 0.0;
  for (std::size_t i = 0; i < laws.size(); ++i) total += laws[i].weight = std::exp((best - misfits[i]) / 2.0);
  for (auto& law : laws) law.weight /= total;
  return laws;
}

/// Serial remainder: what the whole step of one worker takes beyond (or below) serial and compute measured alone. Every
/// K pays it, so it comes off what is beyond the others too.
void adjust_serial(StepParameters& p, std::vector<double>& rest_s, std::vector<Evidence::StepPoint> const& steps) {
  double remainder = 0.0, weight = 0.0;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (steps[i].ranks > 1.0) continue;
    double const w = 1.0 / (steps[i].time.standard_error * steps[i].time.standard_error);
    remainder += w * rest_s[i];
    weight += w;
  }
  if (weight <= 0.0) return;
  double const before = p.serial_s;
  p.serial_s = std::max(0.0, p.serial_s + remainder / weight);
  for (auto& rest : rest_s) rest -= p.serial_s - before;
}

/// Standard normals, one after the other; all zero for the central values.
using Normals = std::function<double()>;

double positive(double mean, double sd, Normals const& z) {
  for (int attempt = 0; attempt < 100; ++attempt)
    if (double const x = mean + sd * z(); x >= 0.0) return x;
  return std::max(0.0, mean);
}

/// Lower L with L L' = covariance; a parameter at its bound has variance 0 and gets a row of zeros.
Eigen::MatrixXd root_of(Eigen::MatrixXd const& covariance) {
  Eigen::MatrixXd root = Eigen::MatrixXd::Zero(covariance.rows(), covariance.cols());
  for (Eigen::Index j = 0; j < root.cols(); ++j) {
    double const pivot = covariance(j, j) - root.row(j).squaredNorm();
    if (pivot <= 1e-14 * covariance(j, j)) continue;
    root(j, j) = std::sqrt(pivot);
    for (Eigen::Index i = j + 1; i < root.rows(); ++i)
      root(i, j) = (covariance(i, j) - root.row(i).dot(root.row(j))) / root(j, j);
  }
  return root;
}

Eigen::VectorXd positive(Estimate const& e, Normals const& z) {
  Eigen::MatrixXd const root = root_of(e.covariance);
  for (int attempt = 0; attempt < 100; ++attempt) {
    Eigen::VectorXd x = e.value;
    for (Eigen::Index j = 0; j < x.size(); ++j) x += z() * root.col(j);
    if ((x.array() >= 0.0).all()) return x;
  }
  return e.value;
}

double bandwidth_of(double beta) { return beta > 0.0 ? 1.0 / beta : 0.0; }

void draw_network(Estimate const& estimate, StepParameters& p, Normals const& z) {
  auto const link = positive(estimate, z);
  p.intra_latency_s = link(0);
  p.intra_bandwidth_Bps = bandwidth_of(link(1));
  bool const inside = link(0) > 0.0 || link(1) > 0.0, between = link(2) > 0.0 || link(3) > 0.0;
  if (between) {
    p.inter_latency_s = link(2);
    p.inter_bandwidth_Bps = bandwidth_of(link(3));
    if (!inside) p.intra_latency_s = p.inter_latency_s, p.intra_bandwidth_Bps = p.inter_bandwidth_Bps;
  } else {
    p.inter_latency_s = p.intra_latency_s * std::exp(assumed_link_log_sd * z());
    p.inter_bandwidth_Bps = p.intra_bandwidth_Bps * std::exp(assumed_link_log_sd * z());
  }
}

/// True rate over counted rate, n having been counted: gamma of n + 1/2 (Jeffreys) by Wilson and Hilferty's cube root
/// (PNAS 17 (1931) 684-688); 1 at the centre.
double relative_count(int n, Normals const& z) {
  double const shape = n + 0.5, cube = 1.0 - 1.0 / (9.0 * shape), x = z();
  return std::pow(std::max(0.0, cube + x / (3.0 * std::sqrt(shape))) / cube, 3.0);
}

/// One point of the posterior, before whole steps adjust it; the central one where z is always 0.
StepParameters draw_parameters(Evidence const& e, Normals const& z) {
  StepParameters p = e.base;
  p.serial_s = positive(e.serial.value, e.serial.standard_error, z);
  auto const compute = positive(e.compute.estimate, z);
  p.compute_fixed_s = compute(0);
  p.compute_per_sample_s = compute(1);
  p.compute_floor_s = compute(2);
  if (e.allreduce) draw_network(*e.allreduce, p, z);
  auto cv = [&](double value, int n) { return positive(value, n > 0 ? value / std::sqrt(2.0 * n) : 0.0, z); };
  auto const& v = e.variability;
  p.noise_cv = cv(v.noise_cv, v.noise_n);
  // What the workers of several nodes share is the step's; on one node it may as well be the node's, which costs more.
  (e.several_nodes ? p.noise_step_cv : p.noise_node_cv) = cv(v.shared_cv, v.shared_n);
  p.noise_run_cv = cv(e.run_cv, e.run_n);
  p.imbalance_cv = cv(v.imbalance_cv, v.imbalance_n);
  p.imbalance = model::Imbalance::per_run;
  p.hop_jitter_cv = cv(e.hop_jitter.cv, e.hop_jitter.n);
  p.straggler_spread_cv = std::min(10.0, v.straggler_spread_cv);
  if (v.straggler_n > 0) {
    p.straggler_probability = std::min(1.0, v.straggler_probability * relative_count(v.straggler_n, z));
    // A single straggler says nothing of the spread: that of an exponential is taken for its error.
    double const spread = v.straggler_n > 2 ? p.straggler_spread_cv : 1.0, excess = v.straggler_slowdown - 1.0;
    p.straggler_slowdown = 1.0 + positive(excess, excess * spread / std::sqrt(v.straggler_n), z);
  }
  if (e.contention) {
    auto const& c = *e.contention;
    double const in_node = 1.0 - 1.0 / c.workers, batch = model::effective_batch(p, c.local_batch);
    auto const draw = [&](Mean const& mean) { return positive(std::max(0.0, mean.value), mean.standard_error, z); };
    p.extra_in_node_per_sample_s = draw(c.compute) / (in_node * batch);
    p.extra_in_node_s = draw(c.serial) / in_node;
  }
  p.discrepancy_log_growth = default_discrepancy * z();
  for (auto const& point : e.steps) p.discrepancy_from_ranks = std::max(p.discrepancy_from_ranks, point.ranks);
  return p;
}

StepParameters central_parameters(Evidence const& e, SlowestMean const& slowest) {
  auto p = draw_parameters(e, [] { return 0.0; });
  auto rest_s = beyond(p, slowest, e.steps);
  adjust_serial(p, rest_s, e.steps);
  for (auto const& law : fit_residuals(rest_s, e.steps))
    if (law.growth) p.*(law.growth->member) += law.weight * law.amplitude;
  return p;
}

/// A draw fits its own residuals to steps drawn within their errors, so that components and residuals stay correlated:
/// where components are drawn high, the rest is low, and the measured K keep their times.
StepParameters posterior_draw(Evidence const& e, SlowestMean const& slowest, std::uint64_t seed, int index) {
  std::uint64_t count = 0;
  auto const z = [&] { return random_normal(seed, static_cast<std::uint64_t>(index), count++); };
  auto p = draw_parameters(e, z);
  auto steps = e.steps;
  for (auto& point : steps) point.time.value = positive(point.time.value, point.time.standard_error, z);
  auto rest_s = beyond(p, slowest, steps);
  adjust_serial(p, rest_s, steps);
  double chosen = random_uniform(seed, static_cast<std::uint64_t>(index), count);
  for (auto const& law : fit_residuals(rest_s, steps)) {
    if ((chosen -= law.weight) > 0.0) continue;
    if (law.growth) p.*(law.growth->member) += law.amplitude;
    break;
  }
  return p;
}

void explain(model::Model& m, Evidence const& e, std::vector<std::string>& messages) {
  using model::Source;
  auto set = [&](std::string const& name, Source source, bool identified, std::string note) {
    m.knowledge[name] = {.source = source, .sd = 0.0, .identified = identified, .note = std::move(note)};
  };
  bool const has_steps = !e.steps.empty();
  set("serial", has_steps ? Source::fitted : Source::measured, true,
      has_steps ? "measured alone, then moved by what one worker's whole step takes beyond its components"
                : "measured alone");
  for (char const* name : {"compute.fixed", "compute.per_sample", "compute.floor"})
    set(name, Source::measured, e.compute.identified, e.compute.note);
  if (!e.compute.identified) messages.push_back("compute: " + e.compute.note);
  set("gradient_bytes", Source::imported, true, "the workload's");
  set("network.workers_per_node", Source::imported, true, "this machine's");
  if (e.allreduce) {
    auto const& link = e.allreduce->value;
    bool const between = link(2) > 0.0 || link(3) > 0.0;
    std::string const fit = "ring all-reduce, exact at the step's own message; other sizes miss by " +
                            std::to_string(100.0 * e.allreduce->misfit).substr(0, 4) + " %";
    for (char const* name : {"network.intra.latency", "network.intra.bandwidth_Bps"})
      set(name, Source::measured, true, fit);
    for (char const* name : {"network.inter.latency", "network.inter.bandwidth_Bps"})
      set(name, between ? Source::measured : Source::assumed, between,
          between ? fit : "no all-reduce between nodes was measured: taken as inside one");
    if (!between)
      messages.push_back(
          "network between nodes: not measured, taken as inside one node and widened. Set network.inter.* to your "
          "network?");
  } else {
    for (char const* name : {"network.intra.latency", "network.intra.bandwidth_Bps", "network.inter.latency",
                             "network.inter.bandwidth_Bps"})
      set(name, Source::assumed, false, "no all-reduce was measured: communication costs nothing here");
    messages.push_back(
        "all-reduce: not measured (a ring needs two ranks), so communication costs nothing in this Model. Set "
        "network.*, or measure with more ranks?");
  }
  set("network.reduce_s_per_byte", Source::assumed, false,
      "always half as long as the bytes take to move: inside the bandwidth");
  if (e.base.overlap_fraction > 0.0)
    for (char const* name : {"overlap.fraction", "overlap.buckets"})
      set(name, Source::measured, true, "communication that ran under compute, in a trace");
  set("variability.noise.cv", Source::measured, true, "spread between workers of one step");
  if (e.several_nodes)
    set("variability.noise.step_cv", Source::measured, true, "shared by workers of several nodes");
  else
    set("variability.noise.node_cv", Source::measured, false,
        "shared by the workers of this machine: one machine cannot tell node from step");
  set("variability.imbalance.cv", Source::measured, e.variability.imbalance_n > 0,
      e.variability.imbalance_n > 0 ? "how the workers of a run differ, all its timings long"
                                    : "workers of a run do not differ by more than noise makes them");
  set("variability.hop_jitter.cv", Source::measured, e.hop_jitter.n > 0,
      e.hop_jitter.n > 0 ? "how far apart the ranks of a ring end" : "no all-reduce has a row for each rank");
  set("variability.noise.run_cv", e.run_n > 0 ? Source::measured : Source::assumed, e.run_n > 0,
      e.run_n > 0 ? "spread between runs of whole steps" : "no repeated runs");
  for (char const* name :
       {"variability.stragglers.probability", "variability.stragglers.slowdown", "variability.stragglers.spread_cv"})
    set(name, Source::measured, e.variability.straggler_n >= 5,
        std::to_string(e.variability.straggler_n) + " of " + std::to_string(e.variability.worker_steps) +
            " worker steps straggled");
  bool const multi = std::any_of(e.steps.begin(), e.steps.end(), [](auto const& s) { return s.ranks > 1.0; });
  if (e.contention)
    for (char const* name : {"extra.in_node_per_sample", "extra.in_node"})
      set(name, Source::measured, true,
          std::to_string(static_cast<int>(e.contention->workers)) +
              " workers of a node side by side: what each takes beyond one alone");
  if (multi) set("extra.multi", Source::fitted, true, "what whole steps take beyond components");
  set("discrepancy.log_growth", Source::assumed, false, "how published fits of few points err");
}

/// Central values need not be the draws' mean (bounds, mixtures), but their spread is the posterior's.
void set_spread(model::Model& m) {
  for (auto const& info : model::parameter_table()) {
    std::vector<double> values;
    for (auto const& draw : m.draws) values.push_back(draw.*(info.member));
    double const sd = data::summarize(values).sd;
    if (sd > 1e-12 * std::abs(m.parameters.*(info.member))) m.knowledge[std::string(info.name)].sd = sd;
  }
}

}  // namespace

FitResult fit_components(data::Study const& components, data::Study const& steps, FitOptions const& options) {
  FitResult result;
  auto& m = result.model;
  m.workload = components.find("workload").value_or("");
  m.regime = steps.samples.empty() ? components.regime() : steps.regime();
  m.global_batch = components.find_number("global_batch").value_or(1.0);
  for (auto const& row : steps.steps())
    if (row.ranks == 1 && row.global_batch) m.global_batch = *row.global_batch;
  auto const evidence = read_evidence(components, steps, m.global_batch);

  SlowestMean const slowest;
  m.parameters = central_parameters(evidence, slowest);
  for (int i = 0; i < options.draws; ++i) m.draws.push_back(posterior_draw(evidence, slowest, options.seed, i));
  explain(m, evidence, result.messages);
  set_spread(m);
  for (auto const& point : evidence.steps)
    result.points.push_back({.ranks = point.ranks,
                             .global_batch = point.batch,
                             .runs = point.runs,
                             .measured_s = point.time.value,
                             .fitted_s = mean_step_s(slowest, m.parameters, point.ranks, point.batch),
                             .weight = 1.0,
                             .flag = {}});
  return result;
}

}  // namespace kurve::calibrate
