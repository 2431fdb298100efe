// SPDX-License-Identifier: Apache-2.0
#include "calibrate/backend_mpi.hpp"

#include <mpi.h>
#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <map>
#include <optional>
#include <set>
#include <thread>

#include "calibrate/cpu_ratings.hpp"
#include "calibrate/rank_task.hpp"
#include "calibrate/watchdog.hpp"
#include "calibrate/workload.hpp"
#include "data/mpi_error.hpp"
#include "data/provenance.hpp"
#include "data/quantity_text.hpp"
#include "model/contract.hpp"
#include "model/error.hpp"

namespace kurve::calibrate {
namespace {

using data::check_mpi;
using Clock = std::chrono::steady_clock;

/// A rank that keeps another waiting for this long is taken to hang: MPI itself would wait for ever. Long enough for a
/// connection to be made or a lost packet to be sent again, short enough that all is over within half a minute.
constexpr Seconds patience{10.0};
constexpr Seconds grace{5.0};                // in which ranks that live say so
constexpr double slowest_network_Bps = 1e6;  // a message's own time comes on top; 8 Mbit/s is slower than any cluster
enum Tag : int { data_tag, barrier_tag, result_tag, name_tag, alive_tag };

int count_of(std::size_t elements) {
  KURVE_EXPECT(elements <= INT_MAX);
  return static_cast<int>(elements);
}

/// Whether Open MPI was told, or found, that there are more ranks than cores.
bool ranks_share_cores() {
  int provided = 0, index = 0, count = 0, value = 0;
  if (MPI_T_init_thread(MPI_THREAD_SINGLE, &provided) != MPI_SUCCESS) return false;
  MPI_T_cvar_handle handle{};
  if (MPI_T_cvar_get_index("mpi_yield_when_idle", &index) == MPI_SUCCESS &&
      MPI_T_cvar_handle_alloc(index, nullptr, &handle, &count) == MPI_SUCCESS) {
    MPI_T_cvar_read(handle, &value);
    MPI_T_cvar_handle_free(&handle);
  }
  MPI_T_finalize();
  return value != 0;
}

/// Somebody did not answer; who, only the driver can find out.
struct Hang {
  int waits_for = -1;  ///< rank, -1 where it could be any
};

/// Messages between the ranks of the world that can be given up on.
class Messenger {
 public:
  explicit Messenger(bool shares_core) : shares_core_(shares_core) {
    if (shares_core) prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);  // else a nap takes 50 us more
  }

  /// Until the request is done. Time counts only while this rank runs: one that was stopped and goes on (Ctrl-Z, a
  /// suspended machine) must not blame the others.
  /// A rank with a core of its own spins. Where ranks share cores it naps between polls, or those that wait would keep
  /// those that work from working; that costs a hop half a nap, a latency like any other.
  /// @param bytes  of the message, whose own time comes on top. @throws Hang
  void await(MPI_Request& request, int waits_for, std::size_t bytes = 0) const {
    double const limit_s = patience.count() + static_cast<double>(bytes) / slowest_network_Bps;
    double waited_s = 0.0;
    auto last = Clock::now();
    for (int done = 0;;) {
      check_mpi(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
      if (done != 0) return;
      if (shares_core_) std::this_thread::sleep_for(std::chrono::microseconds(200));
      auto const now = Clock::now();
      waited_s += std::min(0.1, std::chrono::duration<double>(now - last).count());
      last = now;
      if (waited_s > limit_s) throw Hang{waits_for};
    }
  }

  void send(void const* bytes, std::size_t count, int to, int tag) const {
    MPI_Request request = MPI_REQUEST_NULL;
    check_mpi(MPI_Isend(bytes, count_of(count), MPI_BYTE, to, tag, MPI_COMM_WORLD, &request), "MPI_Isend");
    await(request, to, count);
  }

  void receive(void* bytes, std::size_t count, int from, int tag) const {
    MPI_Request request = MPI_REQUEST_NULL;
    check_mpi(MPI_Irecv(bytes, count_of(count), MPI_BYTE, from, tag, MPI_COMM_WORLD, &request), "MPI_Irecv");
    await(request, from, count);
  }

  void exchange(std::span<std::byte const> out, int to, std::span<std::byte> in, int from, int tag) const {
    MPI_Request incoming = MPI_REQUEST_NULL, outgoing = MPI_REQUEST_NULL;
    check_mpi(MPI_Irecv(in.data(), count_of(in.size()), MPI_BYTE, from, tag, MPI_COMM_WORLD, &incoming), "MPI_Irecv");
    check_mpi(MPI_Isend(out.data(), count_of(out.size()), MPI_BYTE, to, tag, MPI_COMM_WORLD, &outgoing), "MPI_Isend");
    await(incoming, from, in.size());
    await(outgoing, to, out.size());
  }

 private:
  bool shares_core_;
};

/// The first K ranks of the world. Messages go by MPI_Isend and MPI_Irecv, which can be given up on.
class MpiCommunicator : public Communicator {
 public:
  /// @param library  a communicator of the same ranks, for the library's all-reduce
  /// @param watchdog  of that all-reduce, which cannot be given up on
  /// @param scratch  kept by the caller: allocating inside a timing would be timed
  MpiCommunicator(int rank, int ranks, Messenger const& messenger, MPI_Comm library, Watchdog& watchdog,
                  std::vector<float>& scratch)
      : messenger_(messenger), library_(library), watchdog_(watchdog), rank_(rank), ranks_(ranks), incoming_(scratch) {}
  int rank() const override { return rank_; }
  int ranks() const override { return ranks_; }

  /// Dissemination (Hensgen, Finkel & Manber, Int. J. Parallel Programming 17 (1988) 1-17): nobody leaves before all
  /// are there.
  void barrier() override {
    for (int distance = 1; distance < ranks_; distance *= 2)
      messenger_.exchange({}, (rank_ + distance) % ranks_, {}, (rank_ + ranks_ - distance) % ranks_, barrier_tag);
  }

  void allreduce(std::span<float> values, int algorithm) override {
    if (algorithm == 1) {
      watchdog_.call([&] {
        check_mpi(MPI_Allreduce(MPI_IN_PLACE, values.data(), count_of(values.size()), MPI_FLOAT, MPI_SUM, library_),
                  "MPI_Allreduce");
      });
      return;
    }
    incoming_.resize(values.size() / static_cast<std::size_t>(ranks_) + 1);
    ring_allreduce(rank_, ranks_, values, incoming_, [this](std::span<float const> out, std::span<float> in) {
      messenger_.exchange(std::as_bytes(out), (rank_ + 1) % ranks_, std::as_writable_bytes(in),
                          (rank_ + ranks_ - 1) % ranks_, data_tag);
    });
  }

 private:
  Messenger const& messenger_;
  MPI_Comm library_;
  Watchdog& watchdog_;
  int rank_, ranks_;
  std::vector<float>& incoming_;
};

std::string library_version() {
  char text[MPI_MAX_LIBRARY_VERSION_STRING] = "";
  int length = 0;
  MPI_Get_library_version(text, &length);
  std::string const version(text, static_cast<std::size_t>(length));
  return version.substr(0, version.find(','));
}

using HostName = std::array<char, MPI_MAX_PROCESSOR_NAME>;

HostName own_host_name() {
  HostName name{};
  int length = 0;
  check_mpi(MPI_Get_processor_name(name.data(), &length), "MPI_Get_processor_name");
  return name;
}

std::string describe(Task const& task) {
  std::string const on = " on " + std::to_string(task.ranks) + (task.ranks == 1 ? " rank" : " ranks");
  std::string const batch = " of local batch " + std::to_string(task.local_batch);
  std::string const message = (task.algorithm == 0 ? " ring, " : " library, ") + std::to_string(task.bytes) + " bytes";
  switch (task.kind) {
    case Task::Kind::stop:
      return "the start";
    case Task::Kind::begin_run:
      return "the start of a run";
    case Task::Kind::sleep:
      return "the known sleep";
    case Task::Kind::serial:
      return "serial work" + on;
    case Task::Kind::compute:
      return "compute" + batch + on;
    case Task::Kind::allreduce:
      return "all-reduce" + message + on;
    case Task::Kind::verify:
      return "verification of the all-reduce" + message + on;
    case Task::Kind::step:
      return "a whole step" + batch + on;
  }
  return {};
}

class MpiBackend : public RankedBackend {
 public:
  explicit MpiBackend(std::string const& workload) : workload_(make_workload(workload)) {
    watched("MPI_Init", [] { check_mpi(MPI_Init(nullptr, nullptr), "MPI_Init"); });
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    messenger_.emplace(ranks_share_cores());
    int size = 1;
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    hosts_.resize(static_cast<std::size_t>(size));
    info_ = {
        .name = "mpi",
        .device = data::this_machine().processor + ", " + library_version() + ", " + std::to_string(size) + " ranks",
        .max_ranks = size,
        .workers_per_node = 1,
        .algorithms = {"ring", "library"}};
    describe_workload(info_, *workload_);
    try {
      guarded({.kind = Task::Kind::stop, .ranks = size}, [&] { gather_hosts(); });
    } catch (DeviceError const& error) {
      abort_job(error.what());  // no destructor will
    }
    // Neighbours on one host before the ring leaves it: what its hops see, wherever mpirun put the ranks.
    while (info_.workers_per_node < size && hosts_[static_cast<std::size_t>(info_.workers_per_node)] == hosts_[0])
      ++info_.workers_per_node;
    if (drives()) {
      auto const nodes = std::set<std::string>(hosts_.begin(), hosts_.end()).size();
      info_.device += " on " + std::to_string(nodes) + (nodes == 1 ? " host" : " hosts");
    }
  }

  ~MpiBackend() override {
    if (!broken_.empty()) abort_job(broken_);  // the others may wait inside the task that failed
    try {
      if (drives()) announce({.kind = Task::Kind::stop});
    } catch (std::exception const& error) {
      abort_job(error.what());
    }
    watched("MPI_Finalize", [this] {
      for (auto& [ranks, comm] : comms_)
        if (comm != MPI_COMM_NULL) MPI_Comm_free(&comm);
      MPI_Finalize();
    });
  }

  BackendInfo const& info() const override { return info_; }
  bool drives() const override { return rank_ == 0; }
  std::vector<model::Rating> rates(std::span<TimedPart const> parts) override { return cpu_ratings(*workload_, parts); }

  void follow() override {
    try {
      for (Task task = announce({}); task.kind != Task::Kind::stop; task = announce({})) take_part(task);
    } catch (Hang const& hang) {
      report_alive(hang);
    } catch (std::exception const& error) {
      abort_job(error.what());  // the driver waits for this rank: only the end of the job tells it
    }
  }

 private:
  std::vector<RankResult> run(Task const& task) override {
    std::vector<RankResult> results;
    guarded(task, [&] {
      announce(task);
      results = take_part(task);
    });
    return results;
  }

  /// What fails in the midst of a task leaves the other ranks inside it: nothing more can be asked of them.
  template <typename Body>
  void guarded(Task const& task, Body const& body) {
    try {
      body();
    } catch (Hang const& hang) {
      if (!drives()) report_alive(hang);
      broken_ = who_hangs(task, hang);
      throw DeviceError(broken_);
    } catch (std::exception const& error) {
      broken_ = error.what();
      throw;
    }
  }

  /// A call that needs all ranks and that MPI does not give up on.
  template <typename Body>
  void watched(char const* call, Body const& body) {
    watchdog_.watch(all_ranks_limit, std::string(call) + " on '" + data::this_machine().host + "'", body);
  }

  /// Rank 0's task reaches every rank. Those who wait for one sleep between polls: spinning, as MPI_Bcast does, they
  /// would heat and slow the cores that measure. They wait for as long as the driver lives.
  Task announce(Task task) {
    MPI_Request request = MPI_REQUEST_NULL;
    check_mpi(MPI_Ibcast(&task, sizeof task, MPI_BYTE, 0, MPI_COMM_WORLD, &request), "MPI_Ibcast");
    if (drives()) {
      messenger_->await(request, -1);
      return task;
    }
    for (int done = 0; done == 0;) {
      check_mpi(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
      if (done == 0) std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    return task;
  }

  /// @return every rank's result on rank 0, nothing elsewhere
  std::vector<RankResult> take_part(Task const& task) {
    MPI_Comm const library = task.algorithm == 1 ? communicator_of(task.ranks) : MPI_COMM_NULL;
    if (rank_ >= task.ranks) return {};
    MpiCommunicator communicator(rank_, task.ranks, *messenger_, library, watchdog_, incoming_);
    RankResult own = run_watched(task, communicator);
    if (!drives()) {
      messenger_->send(&own, sizeof own, 0, result_tag);
      return {};
    }
    std::vector<RankResult> all{own};
    for (int rank = 1; rank < task.ranks; ++rank) {
      messenger_->receive(&own, sizeof own, rank, result_tag);
      all.push_back(own);
    }
    return all;
  }

  /// The library's all-reduce is the blocking one that programs call: MPI_Iallreduce could be given up on, but Open MPI
  /// 4.1 and 5.0 run it as a binomial tree whatever the tuning, and three times as long.
  RankResult run_watched(Task const& task, MpiCommunicator& communicator) {
    if (task.algorithm != 1) return run_task(task, *workload_, communicator);
    auto const gradient = static_cast<double>(workload_->gradient_bytes());
    double const bytes = std::max(static_cast<double>(task.bytes), gradient);
    return watchdog_.watch_calls(patience + Seconds{2.0 * bytes / slowest_network_Bps},
                                 "MPI_Allreduce on '" + data::this_machine().host + "' (" + describe(task) + ")",
                                 [&] { return run_task(task, *workload_, communicator); });
  }

  /// The first `ranks` ranks, split off at first use (all ranks see the same tasks, so all split together).
  MPI_Comm communicator_of(int ranks) {
    auto const [at, fresh] = comms_.try_emplace(ranks, MPI_COMM_NULL);
    if (fresh)
      watched("MPI_Comm_split", [&] {
        check_mpi(MPI_Comm_split(MPI_COMM_WORLD, rank_ < ranks ? 0 : MPI_UNDEFINED, rank_, &at->second),
                  "MPI_Comm_split");
      });
    return at->second;
  }

  void gather_hosts() {
    HostName name = own_host_name();
    if (!drives()) return messenger_->send(name.data(), name.size(), 0, name_tag);
    hosts_[0] = name.data();
    for (int rank = 1; rank < info_.max_ranks; ++rank) {
      messenger_->receive(name.data(), name.size(), rank, name_tag);
      hosts_[static_cast<std::size_t>(rank)] = name.data();
    }
  }

  /// Tells the driver that this rank only waits, and ends with the job.
  [[noreturn]] void report_alive(Hang const& hang) {
    try {
      messenger_->send(&hang, sizeof hang, 0, alive_tag);
      std::this_thread::sleep_for(grace + patience);
    } catch (Hang const&) {  // not even the driver answers
    } catch (std::exception const& error) {
      abort_job(error.what());
    }
    abort_job("rank 0 does not answer rank " + std::to_string(rank_) + " on " + own_host_name().data());
  }

  /// Ranks that wait for the one that hangs report before long; the one that is silent is it.
  std::string who_hangs(Task const& task, Hang const& own) {
    std::map<int, Hang> alive{{0, own}};
    auto const end = Clock::now() + std::chrono::duration_cast<Clock::duration>(grace);
    while (Clock::now() < end && static_cast<int>(alive.size()) < task.ranks) {
      MPI_Status status{};
      int there = 0;
      check_mpi(MPI_Iprobe(MPI_ANY_SOURCE, alive_tag, MPI_COMM_WORLD, &there, &status), "MPI_Iprobe");
      if (there != 0)
        messenger_->receive(&alive[status.MPI_SOURCE], sizeof(Hang), status.MPI_SOURCE, alive_tag);
      else
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    auto const name = [&](int rank) {
      return "rank " + std::to_string(rank) + " on '" + hosts_[static_cast<std::size_t>(rank)] + "'";
    };
    std::string silent, waiting;
    for (int rank = 0; rank < task.ranks; ++rank) {
      auto const found = alive.find(rank);
      if (found == alive.end())
        silent += (silent.empty() ? "" : ", ") + name(rank);
      else if (found->second.waits_for >= 0)
        waiting += (waiting.empty() ? "" : ", ") + name(rank) + " for " + name(found->second.waits_for);
    }
    std::string const where = " in " + describe(task) + " (waited " + data::number_text(patience.count()) + " s). ";
    if (!silent.empty()) return "no answer from " + silent + where + "Is it stopped, or its network down?";
    return "all ranks live, but messages do not arrive" + where + "Waiting: " + waiting +
           ". Is the network between them open?";
  }

  /// The one place where a library prints: MPI_Abort ends this process before main could.
  [[noreturn]] static void abort_job(std::string const& why) {
    std::fprintf(stderr, "kurve: %s (all MPI ranks stop)\n", why.c_str());
    MPI_Abort(MPI_COMM_WORLD, 4);
    std::abort();
  }

  Watchdog watchdog_{exit_without_ranks};
  std::unique_ptr<Workload> workload_;
  BackendInfo info_;
  std::optional<Messenger> messenger_;  // once MPI is there
  int rank_ = 0;
  std::vector<std::string> hosts_;  // [ranks], known to the driver
  std::string broken_;              // what failed in the midst of a task, after which no rank can be reached
  std::map<int, MPI_Comm> comms_;
  std::vector<float> incoming_;
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
