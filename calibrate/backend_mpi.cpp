// SPDX-License-Identifier: Apache-2.0
#include "calibrate/backend_mpi.hpp"

#include <mpi.h>

#include <chrono>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <thread>

#include "calibrate/rank_task.hpp"
#include "data/provenance.hpp"
#include "model/contract.hpp"
#include "model/error.hpp"

namespace kurve::calibrate {
namespace {

void check_mpi(int code, char const* call) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(code, text, &length);
  throw DeviceError(std::string(call) + ": " + std::string(text, static_cast<std::size_t>(length)));
}

int count_of(std::size_t elements) {
  KURVE_EXPECT(elements <= INT_MAX);
  return static_cast<int>(elements);
}

class MpiCommunicator : public Communicator {
 public:
  explicit MpiCommunicator(MPI_Comm comm) : comm_(comm) {
    MPI_Comm_rank(comm, &rank_);
    MPI_Comm_size(comm, &ranks_);
  }
  int rank() const override { return rank_; }
  int ranks() const override { return ranks_; }
  void barrier() override { check_mpi(MPI_Barrier(comm_), "MPI_Barrier"); }
  void allreduce(std::span<float> values, int algorithm) override {
    if (algorithm == 1) {
      check_mpi(MPI_Allreduce(MPI_IN_PLACE, values.data(), count_of(values.size()), MPI_FLOAT, MPI_SUM, comm_),
                "MPI_Allreduce");
      return;
    }
    incoming_.resize(values.size() / static_cast<std::size_t>(ranks_) + 1);
    ring_allreduce(rank_, ranks_, values, incoming_, [this](std::span<float const> out, std::span<float> in) {
      check_mpi(
          MPI_Sendrecv(out.data(), count_of(out.size()), MPI_FLOAT, (rank_ + 1) % ranks_, 0, in.data(),
                       count_of(in.size()), MPI_FLOAT, (rank_ + ranks_ - 1) % ranks_, 0, comm_, MPI_STATUS_IGNORE),
          "MPI_Sendrecv");
    });
  }

 private:
  MPI_Comm comm_;
  int rank_ = 0, ranks_ = 1;
  std::vector<float> incoming_;  // kept: allocating inside a timing would be timed
};

int ranks_on_this_node() {
  MPI_Comm node = MPI_COMM_NULL;
  check_mpi(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node), "MPI_Comm_split_type");
  int count = 0;
  MPI_Comm_size(node, &count);
  MPI_Comm_free(&node);
  return count;
}

std::string library_version() {
  char text[MPI_MAX_LIBRARY_VERSION_STRING] = "";
  int length = 0;
  MPI_Get_library_version(text, &length);
  std::string const version(text, static_cast<std::size_t>(length));
  return version.substr(0, version.find(','));
}

class MpiBackend : public RankedBackend {
 public:
  explicit MpiBackend(std::string const& workload) : workload_(make_workload(workload)) {
    check_mpi(MPI_Init(nullptr, nullptr), "MPI_Init");
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    int size = 1;
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    info_ = {
        .name = "mpi",
        .device = data::this_machine().processor + ", " + library_version() + ", " + std::to_string(size) + " ranks",
        .workload = workload_->description(),
        .max_ranks = size,
        .workers_per_node = ranks_on_this_node(),
        .gradient_bytes = workload_->gradient_bytes(),
        .algorithms = {"ring", "library"}};
  }

  ~MpiBackend() override {
    if (!broken_.empty()) abort_job(broken_);  // the others may wait inside the task that failed
    try {
      if (drives()) announce({.kind = Task::Kind::stop});
    } catch (std::exception const& error) {
      abort_job(error.what());
    }
    communicators_.clear();
    for (auto& [ranks, comm] : comms_)
      if (comm != MPI_COMM_NULL) MPI_Comm_free(&comm);
    MPI_Finalize();
  }

  BackendInfo const& info() const override { return info_; }
  bool drives() const override { return rank_ == 0; }

  void follow() override {
    try {
      for (Task task = announce({}); task.kind != Task::Kind::stop; task = announce({})) take_part(task);
    } catch (std::exception const& error) {
      abort_job(error.what());  // the driver waits for this rank: only the end of the job tells it
    }
  }

 private:
  std::vector<RankResult> run(Task const& task) override {
    try {
      announce(task);
      return take_part(task);
    } catch (std::exception const& error) {
      broken_ = error.what();
      throw;
    }
  }

  /// Rank 0's task reaches every rank. Those who wait for one sleep between polls: spinning, as MPI_Bcast does, they
  /// would heat and slow the cores that measure.
  Task announce(Task task) {
    MPI_Request request = MPI_REQUEST_NULL;
    check_mpi(MPI_Ibcast(&task, sizeof task, MPI_BYTE, 0, MPI_COMM_WORLD, &request), "MPI_Ibcast");
    for (int done = 0; done == 0;) {
      check_mpi(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
      if (done == 0 && !drives()) std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    return task;
  }

  /// @return every rank's result on rank 0, nothing elsewhere
  std::vector<RankResult> take_part(Task const& task) {
    auto* communicator = communicator_of(task.ranks);
    if (communicator == nullptr) return {};
    RankResult const own = run_task(task, *workload_, *communicator);
    std::vector<RankResult> all(drives() ? static_cast<std::size_t>(task.ranks) : 0);
    check_mpi(MPI_Gather(&own, sizeof own, MPI_BYTE, all.data(), sizeof own, MPI_BYTE, 0, comms_.at(task.ranks)),
              "MPI_Gather");
    return all;
  }

  /// The first `ranks` ranks, split off at first use (all ranks see the same tasks, so all split together); nullptr on
  /// others.
  MpiCommunicator* communicator_of(int ranks) {
    auto const found = comms_.find(ranks);
    if (found == comms_.end()) {
      MPI_Comm comm = MPI_COMM_NULL;
      check_mpi(MPI_Comm_split(MPI_COMM_WORLD, rank_ < ranks ? 0 : MPI_UNDEFINED, rank_, &comm), "MPI_Comm_split");
      comms_[ranks] = comm;
      if (comm != MPI_COMM_NULL) communicators_.emplace(ranks, comm);
    }
    auto const communicator = communicators_.find(ranks);
    return communicator == communicators_.end() ? nullptr : &communicator->second;
  }

  /// The one place where a library prints: MPI_Abort ends this process before main could.
  [[noreturn]] static void abort_job(std::string const& why) {
    std::fprintf(stderr, "kurve: %s (all MPI ranks stop)\n", why.c_str());
    MPI_Abort(MPI_COMM_WORLD, 4);
    std::abort();
  }

  std::unique_ptr<Workload> workload_;
  BackendInfo info_;
  int rank_ = 0;
  std::string broken_;  // what failed in the midst of a task, after which no rank can be reached
  std::map<int, MPI_Comm> comms_;
  std::map<int, MpiCommunicator> communicators_;
};

}  // namespace

std::unique_ptr<Backend> make_mpi_backend(std::string const& workload) {
  int initialised = 0;
  MPI_Initialized(&initialised);
  if (initialised != 0)
    throw DeviceError("MPI was initialised before in this process (it can be only once). Keep one backend?");
  return std::make_unique<MpiBackend>(workload);
}

bool started_by_mpi_launcher() {
  for (char const* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK"})
    if (std::getenv(name) != nullptr) return true;
  return false;
}

MpiPresence mpi_presence() { return {.why_not = {}, .detail = library_version()}; }

}  // namespace kurve::calibrate
