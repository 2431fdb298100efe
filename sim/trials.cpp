// SPDX-License-Identifier: Apache-2.0
#include "sim/trials.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <thread>

#include "model/contract.hpp"

namespace kurve::sim {

std::vector<double> run_trials(long count, int threads, long batch, Trials const& trials,
                               std::function<bool(double)> const& go_on) {
  KURVE_EXPECT(count >= 1 && batch >= 1);
  long const batches = (count + batch - 1) / batch;
  long const workers =
      std::clamp<long>(threads > 0 ? threads : static_cast<long>(std::thread::hardware_concurrency()), 1, batches);
  std::vector<double> values(static_cast<std::size_t>(count));
  std::vector<std::exception_ptr> failures(static_cast<std::size_t>(workers));
  std::atomic<long> next{0};  // batches are begun in order, so those done at a stop are the first ones
  std::atomic<bool> stop{false};
  auto const work = [&](long worker) {
    try {
      long told = -1;
      auto last = std::chrono::steady_clock::now();
      while (!stop.load(std::memory_order_relaxed)) {
        long const mine = next.fetch_add(1);
        if (mine >= batches) break;
        auto const first = static_cast<std::size_t>(mine * batch);
        trials(static_cast<std::uint32_t>(first),
               std::span(values).subspan(first, std::min(static_cast<std::size_t>(batch), values.size() - first)));
        if (worker != 0 || !go_on) continue;
        auto const now = std::chrono::steady_clock::now();
        if (mine * 100 / batches == told && now - last < std::chrono::milliseconds(50)) continue;
        told = mine * 100 / batches;
        last = now;
        if (!go_on(static_cast<double>(mine + 1) / static_cast<double>(batches))) stop = true;
      }
    } catch (...) {
      failures[static_cast<std::size_t>(worker)] = std::current_exception();
      stop = true;
    }
  };
  {
    std::vector<std::jthread> pool;
    for (long worker = 1; worker < workers; ++worker) pool.emplace_back(work, worker);
    work(0);
  }
  for (auto const& failure : failures)
    if (failure) std::rethrow_exception(failure);
  values.resize(static_cast<std::size_t>(std::min(count, std::min(next.load(), batches) * batch)));
  return values;
}

}  // namespace kurve::sim
