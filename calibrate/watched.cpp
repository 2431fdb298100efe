// SPDX-License-Identifier: Apache-2.0
#include "calibrate/watched.hpp"

#include <exception>
#include <memory>
#include <thread>
#include <vector>

#include "model/error.hpp"

namespace kurve::calibrate {
namespace {

/// What the watching thread and the ranks share; threads that are left behind still hold it.
struct Shared {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<bool> ended;
  int running = 0;
  std::exception_ptr first_error;
};

std::string hanging_ranks(std::vector<bool> const& ended) {
  std::string text;
  int count = 0;
  for (std::size_t rank = 0; rank < ended.size(); ++rank)
    if (!ended[rank]) text += (count++ == 0 ? "" : ", ") + std::to_string(rank);
  return (count == 1 ? "rank " : "ranks ") + text;
}

}  // namespace

void Meeting::arrive() {
  std::unique_lock lock(mutex_);
  long const round = round_;
  if (!abandoned_ && ++waiting_ == ranks_) {
    waiting_ = 0;
    ++round_;
    changed_.notify_all();
    return;
  }
  changed_.wait(lock, [&] { return abandoned_ || round_ != round; });
  if (round_ == round) throw DeviceError("another rank failed while this one waited for it");
}

void Meeting::abandon() {
  std::lock_guard const lock(mutex_);
  abandoned_ = true;
  changed_.notify_all();
}

void run_watched(int ranks, std::function<void(int)> const& work, Watch const& watch) {
  auto const shared = std::make_shared<Shared>();
  shared->ended.assign(static_cast<std::size_t>(ranks), false);
  shared->running = ranks;
  std::vector<std::thread> threads;
  for (int rank = 0; rank < ranks; ++rank)
    threads.emplace_back([shared, work, rank] {
      std::exception_ptr error;
      try {
        work(rank);
      } catch (...) {
        error = std::current_exception();
      }
      std::lock_guard const lock(shared->mutex);
      if (error && !shared->first_error) shared->first_error = error;
      shared->ended[static_cast<std::size_t>(rank)] = true;
      --shared->running;
      shared->changed.notify_all();
    });

  std::string trouble, hanging;
  std::unique_lock lock(shared->mutex);
  auto done = [&] { return shared->running == 0; };
  auto const deadline = std::chrono::steady_clock::now() + watch.limit;
  while (!done() && !shared->first_error && trouble.empty() && std::chrono::steady_clock::now() < deadline) {
    shared->changed.wait_for(lock, watch.poll, [&] { return done() || shared->first_error; });
    if (done() || !watch.trouble) continue;
    lock.unlock();
    trouble = watch.trouble();
    lock.lock();
  }
  if (!done()) {
    if (!shared->first_error) hanging = hanging_ranks(shared->ended);
    lock.unlock();
    if (watch.rescue) watch.rescue();
    lock.lock();
    shared->changed.wait_for(lock, watch.grace, done);
  }
  auto const error = shared->first_error;
  std::vector<bool> const ended = shared->ended;
  lock.unlock();
  for (std::size_t rank = 0; rank < threads.size(); ++rank) {
    if (ended[rank])
      threads[rank].join();
    else
      threads[rank].detach();
  }
  if (!trouble.empty()) throw DeviceError(trouble);
  if (!hanging.empty())
    throw DeviceError(hanging + " did not come back within " + std::to_string(static_cast<int>(watch.limit.count())) +
                      " s (what was measured until then is kept). Is a GPU or a link down?");
  if (error) std::rethrow_exception(error);
}

}  // namespace kurve::calibrate
