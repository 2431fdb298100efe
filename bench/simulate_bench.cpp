// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <stdexcept>

#include "bench/peers.hpp"
#include "sim/hop_step.hpp"
#include "sim/instruction_sets.hpp"
#include "sim/ring.hpp"
#include "sim/simulate.hpp"
#include "sim/step.hpp"
#include "sim/trials.hpp"
// Highway after the list of instruction sets that Kurve leaves out.
#include <hwy/targets.h>

// One core by its CPU time, unless a line says otherwise. items_per_second counts what each line draws: workers,
// maxima, hops.

namespace {

using namespace kurve;

/// Lognormal workers, one in a thousand straggling half as slow again.
model::StepParameters workload() {
  return {.compute_per_sample_s = 1.0, .noise_cv = 0.1, .straggler_probability = 1e-3, .straggler_slowdown = 1.5};
}

void workers(benchmark::State& state) {
  sim::StepSampler const sampler(workload(), static_cast<double>(state.range(0)), 1.0, 1);
  std::uint32_t trial = 0;
  double step_s = 0.0;
  for (auto _ : state) {
    sampler.by_workers_s(trial++, {&step_s, 1});
    benchmark::DoNotOptimize(step_s);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

/// The same, held to AVX2 with FMA.
void workers_avx2(benchmark::State& state) {
  if ((hwy::SupportedTargets() & HWY_AVX2) == 0) return state.SkipWithError("this processor has no AVX2");
  hwy::SetSupportedTargetsForTest(HWY_AVX2);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  workers(state);
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

/// Wall clock, on as many threads as the second argument says.
void workers_threads(benchmark::State& state) {
  sim::StepSampler const sampler(workload(), static_cast<double>(state.range(0)), 1.0, 1);
  long const trials = 64;
  for (auto _ : state)
    benchmark::DoNotOptimize(sim::run_trials(
        trials, static_cast<int>(state.range(1)), 1,
        [&](std::uint32_t first, std::span<double> steps_s) { sampler.by_workers_s(first, steps_s); }, {}));
  state.SetItemsProcessed(state.iterations() * trials * state.range(0));
}

/// Thousands of maxima of `ranks` workers.
void maxima(benchmark::State& state, model::StepParameters const& p) {
  sim::StepSampler const sampler(p, static_cast<double>(state.range(0)), 1.0, 1);
  std::vector<double> steps_s(8192);
  std::uint32_t trial = 0;
  for (auto _ : state) {
    sampler.by_order_statistics_s(trial, steps_s);
    benchmark::DoNotOptimize(steps_s.data());
    trial += 8192;
  }
  state.SetItemsProcessed(state.iterations() * 8192);
}

void order_statistics(benchmark::State& state) { maxima(state, {.compute_per_sample_s = 1.0, .noise_cv = 0.1}); }
void order_statistics_stragglers(benchmark::State& state) { maxima(state, workload()); }

/// A curve of 21 K, 1 to 2^20 by doubling, 10,000 trials each; items are K.
void order_statistics_curve(benchmark::State& state) {
  std::vector<double> steps_s(10'000);
  for (auto _ : state)
    for (double ranks = 1; ranks <= 1 << 20; ranks *= 2) {
      sim::StepSampler const sampler(workload(), ranks, ranks, 1);
      sampler.by_order_statistics_s(0, steps_s);
      benchmark::DoNotOptimize(steps_s.data());
    }
  state.SetItemsProcessed(state.iterations() * 21);
}

/// Lognormal hops of cv 0.1.
void ring(benchmark::State& state) {
  std::vector<double> const hop_s(static_cast<std::size_t>(state.range(0)), 1e-5);
  sim::JitteredRing const ring(hop_s, model::factor_law(model::Shape::lognormal, 0.1), 1);
  sim::JitteredRing::Workspace workspace;
  std::vector<double> finish_s(hop_s.size());
  std::uint32_t trial = 0;
  for (auto _ : state) {
    std::fill(finish_s.begin(), finish_s.end(), 0.0);
    ring.run(trial++, 0, finish_s, workspace);
    benchmark::DoNotOptimize(finish_s.data());
  }
  state.SetItemsProcessed(state.iterations() * 2 * (state.range(0) - 1) * state.range(0));
}

/// Workers and rings on the first GPU, many trials at once, by the wall clock.
template <typename Draw>
void on_gpu(benchmark::State& state, std::int64_t items, Draw const& draw) {
  std::unique_ptr<sim::DrawDevice> device;
  try {
    device = sim::open_cuda_device();
  } catch (std::runtime_error const& error) {
    return state.SkipWithError(error.what());
  }
  state.SetLabel(device->name());
  std::uint32_t trial = 0;
  auto const trials = static_cast<std::uint32_t>(std::max<std::int64_t>(1, (std::int64_t{1} << 33) / items));
  for (auto _ : state) {
    draw(*device, trial, trials);
    trial += trials;
  }
  state.SetItemsProcessed(state.iterations() * trials * items);
}

void workers_gpu(benchmark::State& state) {
  sim::StepSampler const sampler(workload(), static_cast<double>(state.range(0)), 1.0, 1);
  std::vector<double> steps_s;
  on_gpu(state, state.range(0), [&](sim::DrawDevice const& device, std::uint32_t first, std::uint32_t trials) {
    steps_s.resize(trials);
    sampler.by_workers_s(first, steps_s, &device);
  });
}

/// Lognormal hops of cv 0.1, as `ring`.
void ring_gpu(benchmark::State& state) {
  model::StepParameters p{.gradient_bytes = 1.0};
  p.inter_latency_s = 1e-5;
  p.hop_jitter_cv = 0.1;
  sim::HopStepSampler const sampler(p, static_cast<double>(state.range(0)), 1.0, 1);
  std::vector<sim::HopStepSampler::Step> steps;
  on_gpu(state, 2 * (state.range(0) - 1) * state.range(0),
         [&](sim::DrawDevice const& device, std::uint32_t first, std::uint32_t trials) {
           steps.resize(trials);
           sampler.draw_on(device, first, steps);
         });
}

/// What one would write first.
void plain_cpp(benchmark::State& state) {
  std::mt19937_64 engine(1);
  double const sigma = std::sqrt(std::log1p(0.01));
  std::lognormal_distribution<double> noise(-0.5 * sigma * sigma, sigma);
  std::uniform_real_distribution<double> uniform;
  for (auto _ : state) {
    double slowest = 0.0;
    for (std::int64_t k = 0; k < state.range(0); ++k)
      slowest = std::max(slowest, noise(engine) * (uniform(engine) < 1e-3 ? 1.5 : 1.0));
    benchmark::DoNotOptimize(slowest);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void by_peer(benchmark::State& state, double (*seconds_of)(long), std::int64_t items, char const* absent) {
  for (auto _ : state) {
    double const seconds = seconds_of(state.range(0));
    if (!(seconds > 0.0)) return state.SkipWithError(absent);
    state.SetIterationTime(seconds);
  }
  state.SetItemsProcessed(state.iterations() * items);
}

void numpy(benchmark::State& state) { by_peer(state, bench::numpy_trial_s, state.range(0), "no python3 with NumPy"); }

void simgrid_ring(benchmark::State& state) {
  by_peer(state, bench::simgrid_ring_s, 2 * (state.range(0) - 1) * state.range(0), "built without SimGrid");
}

/// A whole curve of 21 K; items are K. First argument: 0 for stragglers in lognormal noise, 1 for imbalance too, the
/// general case. Second: of how many draws of uncertain parameters its intervals are; 1: the curve alone.
void closed_form_curve(benchmark::State& state) {
  model::Model m;
  m.parameters = workload();
  m.parameters.serial_s = 0.01;
  m.parameters.gradient_bytes = 1e9;
  m.parameters.inter_latency_s = 1e-5;
  m.parameters.inter_bandwidth_Bps = 5e10;
  if (state.range(0) == 1) m.parameters.imbalance_cv = 0.05;
  for (char const* name : {"serial", "compute.per_sample", "network.inter.latency", "network.inter.bandwidth_Bps"}) {
    auto const* info = model::find_parameter(name);
    m.knowledge[name] = {.source = model::Source::measured, .sd = 0.05 * m.parameters.*(info->member), .note = {}};
  }
  sim::SimulateOptions options;
  options.draws = static_cast<int>(state.range(1));
  for (double k = 1; k <= 1 << 20; k *= 2) options.ranks.push_back(k);
  for (auto _ : state) benchmark::DoNotOptimize(sim::simulate(m, options));
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(options.ranks.size()));
}

BENCHMARK(workers)->Arg(1024)->Arg(1 << 20)->Unit(benchmark::kMicrosecond);
BENCHMARK(workers_avx2)->Arg(1024)->Arg(1 << 20)->Unit(benchmark::kMicrosecond);
BENCHMARK(workers_threads)->Args({1 << 20, 1})->Args({1 << 20, 2})->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(order_statistics)->Arg(1024)->Arg(1 << 20)->Unit(benchmark::kMicrosecond);
BENCHMARK(order_statistics_stragglers)->Arg(1024)->Arg(1 << 20)->Unit(benchmark::kMicrosecond);
BENCHMARK(order_statistics_curve)->Unit(benchmark::kMillisecond);
BENCHMARK(ring)->Arg(64)->Arg(256)->Arg(1024)->Arg(4096)->Unit(benchmark::kMicrosecond);
BENCHMARK(ring)->Arg(65536)->Iterations(1)->Unit(benchmark::kMicrosecond);
BENCHMARK(workers_gpu)->Arg(1024)->Arg(1 << 20)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(ring_gpu)->Arg(64)->Arg(1024)->Arg(4096)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(plain_cpp)->Arg(1024)->Arg(1 << 20)->Unit(benchmark::kMicrosecond);
BENCHMARK(numpy)->Arg(1024)->Arg(1 << 20)->Iterations(1)->UseManualTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(simgrid_ring)->Arg(64)->Arg(256)->Iterations(1)->UseManualTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(closed_form_curve)->ArgsProduct({{0, 1}, {1, 2000}})->Unit(benchmark::kMillisecond);

}  // namespace
