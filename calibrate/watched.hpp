// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>

#include "model/units.hpp"

namespace kurve::calibrate {

/// Where the ranks of one process meet. Unlike std::barrier it can be abandoned: then everyone who waits, or comes
/// later, gets a DeviceError instead of waiting for a rank that is gone.
class Meeting {
 public:
  explicit Meeting(int ranks) : ranks_(ranks) {}
  /// Returns once all ranks are here; may be used again at once. @throws DeviceError where it was abandoned
  void arrive();
  void abandon();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int ranks_, waiting_ = 0;
  long round_ = 0;
  bool abandoned_ = false;
};

/// How long ranks may work, and what to do when they do not come back.
struct Watch {
  Seconds limit{25.0};  ///< for all of them; a rank that hangs must be known within 30 s
  Seconds poll{0.05};   ///< between two looks
  Seconds grace{4.0};   ///< after the rescue, for the ranks that it frees
  /// What is wrong meanwhile, as NCCL's asynchronous errors; "" for nothing. May be empty.
  std::function<std::string()> trouble{};
  /// Frees ranks that wait for one another: abandons their meeting, aborts their communicators. Called once, from the
  /// watching thread. May be empty.
  std::function<void()> rescue{};
};

/// Runs work(rank) for each rank on a thread of its own, and waits for all of them.
///
/// At the first exception, trouble, or when the limit has passed, the rescue is called. Threads that do not end within
/// the grace after it are left behind: what they use must outlive them, so `work` must own it (shared_ptr).
/// @throws DeviceError saying which ranks hang, or the trouble; else the first exception of a rank, by time
void run_watched(int ranks, std::function<void(int)> const& work, Watch const& watch);

}  // namespace kurve::calibrate
