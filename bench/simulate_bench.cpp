// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "bench/peers.hpp"
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
  for (auto _ : state) benchmark::DoNotOptimize(sampler.by_workers_s(trial++));
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
    benchmark::DoNotOptimize(sim::run_trials(trials, static_cast<int>(state.range(1)),
                                             [&](std::uint32_t t) { return sampler.by_workers_s(t); }, {}));
  state.SetItemsProcessed(state.iterations() * trials * state.range(0));
}

void order_statistics(benchmark::State& state) {
  sim::StepSampler const sampler(workload(), static_cast<double>(state.range(0)), 1.0, 1);
  std::uint32_t trial = 0;
  for (auto _ : state) benchmark::DoNotOptimize(sampler.by_order_statistics_s(trial++));
  state.SetItemsProcessed(state.iterations());
}

void ring(benchmark::State& state) {
  sim::RingOptions const options{.ranks = static_cast<int>(state.range(0)),
                                 .hop_s = 1e-5,
                                 .jitter = model::factor_law(model::Shape::lognormal, 0.1)};
  std::uint32_t trial = 0;
  for (auto _ : state) benchmark::DoNotOptimize(sim::ring_makespan_s(options, trial++));
  state.SetItemsProcessed(state.iterations() * 2 * (state.range(0) - 1) * state.range(0));
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

/// A whole curve of 21 K with the usual variability and 2,000 parameter draws; items are K.
void closed_form_curve(benchmark::State& state) {
  model::Model m;
  m.parameters = workload();
  m.parameters.imbalance_cv = state.range(0) == 0 ? 0.0 : 0.05;  // 1: noise and imbalance together, the general case
  sim::SimulateOptions options;
  for (double k = 1; k <= 1 << 20; k *= 2) options.ranks.push_back(k);
  for (auto _ : state) benchmark::DoNotOptimize(sim::simulate(m, options));
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(options.ranks.size()));
}

BENCHMARK(workers)->Arg(1024)->Arg(1 << 20)->Unit(benchmark::kMicrosecond);
BENCHMARK(workers_avx2)->Arg(1024)->Arg(1 << 20)->Unit(benchmark::kMicrosecond);
BENCHMARK(workers_threads)->Args({1 << 20, 1})->Args({1 << 20, 2})->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(order_statistics)->Arg(1024)->Arg(1 << 20)->Unit(benchmark::kMicrosecond);
BENCHMARK(ring)->Arg(64)->Arg(1024)->Unit(benchmark::kMicrosecond);
BENCHMARK(plain_cpp)->Arg(1024)->Arg(1 << 20)->Unit(benchmark::kMicrosecond);
BENCHMARK(numpy)->Arg(1024)->Arg(1 << 20)->Iterations(1)->UseManualTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(simgrid_ring)->Arg(64)->Arg(256)->Iterations(1)->UseManualTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(closed_form_curve)->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

}  // namespace
