// SPDX-License-Identifier: Apache-2.0
#include "calibrate/watched.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "calibrate/watchdog.hpp"
#include "model/error.hpp"
#include "tests/support/checks.hpp"

using namespace kurve;
using namespace kurve::calibrate;

namespace {

Watch quick() { return {.limit = Seconds{0.2}, .poll = Seconds{0.005}, .grace = Seconds{0.1}}; }

/// Something ranks wait at for ever, unless it is opened.
struct Gate {
  std::mutex mutex;
  std::condition_variable changed;
  bool open = false;
  void wait() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return open; });
  }
  void release() {
    std::lock_guard const lock(mutex);
    open = true;
    changed.notify_all();
  }
};

}  // namespace

TEST_SUITE_BEGIN("unit");

TEST_CASE("watched: all ranks run and meet as often as they like") {
  auto const meeting = std::make_shared<Meeting>(3);
  std::atomic<int> arrived = 0, seen_all = 0;
  run_watched(3,
              [&, meeting](int) {
                for (int round = 1; round <= 50; ++round) {
                  ++arrived;
                  meeting->arrive();
                  if (arrived >= 3 * round) ++seen_all;  // nobody passes before all have come
                }
              },
              {.limit = Seconds{20.0}});
  CHECK(seen_all == 150);
}

TEST_CASE("watched: a rank that fails frees those who wait for it and its error is the one that is told") {
  auto const meeting = std::make_shared<Meeting>(3);
  auto watch = quick();
  watch.limit = Seconds{20.0};
  watch.grace = Seconds{20.0};
  watch.rescue = [meeting] { meeting->abandon(); };
  CHECK(test::message_of<DeviceError>([&] {
          run_watched(
              3,
              [meeting](int rank) {
                if (rank == 1) throw DeviceError("GPU 1 fell off the bus");
                meeting->arrive();
              },
              watch);
          return 0;
        }) == "GPU 1 fell off the bus");
}

TEST_CASE("watched: a rank that hangs is named after the limit and freed by the rescue") {
  auto const gate = std::make_shared<Gate>();
  auto watch = quick();
  watch.grace = Seconds{20.0};
  watch.rescue = [gate] { gate->release(); };
  auto const message = test::message_of<DeviceError>([&] {
    run_watched(
        3,
        [gate](int rank) {
          if (rank != 0) gate->wait();
        },
        watch);
    return 0;
  });
  CHECK(message.find("ranks 1, 2 did not come back within 0 s") == 0);
}

TEST_CASE("watched: a rank that no rescue frees is left behind and the caller goes on") {
  auto const gate = std::make_shared<Gate>();
  auto const message = test::message_of<DeviceError>([&] {
    run_watched(
        2,
        [gate](int rank) {
          if (rank == 1) gate->wait();
        },
        quick());
    return 0;
  });
  CHECK(message.find("rank 1 did not come back") == 0);
  gate->release();  // else the process would end with a thread that waits
}

TEST_CASE("watched: trouble that no rank sees ends the wait") {
  auto const gate = std::make_shared<Gate>();
  auto watch = quick();
  watch.limit = watch.grace = Seconds{20.0};
  int looks = 0;
  watch.trouble = [&] { return ++looks < 3 ? "" : "ncclRemoteError: a peer is gone"; };
  watch.rescue = [gate] { gate->release(); };
  CHECK(test::message_of<DeviceError>([&] {
          run_watched(
              2, [gate](int) { gate->wait(); }, watch);
          return 0;
        }) == "ncclRemoteError: a peer is gone");
  CHECK(looks == 3);
}

TEST_CASE("meeting: abandoned it turns away whoever comes later") {
  Meeting meeting(2);
  meeting.abandon();
  CHECK(test::message_of<DeviceError>([&] { return meeting.arrive(), 0; }).find("another rank failed") == 0);
}

TEST_CASE("watchdog: barks once at a call that does not come back and at no other") {
  std::mutex mutex;
  std::vector<std::string> barks;
  {
    Watchdog dog([&](std::string const& why) {
      std::lock_guard const lock(mutex);
      barks.push_back(why);
    });
    for (int i = 0; i < 100; ++i) CHECK(dog.watch(Seconds{30.0}, "a quick call", [&] { return i; }) == i);
    auto const barked = [&] {
      std::lock_guard const lock(mutex);
      return !barks.empty();
    };
    // The call ends when the dog has barked, however long that takes on a busy machine.
    dog.watch(Seconds{0.05}, "the slow call", [&] {
      while (!barked()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    });
    dog.watch(Seconds{30.0}, "another quick call", [] {});
  }
  CHECK(barks == std::vector<std::string>{"the slow call did not come back within 0.05 s"});
}

TEST_CASE("watchdog: by calls only a call that does not come back is told") {
  std::mutex mutex;
  std::vector<std::string> barks;
  {
    Watchdog dog([&](std::string const& why) {
      std::lock_guard const lock(mutex);
      barks.push_back(why);
    });
    auto const barked = [&] {
      std::lock_guard const lock(mutex);
      return !barks.empty();
    };
    // Work outside calls may take many times the limit, and so may the calls together.
    int sum = 0;
    dog.watch_calls(Seconds{30.0}, "quick calls", [&] {
      for (int i = 0; i < 1000; ++i) dog.call([&] { sum += i; });
    });
    CHECK(sum == 499'500);
    dog.watch_calls(Seconds{0.05}, "work", [&] { std::this_thread::sleep_for(std::chrono::milliseconds(300)); });
    CHECK(!barked());
    dog.watch_calls(Seconds{0.05}, "the slow call", [&] {
      dog.call([&] {
        while (!barked()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      });
    });
  }
  CHECK(barks == std::vector<std::string>{"the slow call did not come back within 0.05 s"});
}

TEST_SUITE_END();
