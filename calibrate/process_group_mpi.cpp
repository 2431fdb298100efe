// SPDX-License-Identifier: Apache-2.0
#include <mpi.h>

#include <chrono>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <thread>

#include "calibrate/process_group.hpp"
#include "calibrate/watchdog.hpp"
#include "data/mpi_error.hpp"
#include "model/contract.hpp"
#include "model/error.hpp"
#include "model/units.hpp"

namespace kurve::calibrate {
namespace {

using data::check_mpi;
using Clock = std::chrono::steady_clock;
constexpr Seconds meeting_limit{25.0}, gather_limit{28.0};

int count_of(std::size_t bytes) {
  KURVE_EXPECT(bytes <= INT_MAX);
  return static_cast<int>(bytes);
}

class MpiProcesses : public ProcessGroup {
 public:
  MpiProcesses() {
    int provided = 0;
    watchdog_.watch(all_ranks_limit, "MPI_Init_thread", [&] {
      check_mpi(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided), "MPI_Init_thread");
    });
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    if (provided < MPI_THREAD_SERIALIZED)
      throw DeviceError("this MPI does not allow calls from several threads in turn");
    watchdog_.watch(all_ranks_limit, "the ordering of ranks by node", [this] { order_by_node(); });
    int alike[2] = {local_size_, -local_size_};
    check_mpi(MPI_Allreduce(MPI_IN_PLACE, alike, 2, MPI_INT, MPI_MIN, all_), "MPI_Allreduce");
    if (alike[0] != -alike[1])
      throw DeviceError("nodes have " + std::to_string(alike[0]) + " to " + std::to_string(-alike[1]) +
                        " processes (every node must have as many)");
  }
  ~MpiProcesses() override {
    watchdog_.watch(all_ranks_limit, "MPI_Finalize", [this] {
      for (auto& [members, comm] : members_) MPI_Comm_free(&comm);
      MPI_Comm_free(&all_);
      MPI_Finalize();
    });
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  int local_rank() const override { return local_rank_; }
  int local_size() const override { return local_size_; }

  void broadcast(std::span<std::byte> bytes) override {
    MPI_Request request = MPI_REQUEST_NULL;
    check_mpi(MPI_Ibcast(bytes.data(), count_of(bytes.size()), MPI_BYTE, 0, all_, &request), "MPI_Ibcast");
    for (int done = 0; done == 0;) {
      check_mpi(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
      if (done == 0 && rank_ != 0) std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
  }

  std::int64_t least(std::int64_t own) override {
    check_mpi(MPI_Allreduce(MPI_IN_PLACE, &own, 1, MPI_INT64_T, MPI_MIN, all_), "MPI_Allreduce");
    return own;
  }

  void meet(int members) override {
    MPI_Request request = MPI_REQUEST_NULL;
    check_mpi(MPI_Ibarrier(first(members), &request), "MPI_Ibarrier");
    await(request, meeting_limit, "come to a meeting");
  }

  std::vector<std::byte> gather(std::span<std::byte const> own, int members) override {
    std::vector<std::byte> all(rank_ == 0 ? own.size() * static_cast<std::size_t>(members) : 0);
    MPI_Request request = MPI_REQUEST_NULL;
    int const count = count_of(own.size());
    check_mpi(MPI_Igather(own.data(), count, MPI_BYTE, all.data(), count, MPI_BYTE, 0, first(members), &request),
              "MPI_Igather");
    await(request, gather_limit, "send its result");
    return all;
  }

  /// A place where a library prints: MPI_Abort ends this process before main could.
  void end_all(std::string const& why) override {
    std::fprintf(stderr, "kurve: %s (all MPI ranks stop)\n", why.c_str());
    MPI_Abort(MPI_COMM_WORLD, 4);
    std::abort();
  }

 private:
  void order_by_node() {
    int world_rank = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &world_rank);
    MPI_Comm node = MPI_COMM_NULL;
    check_mpi(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, world_rank, MPI_INFO_NULL, &node),
              "MPI_Comm_split_type");
    MPI_Comm_rank(node, &local_rank_);
    MPI_Comm_size(node, &local_size_);
    int leader = world_rank;  // of the node; it names the node
    check_mpi(MPI_Bcast(&leader, 1, MPI_INT, 0, node), "MPI_Bcast");
    MPI_Comm_free(&node);
    // Ranks of equal key keep the order of the world, so a node's ranks stay in their local order.
    check_mpi(MPI_Comm_split(MPI_COMM_WORLD, 0, leader, &all_), "MPI_Comm_split");
    MPI_Comm_rank(all_, &rank_);
    MPI_Comm_size(all_, &size_);
  }

  /// The first `members` processes; only they call this.
  MPI_Comm first(int members) {
    auto const found = members_.find(members);
    if (found != members_.end()) return found->second;
    MPI_Group everyone = MPI_GROUP_NULL, some = MPI_GROUP_NULL;
    check_mpi(MPI_Comm_group(all_, &everyone), "MPI_Comm_group");
    int range[1][3] = {{0, members - 1, 1}};
    check_mpi(MPI_Group_range_incl(everyone, 1, range, &some), "MPI_Group_range_incl");
    MPI_Comm comm = MPI_COMM_NULL;
    check_mpi(MPI_Comm_create_group(all_, some, members, &comm), "MPI_Comm_create_group");
    MPI_Group_free(&some);
    MPI_Group_free(&everyone);
    return members_[members] = comm;
  }

  static void await(MPI_Request& request, Seconds limit, char const* what) {
    auto const deadline = Clock::now() + limit;
    for (int done = 0;;) {
      check_mpi(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
      if (done != 0) return;
      if (Clock::now() > deadline)
        throw DeviceError("a process did not " + std::string(what) + " within " +
                          std::to_string(static_cast<int>(limit.count())) + " s");
    }
  }

  Watchdog watchdog_{exit_without_ranks};
  MPI_Comm all_ = MPI_COMM_NULL;
  int rank_ = 0, size_ = 1, local_rank_ = 0, local_size_ = 1;
  std::map<int, MPI_Comm> members_;
};

}  // namespace

std::unique_ptr<ProcessGroup> join_mpi_processes() { return std::make_unique<MpiProcesses>(); }

}  // namespace kurve::calibrate
