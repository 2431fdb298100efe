// SPDX-License-Identifier: Apache-2.0
#include "sim/predict.hpp"

#include <algorithm>
#include <cmath>

#include "data/philox.hpp"
#include "model/contract.hpp"
#include "sim/draws.hpp"
#include "sim/expected.hpp"
#include "sim/slowest.hpp"

namespace kurve::sim {
namespace {

/// Where variability differs from draw to draw: errs by some 1e-4 of T, far below what parameters do to it.
constexpr int coarse_points = 1024;

/// E[M] at each target for one parameter vector, kept while the variability stays the same from draw to draw.
class SlowestAtTargets {
 public:
  SlowestAtTargets(std::span<Target const> targets, model::StepParameters const& central) : targets_(targets), central_(central) {
    for (auto const& target : targets) max_ranks_ = std::max(max_ranks_, target.ranks);
  }
  std::vector<double> const& operator()(model::StepParameters const& p) {
    if (!means_.empty() && same_variability(p, last_)) return means_;
    last_ = p;
    means_.clear();
    if (same_variability(p, central_)) {  // the very numbers of expected_step
      for (auto const& target : targets_) means_.push_back(SlowestWorker(p, target.ranks).mean(target.ranks));
      return means_;
    }
    SlowestWorker const slowest(p, max_ranks_, SlowestWorker::Include::imbalance, coarse_points);
    for (auto const& target : targets_) means_.push_back(slowest.mean(target.ranks));
    return means_;
  }

 private:
  std::span<Target const> targets_;
  double max_ranks_ = 1.0;
  model::StepParameters const& central_;
  model::StepParameters last_;
  std::vector<double> means_;
};

/// Factor on T of what the model does not know at the target, and of measuring the mean of `runs` new runs there.
double unexplained(model::StepParameters const& p, Target const& target, PredictOptions const& options, std::uint32_t draw) {
  double const beyond = std::exp(model::discrepancy_log(p, target.ranks, target.global_batch / target.ranks));
  if (!std::isfinite(options.runs)) return beyond;
  double const configuration = std::exp(p.discrepancy_configuration_log);
  if (!(p.noise_run_cv > 0.0)) return beyond * configuration;
  double const u = data::uniforms(options.seed, draw, static_cast<std::uint32_t>(target.ranks), 0, data::Stream::run_noise).first;
  return beyond * configuration *
         model::quantile(model::factor_law(model::Shape::lognormal, p.noise_run_cv / std::sqrt(options.runs)), u, 1.0 - u);
}

}  // namespace

std::vector<std::vector<double>> predict(model::Model const& model, std::span<Target const> targets, PredictOptions const& options) {
  KURVE_EXPECT(options.draws >= 1 && options.runs > 0.0);
  std::vector<std::vector<double>> times_s(targets.size(), std::vector<double>(static_cast<std::size_t>(options.draws)));
  SlowestAtTargets slowest(targets, model.parameters);
  for (std::size_t d = 0; d < static_cast<std::size_t>(options.draws); ++d) {
    auto const draw = static_cast<std::uint32_t>(d);
    auto const p = draw_parameters(model, draw, options.seed);
    auto const& slowest_of = slowest(p);
    for (std::size_t i = 0; i < targets.size(); ++i) {
      auto const t = jittered_step_time(p, targets[i].ranks, targets[i].global_batch);
      double const mean_s = t.serial_s + t.compute_s * slowest_of[i] + t.exposed_comm_s;
      times_s[i][d] = mean_s * unexplained(p, targets[i], options, draw);
    }
  }
  return times_s;
}

}  // namespace kurve::sim
