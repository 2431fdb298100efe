// SPDX-License-Identifier: Apache-2.0
#include "calibrate/backend_synthetic.hpp"

#include <algorithm>
#include <cmath>

#include "calibrate/random.hpp"
#include "model/error.hpp"

namespace kurve::calibrate {
namespace {

class SyntheticBackend : public Backend {
 public:
  explicit SyntheticBackend(SyntheticTruth const& truth) : truth_(truth) {
    auto const& p = truth.parameters;
    info_ = {.name = "synthetic",
             .device = "known truth, seed " + std::to_string(truth.seed),
             .workload = "synthetic step",
             .max_ranks = truth.max_ranks,
             .workers_per_node = static_cast<int>(std::lround(p.workers_per_node)),
             .gradient_bytes = std::llround(p.gradient_bytes),
             .algorithms = {"ring"}};
  }

  BackendInfo const& info() const override { return info_; }

  void begin_run(std::uint64_t seed) override {
    run_factor_ = lognormal_at(truth_.parameters.noise_run_cv, run_stream, seed);
    cold_ = true;
  }

  double time_sleep(Seconds length) override { return pass(length.count() + truth_.sleep_bias_s); }

  std::vector<double> time_serial(int ranks, int repeats) override {
    return same_on_all(ranks,
                       repeats * truth_.parameters.serial_s * run_factor_ * lognormal(truth_.component_noise_cv));
  }

  std::vector<double> time_compute(int ranks, int local_batch, int repeats) override {
    std::vector<double> times = compute_times(ranks, local_batch);
    for (auto& t : times) t *= repeats;
    pass(*std::max_element(times.begin(), times.end()));
    return times;
  }

  std::vector<double> time_allreduce(Collective const& c, int repeats) override {
    double const one_s = model::one_allreduce_s(truth_.parameters, c.ranks, static_cast<double>(c.message.count));
    return same_on_all(c.ranks, repeats * one_s * lognormal(truth_.component_noise_cv));
  }

  void verify_allreduce(Collective const&) override {}

  std::vector<RankStep> time_step(int ranks, int local_batch) override {
    auto const& p = truth_.parameters;
    auto const compute = compute_times(ranks, local_batch);
    double const slowest = *std::max_element(compute.begin(), compute.end());
    auto t = model::step_time(p, ranks, static_cast<double>(local_batch) * ranks);
    t.stretch_communication(lognormal(truth_.component_noise_cv));
    double const exposed = t.phases * t.pipeline.exposed_s(slowest / t.phases) + t.extra_s;
    double const total = p.serial_s * run_factor_ * lognormal(truth_.component_noise_cv) + slowest + exposed;
    std::vector<RankStep> result;
    for (double const c : compute)
      result.push_back(
          {.step_s = total * drift(), .compute_s = c * drift(), .comm_s = (slowest - c + exposed) * drift()});
    pass(total);
    return result;
  }

  double now_s() const override { return now_; }

 private:
  enum : std::uint64_t { noise_stream, run_stream };

  /// Mean 1, relative standard deviation cv.
  double lognormal_at(double cv, std::uint64_t stream, std::uint64_t index) const {
    if (cv <= 0.0) return 1.0;
    double const variance = std::log1p(cv * cv);
    return std::exp(std::sqrt(variance) * random_normal(truth_.seed, stream, index) - variance / 2.0);
  }
  double lognormal(double cv) { return lognormal_at(cv, noise_stream, draw_++); }
  double uniform() { return random_uniform(truth_.seed, noise_stream, draw_++); }

  double drift() const { return 1.0 + truth_.drift_per_s * now_; }
  double pass(double seconds) {
    seconds *= drift();
    now_ += seconds;
    return seconds;
  }
  std::vector<double> same_on_all(int ranks, double seconds) {
    return std::vector<double>(static_cast<std::size_t>(ranks), pass(seconds));
  }

  std::vector<double> compute_times(int ranks, int local_batch) {
    auto const& p = truth_.parameters;
    double const shared = run_factor_ * lognormal(p.noise_step_cv) * (cold_ ? truth_.cold_start_factor : 1.0);
    cold_ = false;
    std::vector<double> times;
    for (int rank = 0; rank < ranks; ++rank) {
      double factor = shared * lognormal(p.noise_cv);
      if (p.straggler_probability > 0.0 && uniform() < p.straggler_probability)
        factor *= 1.0 - (p.straggler_slowdown - 1.0) * std::log(uniform());
      times.push_back(factor * model::compute_time_s(p, local_batch));
    }
    return times;
  }

  SyntheticTruth truth_;
  BackendInfo info_;
  double run_factor_ = 1.0, now_ = 0.0;
  bool cold_ = true;
  std::uint64_t draw_ = 0;
};

}  // namespace

SyntheticTruth example_truth() {
  SyntheticTruth truth;
  auto& p = truth.parameters;
  p.serial_s = 2e-3;
  p.compute_fixed_s = 1e-3;
  p.compute_per_sample_s = 0.5e-3;
  p.gradient_bytes = 16e6;
  p.workers_per_node = 4;
  p.intra_latency_s = 50e-6;
  p.intra_bandwidth_Bps = 8e9;
  p.inter_latency_s = 300e-6;
  p.inter_bandwidth_Bps = 2e9;
  p.noise_cv = 0.02;
  truth.component_noise_cv = 0.02;
  truth.max_ranks = 8;
  return truth;
}

std::unique_ptr<Backend> make_synthetic_backend(SyntheticTruth const& truth) {
  if (truth.max_ranks < 1) throw InputError("ranks=" + std::to_string(truth.max_ranks) + " (must be at least 1)");
  model::check(truth.parameters);
  return std::make_unique<SyntheticBackend>(truth);
}

}  // namespace kurve::calibrate
