// SPDX-License-Identifier: Apache-2.0
#include "sim/advise.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "data/quantity_text.hpp"
#include "model/contract.hpp"
#include "model/error.hpp"
#include "sim/draws.hpp"
#include "sim/preposterior.hpp"

namespace kurve::sim {
namespace {

using model::Model;
using model::StepParameters;

struct Candidate {
  std::string what;
  double workers = 1.0;  ///< that it takes
  std::vector<Observable> observables;
  std::vector<double> log_target;  ///< [draws] log T(target) as a fit with this measurement would have it
};

/// At most four significant digits, whole numbers in full.
std::string short_text(double value) {
  if (value >= 1000.0) return data::number_text(std::round(value));
  double const scale = std::pow(10.0, 3.0 - std::floor(std::log10(value)));
  return data::number_text(std::round(value * scale) / scale);
}

double mean_of(std::vector<StepParameters> const& draws, auto&& f) {
  double sum = 0.0;
  for (auto const& p : draws) sum += f(p);
  return sum / static_cast<double>(draws.size());
}

class Candidates {
 public:
  Candidates(Model const& model, Target target, AdviseOptions const& options)
      : options_(options), target_(target), model_(model) {
    model_.draws.clear();
    for (std::uint32_t d = 0; d < static_cast<std::uint32_t>(options.draws); ++d)
      model_.draws.push_back(draw_parameters(model, d, options.seed));
    core_ = model_;  // the same without what the formula does not hold
    for (auto& p : core_.draws)
      p.discrepancy_log_growth = p.discrepancy_exposed_log_growth = p.discrepancy_configuration_log = p.noise_run_cv =
          0.0;
    log_target_ = predict(model_, std::span(&target, 1), {.draws = options.draws, .seed = options.seed})[0];
    for (double& t : log_target_) t = std::log(t);

    auto const& draws = model_.draws;
    run_cv_ = mean_of(draws, [](auto const& p) { return p.noise_run_cv; });
    if (!(run_cv_ > 0.0)) run_cv_ = options.component_cv;
    misfit_sd_ = std::sqrt(mean_of(draws, [](auto const& p) { return std::pow(p.discrepancy_configuration_log, 2); }));
    measured_.ranks = std::max(draws[0].discrepancy_from_ranks, model_.baseline_ranks);
    double const local = draws[0].discrepancy_from_batch;
    measured_.global_batch = local > 0.0 ? local * measured_.ranks : model_.batch_at(measured_.ranks);
  }

  std::vector<double> const& log_target() const { return log_target_; }

  std::vector<Candidate> all() {
    double const k = measured_.ranks, local = measured_.global_batch / k, wanted = target_.global_batch / target_.ranks;
    for (double const factor : {2.0, 4.0}) {
      double const larger = factor * k;
      if (larger >= target_.ranks) break;
      if (model_.regime != model::Regime::weak) whole_step({larger, target_.global_batch});
      if (model_.regime != model::Regime::strong) whole_step({larger, wanted * larger});
    }
    for (double const other : {0.5 * local, 2.0 * local, wanted})
      if (std::abs(other / local - 1.0) > 0.01) whole_step({k, other * k});
    repeat(measured_);
    Target const baseline{model_.baseline_ranks, model_.global_batch};
    if (baseline.ranks != k) repeat(baseline);
    component("the serial part alone (optimizer and host work)", 1.0, [](auto const& p) { return p.serial_s; });
    component("compute alone on one worker at a local batch of " + short_text(wanted), 1.0,
              [&](auto const& p) { return model::compute_time_s(p, wanted); });
    sweeps();
    return std::move(found_);
  }

 private:
  /// log of a time in each draw; a thousandth of the target's step keeps a part that may be nothing from having a log
  /// of -inf.
  [[nodiscard]] std::vector<double> log_of(std::vector<double> times_s) const {
    double const least_s = 1e-3 * std::exp(log_target_[0]);
    for (double& t : times_s) t = std::log(t + least_s);
    return times_s;
  }

  /// Mean of `runs` at a point, less the misfit of its configuration; a measurement beyond the measured range has the
  /// drift up to there in it.
  Candidate whole(Target at, double noise_sd, std::string what) const {
    bool const beyond =
        at.ranks > measured_.ranks || (at.ranks == measured_.ranks && at.global_batch < measured_.global_batch);
    auto seen =
        predict(core_, std::span(&at, 1),
                {.draws = options_.draws, .seed = options_.seed, .runs = std::numeric_limits<double>::infinity()})[0];
    Candidate c{.what = std::move(what), .workers = at.ranks, .observables = {}, .log_target = log_target_};
    auto const& draws = model_.draws;
    double const local = at.global_batch / at.ranks, wanted = target_.global_batch / target_.ranks;
    for (std::size_t d = 0; d < draws.size(); ++d) {
      double const drift = model::discrepancy_log(draws[d], at.ranks, local);
      seen[d] = std::log(seen[d]) + drift;
      if (!beyond) continue;
      auto rest = draws[(d + draws.size() / 2) % draws.size()];  // its drift is another one
      rest.discrepancy_from_ranks = at.ranks;
      if (rest.discrepancy_from_batch > 0.0) rest.discrepancy_from_batch = local;
      c.log_target[d] += drift + model::discrepancy_log(rest, target_.ranks, wanted) -
                         model::discrepancy_log(draws[d], target_.ranks, wanted);
    }
    c.observables.push_back({std::move(seen), noise_sd});
    return c;
  }

  [[nodiscard]] std::string point_text(Target at) const {
    return std::to_string(options_.runs) + (options_.runs == 1 ? " run" : " runs") + " at K = " + short_text(at.ranks) +
           " with B = " + short_text(at.global_batch);
  }

  void whole_step(Target at) {
    auto const what = point_text(at);
    for (auto const& c : found_)
      if (c.what == what) return;
    found_.push_back(whole(at, std::hypot(run_cv_ / std::sqrt(options_.runs), misfit_sd_), what));
  }

  void repeat(Target at) {
    double const shared = misfit_sd_ * misfit_sd_, run = run_cv_ * run_cv_;
    double const more =
        1.0 / (shared + run / (1.0 + options_.runs)) - 1.0 / (shared + run);  // information added [1 / variance]
    found_.push_back(whole(at, 1.0 / std::sqrt(more), point_text(at) + " again"));
  }

  void component(std::string what, double workers, std::function<double(StepParameters const&)> const& time_s,
                 double noise_sd = 0.0) {
    std::vector<double> seen;
    for (auto const& p : model_.draws) seen.push_back(time_s(p));
    double const noise = noise_sd > 0.0 ? noise_sd : std::hypot(options_.component_cv, misfit_sd_);
    found_.push_back({std::move(what), workers, {{log_of(std::move(seen)), noise}}, log_target_});
  }

  /// All-reduce of the gradients, on 2 nodes, and on 2 and 4: what the network costs whatever the batch. In a Model
  /// without a network these are the exposed terms without skew and without what grows with the batch, which the
  /// collective alone does not show.
  void sweeps() {
    bool const network =
        mean_of(model_.draws, [](auto const& p) { return model::allreduce_time_s(p, 2.0 * p.workers_per_node); }) > 0.0;
    double const noise = network ? options_.component_cv : options_.overlap_cv;
    double const node = model_.draws[0].workers_per_node;
    std::vector<Observable> on_nodes;
    for (double const nodes : {2.0, 4.0}) {
      double const k = nodes * node;
      if (k > 4.0 * measured_.ranks) break;
      std::string const what = std::string("an all-reduce sweep on ") + (nodes == 2.0 ? "2" : "2 and 4") +
                               (node > 1.0 ? " nodes" : " workers");
      component(
          what, k,
          [&](StepParameters const& p) {
            if (network) return model::allreduce_time_s(p, k);
            auto q = p;
            q.extra_in_node_per_sample_s = q.extra_cross_node_per_sample_s = q.skew_normal_per_sample_s =
                q.skew_log_per_sample_s = q.skew_pareto_per_sample_s = 0.0;
            return model::extra_time_s(q, k, target_.global_batch / target_.ranks);
          },
          noise);
      auto& added = found_.back().observables;
      on_nodes.push_back(added[0]);
      added = on_nodes;
    }
  }

  AdviseOptions options_;
  Target target_, measured_;  ///< measured_: the largest K
  Model model_, core_;        ///< with draws
  std::vector<double> log_target_;
  double run_cv_ = 0.0, misfit_sd_ = 0.0;
  std::vector<Candidate> found_;
};

std::string sentence_of(std::string const& what, double gain, Target target, double confidence) {
  std::string text = what;
  text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  std::string const interval = " the " + data::number_text(std::round(1000.0 * confidence) / 10.0) +
                               " % interval of T at K = " + short_text(target.ranks);
  if (gain < worthwhile_gain) return text + " would not narrow" + interval + " by much.";
  if (gain >= 0.45 && gain < 0.55) return text + " would about halve" + interval + ".";
  return text + " would narrow" + interval + " by about " + std::to_string(std::lround(100.0 * gain)) + " %.";
}

}  // namespace

std::vector<Advice> advise(Model const& model, Target target, AdviseOptions const& options) {
  KURVE_EXPECT(options.draws >= 100 && options.outcomes >= 1 && options.runs >= 1 && options.component_cv > 0.0 &&
               options.overlap_cv > 0.0);
  if (!(target.ranks >= 1.0)) throw InputError("K=" + data::number_text(target.ranks) + " (must be at least 1)");
  if (!(target.global_batch > 0.0))
    throw InputError("global_batch=" + data::number_text(target.global_batch) + " (must be positive)");
  Candidates candidates(model, target, options);
  double const before = interval_width(candidates.log_target(), {}, options.confidence);
  struct Ranked {
    Advice advice;
    double workers;
    long steps;  ///< of 2 % of the width
  };
  std::vector<Ranked> ranked;
  for (auto const& c : candidates.all()) {
    double const after =
        expected_width(c.log_target, c.observables,
                       {.confidence = options.confidence, .outcomes = options.outcomes, .seed = options.seed});
    double const gain = before > 0.0 ? std::max(0.0, 1.0 - after / before) : 0.0;
    ranked.push_back(
        {{c.what, gain, sentence_of(c.what, gain, target, options.confidence)}, c.workers, std::lround(50.0 * gain)});
  }
  std::stable_sort(ranked.begin(), ranked.end(), [](Ranked const& a, Ranked const& b) {
    return a.steps != b.steps ? a.steps > b.steps : a.workers < b.workers;
  });
  std::vector<Advice> advice;
  for (auto& r : ranked) advice.push_back(std::move(r.advice));
  return advice;
}

}  // namespace kurve::sim
