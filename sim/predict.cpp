// SPDX-License-Identifier: Apache-2.0
#include "sim/predict.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "data/philox.hpp"
#include "model/bounds.hpp"
#include "model/contract.hpp"
#include "model/error.hpp"
#include "model/ring_jitter.hpp"
#include "sim/draws.hpp"
#include "sim/slowest.hpp"

namespace kurve::sim {
namespace {

/// Lattice where variability differs from draw to draw; what it errs by at the central parameters is divided out. What
/// is left is under 3e-4 of T, where the draws themselves differ by percents; twice as many points take twice as long.
constexpr int coarse_points = 256;

/// The slowest worker at each target for one parameter vector, kept while the variability stays the same from draw to
/// draw.
class SlowestAtTargets {
 public:
  SlowestAtTargets(std::span<Target const> targets, model::StepParameters const& central, StepLaw const& law)
      : targets_(targets), central_(central), last_(central) {
    for (auto const& target : targets) {
      max_ranks_ = std::max(max_ranks_, target.ranks);
      exact_.push_back(law.slowest(target.ranks));
    }
    slowest_ = exact_;
  }
  std::vector<SlowestValues> const& operator()(model::StepParameters const& p) {
    if (same_variability(p, last_)) return slowest_;
    last_ = p;
    if (same_variability(p, central_)) return slowest_ = exact_;
    auto const means = coarse(p);
    if (central_coarse_.empty()) central_coarse_ = coarse(central_);
    for (std::size_t i = 0; i < slowest_.size(); ++i)
      slowest_[i] = stretched(exact_[i], means[i] * exact_[i].mean / central_coarse_[i]);
    return slowest_;
  }

 private:
  [[nodiscard]] std::vector<double> coarse(model::StepParameters const& p) const {
    SlowestWorker const slowest(p, max_ranks_, SlowestWorker::Include::imbalance, coarse_points);
    std::vector<double> means;
    for (auto const& target : targets_) means.push_back(slowest.mean(target.ranks));
    return means;
  }

  std::span<Target const> targets_;
  double max_ranks_ = 1.0;
  model::StepParameters const& central_;
  model::StepParameters last_;
  std::vector<SlowestValues> exact_, slowest_;
  std::vector<double> central_coarse_;
};

/// Factor on T of `runs` new runs: their noise, and the misfit of one configuration. Those of different K are
/// independent (a misfit is taken from another draw for each K).
double of_new_runs(model::Model const& model, model::StepParameters const& p, double ranks,
                   PredictOptions const& options, std::uint32_t draw) {
  if (!std::isfinite(options.runs)) return 1.0;
  auto const number = static_cast<std::uint32_t>(ranks);
  double factor = 1.0;
  if (p.discrepancy_configuration_log != 0.0)
    factor = std::exp(draw_parameters(model, draw + 7919u * number, options.seed).discrepancy_configuration_log);
  if (p.noise_run_cv > 0.0) {
    double const u = data::uniforms(options.seed, draw, number, 0, data::Stream::run_noise).first;
    factor *= model::quantile(model::factor_law(model::Shape::lognormal, p.noise_run_cv / std::sqrt(options.runs)), u,
                              1.0 - u);
  }
  return factor;
}

}  // namespace

void require_time(double time_s, Target target) {
  if (std::isfinite(time_s)) return;
  std::ostringstream text;
  text << "T(K = " << target.ranks
       << ") is beyond all numbers (what the Model says of a parameter, or of its "
          "uncertainty, is out of all proportion). Correct the Model, or set the parameter.";
  throw InputError(text.str());
}

std::vector<std::vector<double>> predict(model::Model const& model, std::span<Target const> targets,
                                         PredictOptions const& options) {
  double max_ranks = 1.0;
  for (auto const& target : targets) max_ranks = std::max(max_ranks, target.ranks);
  return predict_draws(model, targets, options, StepLaw(model.parameters, max_ranks)).run_s;
}

PredictedDraws predict_draws(model::Model const& model, std::span<Target const> targets, PredictOptions const& options,
                             StepLaw const& central) {
  KURVE_EXPECT(options.draws >= 1 && options.runs > 0.0);
  PredictedDraws draws;
  draws.mean_s.assign(targets.size(), std::vector<double>(static_cast<std::size_t>(options.draws)));
  draws.run_s = draws.mean_s;
  SlowestAtTargets slowest(targets, model.parameters, central);
  for (std::size_t d = 0; d < static_cast<std::size_t>(options.draws); ++d) {
    auto const draw = static_cast<std::uint32_t>(d);
    auto const p = draw_parameters(model, draw, options.seed);
    auto const& slowest_of = slowest(p);
    for (std::size_t i = 0; i < targets.size(); ++i) {
      auto const t = model::jittered_step_time(p, targets[i].ranks, targets[i].global_batch);
      double const k = targets[i].ranks;
      double const mean_s =
          mean_step_s(t, slowest_of[i]) * std::exp(model::discrepancy_log(p, k, targets[i].global_batch / k));
      require_time(mean_s, targets[i]);
      draws.mean_s[i][d] = std::max(mean_s, model::shortest_s);  // a fit may leave a draw nothing: E stays a number
      draws.run_s[i][d] = draws.mean_s[i][d] * of_new_runs(model, p, k, options, draw);
    }
  }
  return draws;
}

}  // namespace kurve::sim
