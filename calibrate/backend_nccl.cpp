// SPDX-License-Identifier: Apache-2.0
#include "calibrate/backend_nccl.hpp"

#include <nccl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <thread>
#include <utility>

#include "calibrate/backend_mpi.hpp"
#include "calibrate/cuda_devices.hpp"
#include "calibrate/gpu_info.hpp"
#include "calibrate/gpu_worker.hpp"
#include "calibrate/nccl_log.hpp"
#include "calibrate/process_group.hpp"
#include "calibrate/watched.hpp"

namespace kurve::calibrate {
namespace {

static_assert(std::is_trivially_copyable_v<WorkerResult> && std::is_trivially_copyable_v<Task>);

constexpr int ring_algorithm = 0;  // index into BackendInfo::algorithms

// Buffers of the communicators: two for each K, some 0.1 to 0.3 GiB each; an estimate, which only has to be enough.
constexpr std::int64_t communicators_bytes = std::int64_t{3} << 30;

void check_nccl(ncclResult_t result, char const* call, ncclComm_t comm = nullptr) {
  if (result == ncclSuccess) return;
  std::string text = std::string(call) + ": " + ncclGetErrorString(result);
  if (char const* detail = ncclGetLastError(comm); detail != nullptr && *detail != '\0')
    text += std::string(" (") + detail + ")";
  throw DeviceError(text);
}

/// An environment variable, set while this lives. NCCL's settings are variables: NCCL_ALGO has no field in
/// ncclConfig_t, and is read whenever a communicator is made (src/graph/tuning.cc), by threads that are ours.
class Setting {
 public:
  Setting(char const* name, char const* value) : name_(name) {
    if (char const* before = std::getenv(name)) before_ = before;
    setenv(name, value, 1);
  }
  Setting(Setting const&) = delete;
  Setting& operator=(Setting const&) = delete;
  ~Setting() { before_ ? setenv(name_, before_->c_str(), 1) : unsetenv(name_); }

 private:
  char const* name_;
  std::optional<std::string> before_;
};

/// NCCL's log of what it chose, in a file that goes with this. Empty where the user has NCCL log elsewhere. NCCL reads
/// these settings once, when it is first called: a second log in one process stays empty.
class ChoiceLog {
 public:
  ChoiceLog() {
    if (std::getenv("NCCL_DEBUG") != nullptr || std::getenv("NCCL_DEBUG_FILE") != nullptr) return;
    std::error_code error;
    std::string path = std::filesystem::temp_directory_path(error) / "kurve-nccl-XXXXXX";
    int const file = error ? -1 : mkstemp(path.data());
    if (file < 0) return;
    close(file);
    path_ = path;
    level_.emplace("NCCL_DEBUG", "INFO");
    subsystem_.emplace("NCCL_DEBUG_SUBSYS", "TUNING");
    file_.emplace("NCCL_DEBUG_FILE", path_.c_str());
  }
  ChoiceLog(ChoiceLog const&) = delete;
  ChoiceLog& operator=(ChoiceLog const&) = delete;
  ~ChoiceLog() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove(path_, ignored);
  }
  /// "RING/LL128" for the last all-reduce of so many bytes; "" where unknown.
  std::string last(std::int64_t bytes) const {
    if (path_.empty()) return {};
    std::ifstream in(path_, std::ios::binary | std::ios::ate);
    auto const size = static_cast<std::int64_t>(in.tellg());
    constexpr std::int64_t tail = 1 << 16;  // the last call is at the end; a line is some 100 bytes
    in.seekg(std::max<std::int64_t>(0, size - tail));
    std::string text(static_cast<std::size_t>(std::clamp<std::int64_t>(size, 0, tail)), '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    return nccl_choice(text, bytes);
  }

 private:
  std::string path_;
  std::optional<Setting> level_, subsystem_, file_;
};

/// What the ranks of this process use; shared with threads that had to be left behind.
struct Local {
  std::unique_ptr<ProcessGroup> group;
  std::vector<std::unique_ptr<cuda::Worker>> workers;                    // [local ranks]
  std::map<std::pair<int, int>, std::vector<ncclComm_t>> communicators;  // by ranks, algorithm; [local ranks in it]

  int first_rank() const { return group->rank() * static_cast<int>(workers.size()); }
  int world() const { return group->size() * static_cast<int>(workers.size()); }
  /// How many of the first `ranks` ranks this process runs.
  int taking_part(int ranks) const { return std::clamp(ranks - first_rank(), 0, static_cast<int>(workers.size())); }
  /// Processes that run them all.
  int processes_of(int ranks) const {
    int const each = static_cast<int>(workers.size());
    return (ranks + each - 1) / each;
  }
};

class NcclRing : public cuda::Ring {
 public:
  NcclRing(int rank, int processes, Local& local, Meeting& meeting, ncclComm_t comm)
      : rank_(rank), processes_(processes), local_(local), meeting_(meeting), comm_(comm) {}
  int rank() const override { return rank_; }
  void meet() override {
    meeting_.arrive();
    if (processes_ > 1) local_.group->meet(processes_);  // then each process has one rank
  }
  void allreduce(void* buffer, std::int64_t elements, NumberFormat format, int, cudaStream_t stream) override {
    auto const type = format == NumberFormat::bf16 ? ncclBfloat16 : ncclFloat32;
    check_nccl(ncclAllReduce(buffer, buffer, static_cast<std::size_t>(elements), type, ncclSum, comm_, stream),
               "ncclAllReduce", comm_);
  }

 private:
  int rank_, processes_;
  Local& local_;
  Meeting& meeting_;
  ncclComm_t comm_;
};

bool needs_communicator(Task const& task) {
  return task.ranks > 1 &&
         (task.kind == Task::Kind::allreduce || task.kind == Task::Kind::verify || task.kind == Task::Kind::step);
}

class NcclBackend : public RankedBackend {
 public:
  NcclBackend(TrainingJob const& job, std::unique_ptr<ProcessGroup> group, std::vector<int> const& devices)
      : job_(job), local_(std::make_shared<Local>()) {
    std::int64_t usable = cuda::usable_bytes(devices.front());
    for (int const device : devices) usable = std::min(usable, cuda::usable_bytes(device));
    info_ = gpu_info(job, group->least(usable - communicators_bytes));
    for (int const device : devices) local_->workers.push_back(std::make_unique<cuda::Worker>(device, job));
    local_->group = std::move(group);
    int version = 0;
    check_nccl(ncclGetVersion(&version), "ncclGetVersion");
    auto const& first = *local_->workers.front();
    info_.name = "nccl";
    info_.device = std::to_string(local_->world()) + " x " + first.name() + ", NCCL " + nccl_version_text(version);
    info_.max_ranks = local_->world();
    info_.workers_per_node = local_->group->local_size() * static_cast<int>(devices.size());
    info_.algorithms = {"ring", "library"};
    info_.message_bytes = gpu_message_bytes();
    if (!first.conditions_unknown().empty())
      info_.notes.push_back("clock, power and throttling of the GPUs are not known: " + first.conditions_unknown());
  }

  ~NcclBackend() override {
    if (!broken_.empty()) {
      // Threads may still be inside NCCL or CUDA: what they use is left to them, and to the end of the process.
      static_cast<void>(new std::shared_ptr<Local>(local_));
      local_->group->end_all(broken_);
      return;
    }
    try {
      if (drives()) announce({.kind = Task::Kind::stop});
      for (auto& [key, comms] : local_->communicators)
        for (ncclComm_t const comm : comms) ncclCommDestroy(comm);
    } catch (std::exception const& error) {
      local_->group->end_all(error.what());
    }
  }

  BackendInfo const& info() const override { return info_; }
  bool drives() const override { return local_->group->rank() == 0; }
  Observation observed() const override {
    auto seen = observation_of(last_);
    seen.chosen = chosen_;
    return seen;
  }
  std::vector<Rating> rates(std::span<TimedPart const> parts) override {
    auto& worker = *local_->workers.front();
    return judge_rates(job_, worker.name(), worker.measure_ceilings(), parts);
  }

  void follow() override {
    try {
      for (Task task = announce({}); task.kind != Task::Kind::stop; task = announce({}))
        static_cast<void>(take_part(task));
    } catch (std::exception const& error) {
      // The driver notices by itself, keeps what it has, and ends the job; only if it does not, this rank does.
      std::this_thread::sleep_for(std::chrono::seconds(20));
      broken_ = error.what();
      local_->group->end_all(broken_);
    }
  }

 private:
  std::vector<RankResult> run(Task const& task) override {
    try {
      announce(task);
      last_ = take_part(task);
    } catch (std::exception const& error) {
      broken_ = error.what();
      throw;
    }
    bool const collective = task.kind == Task::Kind::allreduce || task.kind == Task::Kind::verify;
    chosen_ = collective ? log_.last(task.bytes) : std::string{};
    std::vector<RankResult> times;
    for (auto const& result : last_) times.push_back(result.times);
    return times;
  }

  Task announce(Task task) {
    local_->group->broadcast(std::as_writable_bytes(std::span(&task, 1)));
    return task;
  }

  /// @return every rank's result on process 0, nothing elsewhere
  std::vector<WorkerResult> take_part(Task const& task) {
    std::vector<ncclComm_t> comms;
    if (needs_communicator(task)) comms = communicators(task.ranks, task.algorithm);
    int const mine = local_->taking_part(task.ranks);
    if (mine == 0) return {};
    auto const results = std::make_shared<std::vector<WorkerResult>>(static_cast<std::size_t>(mine));
    auto const meeting = std::make_shared<Meeting>(mine);
    int const processes = local_->processes_of(task.ranks);
    run_watched(
        mine,
        [=, local = local_](int index) {
          auto const i = static_cast<std::size_t>(index);
          NcclRing ring(local->first_rank() + index, processes, *local, *meeting, comms.empty() ? nullptr : comms[i]);
          (*results)[i] = local->workers[i]->run(task, ring);
        },
        watch_over(meeting, comms));
    auto const bytes = local_->group->gather(std::as_bytes(std::span(*results)), processes);
    std::vector<WorkerResult> all(bytes.size() / sizeof(WorkerResult));
    std::memcpy(all.data(), bytes.data(), all.size() * sizeof(WorkerResult));
    return all;
  }

  static Watch watch_over(std::shared_ptr<Meeting> const& meeting, std::vector<ncclComm_t> const& comms) {
    Watch watch;
    watch.trouble = [comms]() -> std::string {
      for (ncclComm_t const comm : comms) {
        ncclResult_t error = ncclSuccess;
        if (ncclCommGetAsyncError(comm, &error) != ncclSuccess || error == ncclSuccess || error == ncclInProgress)
          continue;
        return std::string("NCCL, asynchronously: ") + ncclGetErrorString(error) + " (" + ncclGetLastError(comm) + ")";
      }
      return {};
    };
    watch.rescue = [meeting, comms] {
      meeting->abandon();
      // Apart, because an abort may itself wait; it frees kernels and calls that wait for a rank that is gone.
      std::thread([comms] {
        for (ncclComm_t const comm : comms) ncclCommAbort(comm);
      }).detach();
    };
    return watch;
  }

  /// Made at first use; every process calls it for every task, so that all of them make it together.
  std::vector<ncclComm_t> communicators(int ranks, int algorithm) {
    auto const key = std::pair(ranks, algorithm);
    if (auto const found = local_->communicators.find(key); found != local_->communicators.end()) return found->second;
    ncclUniqueId id{};
    if (drives()) check_nccl(ncclGetUniqueId(&id), "ncclGetUniqueId");
    local_->group->broadcast(std::as_writable_bytes(std::span(&id, 1)));
    int const mine = local_->taking_part(ranks);
    auto const made = std::make_shared<std::vector<ncclComm_t>>(static_cast<std::size_t>(mine), nullptr);
    if (mine > 0) {
      std::optional<Setting> forced;
      if (algorithm == ring_algorithm) forced.emplace("NCCL_ALGO", "Ring");
      run_watched(mine,
                  [=, local = local_](int index) {
                    auto const i = static_cast<std::size_t>(index);
                    local->workers[i]->make_current();
                    check_nccl(ncclCommInitRank(&(*made)[i], ranks, id, local->first_rank() + index),
                               "ncclCommInitRank");
                  },
                  {});
    }
    return local_->communicators[key] = *made;
  }

  ChoiceLog log_;  // first: NCCL reads its log's settings when it is first called
  TrainingJob job_;
  BackendInfo info_;
  std::shared_ptr<Local> local_;
  std::vector<WorkerResult> last_;
  std::string chosen_;
  std::string broken_;  // what failed in the midst of a task, after which no rank can be reached
};

}  // namespace

std::unique_ptr<Backend> make_nccl_backend(std::string const& workload) {
  auto const job = training_job_from_text(workload);
  if (auto const presence = nccl_presence(); !presence.why_not.empty())
    throw DeviceError("nccl: " + presence.why_not + " (it measures GPUs). See what there is: kurve devices?");
  int const devices = cuda_device_count();
  if (!started_by_mpi_launcher()) {
    std::vector<int> all;
    for (int device = 0; device < devices; ++device) all.push_back(device);
    return std::make_unique<NcclBackend>(job, std::make_unique<ProcessGroup>(), all);
  }
  auto group = join_mpi_processes();
  if (group->size() < 2) throw DeviceError("nccl: one process (a ring needs two). Start more: mpirun -n 2?");
  // A launcher may show each process its own GPU only; else the local rank chooses.
  if (devices != 1 && devices < group->local_size())
    throw DeviceError("nccl: " + std::to_string(group->local_size()) + " processes on this node, " +
                      std::to_string(devices) + " GPUs (one for each). Start fewer, or take --device mpi?");
  int const device = devices == 1 ? 0 : group->local_rank();
  return std::make_unique<NcclBackend>(job, std::move(group), std::vector<int>{device});
}

}  // namespace kurve::calibrate
