// SPDX-License-Identifier: Apache-2.0
#include "sim/trials.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <thread>

namespace kurve::sim {

std::vector<double> run_trials(long count, int threads, std::function<double(std::uint32_t)> const& trial,
                               std::function<bool(double)> const& go_on) {
  long const workers = std::clamp<long>(threads > 0 ? threads : static_cast<long>(std::thread::hardware_concurrency()),
                                        1, std::max(count, 1L));
  std::vector<double> values(static_cast<std::size_t>(count));
  std::vector<long> done(static_cast<std::size_t>(workers), 0);
  std::vector<std::exception_ptr> failures(static_cast<std::size_t>(workers));
  std::atomic<bool> stop{false};
  auto const begin_of = [&](long worker) { return count * worker / workers; };
  auto const run_part = [&](long worker) {
    auto const self = static_cast<std::size_t>(worker);
    long const begin = begin_of(worker), end = begin_of(worker + 1);
    try {
      for (long i = begin; i < end && !stop.load(std::memory_order_relaxed); ++i) {
        values[static_cast<std::size_t>(i)] = trial(static_cast<std::uint32_t>(i));
        done[self] = i - begin + 1;
        // The calling thread runs part 0, so its share stands for all; about a hundred calls a run.
        if (worker == 0 && go_on && (i * 100 / end != (i + 1) * 100 / end) &&
            !go_on(static_cast<double>(i + 1) / static_cast<double>(end)))
          stop = true;
      }
    } catch (...) {
      failures[self] = std::current_exception();
      stop = true;
    }
  };
  {
    std::vector<std::jthread> pool;
    for (long worker = 1; worker < workers; ++worker) pool.emplace_back(run_part, worker);
    run_part(0);
  }
  for (auto const& failure : failures)
    if (failure) std::rethrow_exception(failure);
  if (!stop) return values;
  std::vector<double> kept;
  for (long worker = 0; worker < workers; ++worker)
    kept.insert(kept.end(), values.begin() + begin_of(worker),
                values.begin() + begin_of(worker) + done[static_cast<std::size_t>(worker)]);
  return kept;
}

}  // namespace kurve::sim
