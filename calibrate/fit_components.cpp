// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include "calibrate/evidence.hpp"
#include "calibrate/fit.hpp"
#include "calibrate/random.hpp"
#include "calibrate/step_update.hpp"
#include "data/parallelism.hpp"
#include "data/stats.hpp"

namespace kurve::calibrate {
namespace {

using model::StepParameters;

/// Sd of log T one doubling of K beyond the measured, where no whole step says how well the components compose: 2- and
/// 3-point fits of published studies err 1 to 10 % over one or two doublings (MegaScale, NSDI'24, Table 2). Where whole
/// steps were measured it is how far the composition is from them.
constexpr double default_drift = 0.03;
/// Growth of that with the doublings: slower than a random walk's root.
constexpr double drift_power = 0.35;

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

void draw_network(Estimate const& estimate, StepParameters& p, Normals const& z) {
  auto const links = positive(estimate, z);
  set_links(p, links);
  if (shows_links_between_nodes(links)) return;
  p.inter_latency_s *= std::exp(assumed_link_log_sd * z());
  p.inter_bandwidth_Bps = std::min(std::max(p.intra_bandwidth_Bps, p.inter_bandwidth_Bps),
                                   p.inter_bandwidth_Bps * std::exp(assumed_link_log_sd * z()));
}

/// True rate over counted rate, n having been counted: gamma of n + 1/2 (Jeffreys) by Wilson and Hilferty's cube root
/// (PNAS 17 (1931) 684-688); 1 at the centre.
double relative_count(int n, Normals const& z) {
  double const shape = n + 0.5, cube = 1.0 - 1.0 / (9.0 * shape), x = z();
  return std::pow(std::max(0.0, cube + x / (3.0 * std::sqrt(shape))) / cube, 3.0);
}

/// How the workers of a run differ where none was timed beside others: persistent effects of healthy GPUs and nodes are
/// 0.2 to 2 % (FACTS D), unlike shares of data more.
constexpr double unseen_imbalance_cv = 0.01, unseen_imbalance_log_sd = 1.0;
bool unseen(Evidence const& e) { return e.allreduce_of_steps && e.variability.imbalance_n == 0; }

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
  double const waited = waits_for_noise(e) ? waited_share * v.noise_cv : 0.0;
  p.noise_cv =
      positive(v.noise_cv, std::hypot(v.noise_n > 0 ? v.noise_cv / std::sqrt(2.0 * v.noise_n) : 0.0, waited), z);
  // What the workers of several nodes share is the step's; on one node it may as well be the node's, which costs more.
  (e.several_nodes ? p.noise_step_cv : p.noise_node_cv) = cv(v.shared_cv, v.shared_n);
  p.noise_run_cv = cv(e.run_cv, e.run_n);
  p.imbalance_cv =
      unseen(e) ? unseen_imbalance_cv * std::exp(unseen_imbalance_log_sd * z()) : cv(v.imbalance_cv, v.imbalance_n);
  p.imbalance = model::Imbalance::per_run;
  if (e.hop_jitter.n > 0) {
    auto const variance = positive(e.hop_jitter.variance, z);
    p.hop_jitter_cv = std::sqrt(variance(0));
    p.hop_jitter_s = std::sqrt(variance(1));
  }
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
  p.discrepancy_power = drift_power;
  if (p.measured_allreduce) p.allreduce_error = z();
  for (auto const& point : e.steps) p.discrepancy_from_ranks = std::max(p.discrepancy_from_ranks, point.ranks);
  return p;
}

StepParameters central_parameters(Evidence const& e, StepUpdate const& update) {
  auto const before = draw_parameters(e, [] { return 0.0; });
  std::vector<double> times_s;
  for (auto const& point : e.steps) times_s.push_back(point.time.value);
  // The mean over the residual laws of every member that the update moves.
  std::vector<StepParameters> updated;
  for (std::size_t law = 0; law < update.law_weights().size(); ++law)
    updated.push_back(update(before, times_s, law, 0.0));
  auto p = before;
  for (auto const& info : model::parameter_table()) {
    auto const member = info.member;
    if (std::all_of(updated.begin(), updated.end(), [&](auto const& u) { return u.*member == before.*member; }))
      continue;
    p.*member = 0.0;
    for (std::size_t law = 0; law < updated.size(); ++law)
      p.*member += update.law_weights()[law] * updated[law].*member;
  }
  return p;
}

/// Components and steps both drawn within their errors and fitted anew: one draw of the posterior, in which the
/// measured K keep their times whatever the components were drawn to be.
StepParameters posterior_draw(Evidence const& e, StepUpdate const& update, double drift, std::uint64_t seed,
                              int index) {
  std::uint64_t count = 0;
  auto const z = [&] { return random_normal(seed, static_cast<std::uint64_t>(index), count++); };
  auto p = draw_parameters(e, z);
  p.discrepancy_log_growth = drift * z();
  // What a measured curve says of ranks beyond it, a law fitted to steps has to be told.
  if (e.allreduce_of_steps) p.discrepancy_exposed_log_growth = model::contention_log(z());
  std::vector<double> times_s;
  for (auto const& point : e.steps) times_s.push_back(positive(point.time.value, point.time.standard_error, z));
  double const prior_z = z();
  double chosen = random_uniform(seed, static_cast<std::uint64_t>(index), count);
  std::size_t law = 0;
  while (law + 1 < update.law_weights().size() && chosen > update.law_weights()[law])
    chosen -= update.law_weights()[law++];
  return update(p, times_s, law, prior_z);
}

/// Latency of a hop that whole steps alone hardly tell from skew, and which costs K times as much at K times the ranks:
/// NCCL's constants are 3 to 20 us (StepPrior::between_latency_s is of two hops), TCP through a kernel is tens of us.
constexpr Mean hop_latency{30e-6, 60e-6};
/// Sd of what workers wait for one another in these runs, as a share of compute: which ones they drew is not known.
constexpr double waited_compute_share = 0.02;

/// The ring that explains what whole steps at K > 1 take beyond one rank's: where no all-reduce was measured alone, and
/// the message is known.
void fit_allreduce_of_steps(Evidence& e) {
  if (e.allreduce || e.base.gradient_bytes <= 0.0) return;
  e.allreduce_of_steps = true;
  auto const alone = draw_parameters(e, [] { return 0.0; });
  StepUpdate const composed(e, alone);
  std::map<AllreduceKey, Mean> means;
  for (auto& point : e.steps) {
    if (point.ranks <= 1.0) continue;
    double const rest = point.time.value - composed.mean_step_s(alone, point.ranks, point.batch);
    double const compute_s = model::step_time(alone, 1.0, point.batch / point.ranks).compute_s;
    point.time.standard_error = std::hypot(point.time.standard_error, waited_compute_share * compute_s);
    if (rest > 0.0)
      means[{static_cast<int>(point.ranks), std::llround(e.base.gradient_bytes)}] = {rest, point.time.standard_error};
  }
  e.allreduce_of_steps = !means.empty();
  if (means.empty()) return;
  e.allreduce = fit_allreduce(means, static_cast<int>(e.base.workers_per_node), std::llround(e.base.gradient_bytes),
                              model::AllreduceAlgorithm::ring, hop_latency);
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
  if (e.serial_inside_compute) {
    for (char const* name : {"serial", "compute.fixed"})
      set(name, Source::measured, false, "steps of one rank tell only the sum of serial and compute.fixed");
    messages.push_back("serial and compute.fixed: steps of one rank tell only their sum, which is in compute.fixed");
  }
  if (!e.compute.identified) messages.push_back("compute: " + e.compute.note);
  set("gradient_bytes", Source::imported, true, "the workload's");
  if (e.allreduce || !e.base.measured_allreduce)
    set("network.workers_per_node", Source::imported, true, "this machine's");
  if (e.allreduce) {
    auto const& link = e.allreduce->value;
    bool const between = shows_links_between_nodes(link);
    StepParameters const& base = e.base;
    std::string const algorithm(
        std::find_if(model::choice_table().begin(), model::choice_table().end(), [](auto const& c) {
          return c.name == "network.allreduce";
        })->get(base));
    std::string const fit = e.allreduce_of_steps
                                ? "what whole steps at K > 1 take beyond one rank's, by the law of the ring"
                                : algorithm + " all-reduce, exact at the step's own message; other sizes miss by " +
                                      std::to_string(100.0 * e.allreduce->misfit).substr(0, 4) + " %";
    auto const source = e.allreduce_of_steps ? Source::fitted : Source::measured;
    for (char const* name : {"network.intra.latency", "network.intra.bandwidth_Bps"}) set(name, source, true, fit);
    for (char const* name : {"network.inter.latency", "network.inter.bandwidth_Bps"})
      set(name, between ? source : Source::assumed, between,
          between ? fit : "no all-reduce between nodes was measured: as networks usually are beside such links");
    if (!between)
      messages.push_back(
          "network between nodes: not measured, so taken as networks usually are beside such links, to a factor of 4 "
          "either way. Measure it, or set network.inter.* to yours?");
    if (e.base.measured_allreduce)
      set("network.allreduce_error", Source::measured, true,
          "of the measured curve, which times the step's all-reduces");
  } else if (!e.base.measured_allreduce) {
    for (char const* name : {"network.intra.latency", "network.intra.bandwidth_Bps", "network.inter.latency",
                             "network.inter.bandwidth_Bps"})
      set(name, Source::assumed, false, "no all-reduce was measured: communication costs nothing here");
    bool const multi = std::any_of(e.steps.begin(), e.steps.end(), [](auto const& s) { return s.ranks > 1.0; });
    messages.push_back(
        multi ? "all-reduce: not measured alone, so what steps at K > 1 take beyond one rank's has no law of its own. "
                "Give --assume gradient_bytes=BYTES, what a step sums, for the ring's law, or a log of the all-reduce?"
              : "all-reduce: not measured (a ring needs two ranks), so communication costs nothing in this Model. Set "
                "network.*, or measure with more ranks?");
  }
  set("network.reduce_s_per_byte", Source::assumed, false,
      "always half as long as the bytes take to move: inside the bandwidth");
  if (e.base.overlap_fraction > 0.0)
    for (char const* name : {"overlap.fraction", "overlap.buckets"})
      set(name, Source::measured, true, "communication that ran under compute, in a trace");
  set("variability.noise.cv", Source::measured, !e.serial_inside_compute,
      e.serial_inside_compute ? "spread between steps of one rank, taken as each worker's own"
                              : "spread between workers of one step");
  if (e.several_nodes)
    set("variability.noise.step_cv", Source::measured, true,
        e.variability.shared_n > 0 ? "shared by workers of several nodes"
                                   : "workers of a timing share no more than noise makes their means differ");
  else
    set("variability.noise.node_cv", Source::measured, false,
        "shared by the workers of this machine: one machine cannot tell node from step");
  set("variability.imbalance.cv", unseen(e) ? Source::assumed : Source::measured, e.variability.imbalance_n > 0,
      unseen(e)                       ? "typical of healthy workers: none was timed beside others"
      : e.variability.imbalance_n > 0 ? "how the workers of a run differ, all its timings long"
                                      : "workers of a run do not differ by more than noise makes them");
  for (char const* name : {"variability.hop_jitter.cv", "variability.hop_jitter.sd"})
    set(name, Source::measured, e.hop_jitter.n > 0,
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
  set("discrepancy.log_growth", multi ? Source::fitted : Source::assumed, false,
      multi ? "how far the composition is from the whole steps measured" : "how published fits of few points err");
  set("discrepancy.power", Source::assumed, true, "");
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

FitResult fit_components(data::Study const& components, data::Study const& steps, FitOptions const& options,
                         StepParameters const* network) {
  FitResult result;
  auto& m = result.model;
  m.workload = components.find("workload").value_or("");
  m.regime = steps.samples.empty() ? components.regime() : steps.regime();
  m.replica_workers = data::replica_workers(steps);
  m.global_batch = components.find_number("global_batch").value_or(1.0);
  for (auto const& row : steps.steps())
    if (row.ranks == 1 && row.global_batch) m.global_batch = *row.global_batch;
  auto evidence = read_evidence(components, steps, m.global_batch, network);
  if (network == nullptr) fit_allreduce_of_steps(evidence);
  if (!evidence.sweep.empty())
    evidence.base.measured_allreduce =
        model::make_allreduce_curve(draw_parameters(evidence, [] { return 0.0; }), evidence.sweep,
                                    evidence.algorithm_known ? std::optional(0.0) : std::nullopt);

  if (auto const& shape = evidence.variability.noise_shape)
    evidence.base.measured_noise = std::make_shared<model::MeasuredShape>(*shape);

  StepUpdate const update(evidence, draw_parameters(evidence, [] { return 0.0; }));
  m.parameters = central_parameters(evidence, update);
  auto const misfit = update.misfit_log(m.parameters);
  for (int i = 0; i < options.draws; ++i)
    m.draws.push_back(posterior_draw(evidence, update, misfit.value_or(default_drift), options.seed, i));
  explain(m, evidence, result.messages);
  set_spread(m);
  m.origin.known = true;
  for (auto const& point : evidence.steps) {
    m.origin.fitted.push_back({.ranks = point.ranks,
                               .global_batch = point.batch,
                               .runs = point.runs,
                               .measured_s = point.time.value,
                               .fitted_s = update.mean_step_s(m.parameters, point.ranks, point.batch),
                               .flag = {}});
    if (point.ranks == m.baseline_ranks && point.batch == m.global_batch) m.baseline_s = point.time.value;
  }
  return result;
}

}  // namespace kurve::calibrate
