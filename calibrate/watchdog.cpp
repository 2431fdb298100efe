// SPDX-License-Identifier: Apache-2.0
#include "calibrate/watchdog.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "data/quantity_text.hpp"

namespace kurve::calibrate {

Watchdog::Watchdog(Bark bark) : bark_(std::move(bark)), thread_([this] { run(); }) {}

Watchdog::~Watchdog() {
  {
    std::lock_guard const lock(mutex_);
    over_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

Watchdog::Watched::Watched(Watchdog& owner, Seconds limit, std::string what, bool by_call) : dog(owner) {
  std::lock_guard const lock(dog.mutex_);
  dog.watching_ = true;
  ++dog.call_;
  dog.limit_ = limit;
  dog.by_call_ = by_call;
  dog.what_ = std::move(what);
  dog.changed_.notify_all();
}

Watchdog::Watched::~Watched() {
  std::lock_guard const lock(dog.mutex_);
  dog.watching_ = false;
  dog.changed_.notify_all();
}

void Watchdog::run() {
  using Clock = std::chrono::steady_clock;
  std::unique_lock lock(mutex_);
  while (!over_) {
    changed_.wait(lock, [&] { return over_ || watching_; });
    long const call = call_;
    auto const still = [&] { return !over_ && watching_ && call_ == call; };
    double waited_s = 0.0;
    long turn = turns_;
    // Short looks: of a time in which the process was stopped only one counts.
    double const look_s = std::min(0.5, limit_.count() / 4.0);
    while (still() && waited_s < limit_.count()) {
      auto const start = Clock::now();
      changed_.wait_for(lock, std::chrono::duration<double>(look_s), [&] { return !still(); });
      bool const same_call = !by_call_ || (turns_ == turn && turn % 2 == 1);
      turn = turns_;
      double const looked_s = std::min(2.0 * look_s, std::chrono::duration<double>(Clock::now() - start).count());
      waited_s = same_call ? waited_s + looked_s : 0.0;
    }
    if (!still()) continue;
    watching_ = false;
    std::string const why = what_ + " did not come back within " + data::number_text(limit_.count()) + " s";
    lock.unlock();
    bark_(why);
    lock.lock();
  }
}

void exit_without_ranks(std::string const& why) {
  std::fprintf(stderr, "kurve: %s (it needs every rank). Is one stopped, or the network between hosts closed?\n",
               why.c_str());
  _exit(4);
}

}  // namespace kurve::calibrate
