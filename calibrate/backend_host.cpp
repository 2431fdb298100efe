// SPDX-License-Identifier: Apache-2.0
#include "calibrate/backend_host.hpp"

#include <algorithm>
#include <atomic>
#include <barrier>
#include <exception>
#include <thread>

#include "calibrate/cpu_ratings.hpp"
#include "calibrate/rank_task.hpp"
#include "data/provenance.hpp"
#include "model/error.hpp"

namespace kurve::calibrate {
namespace {

/// One rank's letter box: its left neighbour puts, it takes. A slot holds one message; put waits until the last was
/// taken.
class Mailbox {
 public:
  void put(std::span<float const> message) {
    full_.wait(true, std::memory_order_acquire);
    slot_.assign(message.begin(), message.end());
    full_.store(true, std::memory_order_release);
    full_.notify_one();
  }
  void take(std::span<float> into) {
    full_.wait(false, std::memory_order_acquire);
    std::copy(slot_.begin(), slot_.end(), into.begin());
    full_.store(false, std::memory_order_release);
    full_.notify_one();
  }

 private:
  std::vector<float> slot_;
  std::atomic<bool> full_{false};
};

/// What the threads of one task share.
struct Room {
  explicit Room(int ranks) : mailboxes(static_cast<std::size_t>(ranks)), meeting(ranks) {}
  std::vector<Mailbox> mailboxes;
  std::barrier<> meeting;
};

class HostCommunicator : public Communicator {
 public:
  HostCommunicator(int rank, Room& room) : rank_(rank), room_(room) {}
  int rank() const override { return rank_; }
  int ranks() const override { return static_cast<int>(room_.mailboxes.size()); }
  void barrier() override { room_.meeting.arrive_and_wait(); }
  void allreduce(std::span<float> values, int) override {
    incoming_.resize(values.size() / room_.mailboxes.size() + 1);
    auto& right = room_.mailboxes[static_cast<std::size_t>((rank_ + 1) % ranks())];
    auto& own = room_.mailboxes[static_cast<std::size_t>(rank_)];
    ring_allreduce(rank_, ranks(), values, incoming_, [&](std::span<float const> out, std::span<float> in) {
      right.put(out);
      own.take(in);
    });
  }

 private:
  int rank_;
  Room& room_;
  std::vector<float> incoming_;
};

class HostBackend : public RankedBackend {
 public:
  HostBackend(int max_ranks, std::string const& workload) {
    for (int rank = 0; rank < max_ranks; ++rank) workloads_.push_back(make_workload(workload));
    info_ = {.name = "host",
             .device = data::this_machine().processor + ", " + std::to_string(max_ranks) + " threads",
             .max_ranks = max_ranks,
             .workers_per_node = max_ranks,
             .algorithms = {"ring"}};
    describe_workload(info_, *workloads_.front());
  }
  BackendInfo const& info() const override { return info_; }
  std::vector<model::Rating> rates(std::span<TimedPart const> parts) override {
    return cpu_ratings(*workloads_.front(), parts);
  }

 private:
  std::vector<RankResult> run(Task const& task) override {
    auto const ranks = static_cast<std::size_t>(task.ranks);
    Room room(task.ranks);
    std::vector<RankResult> results(ranks);
    std::vector<std::exception_ptr> errors(ranks);
    auto one_rank = [&](std::size_t rank) {
      HostCommunicator communicator(static_cast<int>(rank), room);
      try {
        results[rank] = run_task(task, *workloads_[rank], communicator);
      } catch (...) {
        errors[rank] = std::current_exception();
      }
    };
    {
      std::vector<std::jthread> others;  // joined at the end of this block
      for (std::size_t rank = 1; rank < ranks; ++rank) others.emplace_back(one_rank, rank);
      one_rank(0);
    }
    for (auto const& error : errors)
      if (error) std::rethrow_exception(error);
    return results;
  }

  std::vector<std::unique_ptr<Workload>> workloads_;
  BackendInfo info_;
};

}  // namespace

std::unique_ptr<Backend> make_host_backend(int max_ranks, std::string const& workload) {
  if (max_ranks < 0)
    throw InputError("ranks=" + std::to_string(max_ranks) + " (must be at least 1, or 0 for all cores)");
  if (max_ranks == 0) max_ranks = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  return std::make_unique<HostBackend>(max_ranks, workload);
}

}  // namespace kurve::calibrate
