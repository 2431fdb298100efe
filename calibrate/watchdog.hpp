// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "model/units.hpp"

namespace kurve::calibrate {

/// For calls that cannot be given up on, as MPI_Init: says so where one does not come back, from a thread of its own.
class Watchdog {
 public:
  /// What to do then, with `<what> did not come back within <limit> s`; it may end the process. Called once.
  using Bark = std::function<void(std::string const& why)>;
  explicit Watchdog(Bark bark);
  Watchdog(Watchdog const&) = delete;
  Watchdog& operator=(Watchdog const&) = delete;
  ~Watchdog();

  /// Runs the body, watched. Time counts only while this process runs: one that was stopped and goes on (Ctrl-Z) has
  /// not hung. Not for two threads at once, nor inside another.
  template <typename Body>
  auto watch(Seconds limit, std::string what, Body&& body) {
    Watched const watched(*this, limit, std::move(what), false);
    return std::forward<Body>(body)();
  }

  /// The same where `limit` is of each call() in the body alone.
  template <typename Body>
  auto watch_calls(Seconds limit, std::string what, Body&& body) {
    Watched const watched(*this, limit, std::move(what), true);
    return std::forward<Body>(body)();
  }
  /// One call inside what watch_calls() runs. It may be timed: nothing is locked, and no thread wakes.
  template <typename Body>
  auto call(Body&& body) {
    struct Turn {
      explicit Turn(std::atomic<long>& of) : turns(of) { ++turns; }
      ~Turn() { ++turns; }
      std::atomic<long>& turns;
    } const turn(turns_);
    return std::forward<Body>(body)();
  }

 private:
  struct Watched {
    Watched(Watchdog& dog, Seconds limit, std::string what, bool by_call);
    ~Watched();
    Watchdog& dog;
  };
  void run();

  Bark bark_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false, watching_ = false, by_call_ = false;
  std::atomic<long> turns_{0};  ///< odd inside a call()
  long call_ = 0;               ///< which one is watched
  Seconds limit_{};
  std::string what_;
  std::thread thread_;  // last: it uses all of the others
};

/// How long a call that needs all ranks may take: a rank that hangs must be known within 30 s.
constexpr Seconds all_ranks_limit{25.0};

/// The bark over a call that needs every rank, a place where a library prints: ends the process at once with the exit
/// code of a device that failed. No destructor runs, for they would wait for the same ranks; mpirun ends the others.
[[noreturn]] void exit_without_ranks(std::string const& why);

}  // namespace kurve::calibrate
