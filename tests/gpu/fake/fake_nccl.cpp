// SPDX-License-Identifier: Apache-2.0
// NCCL for ranks that are threads of this process: sums on the streams, in rank order.
#include <nccl.h>

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tests/gpu/fake/element.hpp"
#include "tests/gpu/fake/fake_cuda.hpp"

namespace {

using kurve::calibrate::NumberFormat;

std::atomic<bool> network_broken{false};
std::atomic<std::size_t> summed_bytes{0};

/// The ranks of one unique id.
struct Clique {
  std::mutex mutex;
  std::condition_variable changed;
  int ranks = 0, joined = 0, arrived = 0;
  long round = 0;
  bool aborted = false;
  std::vector<void*> buffers;
};
std::mutex cliques_mutex;
std::map<std::string, std::shared_ptr<Clique>> cliques;
int next_id = 0;

void sum(Clique& clique, std::size_t count, NumberFormat format) {
  for (std::size_t i = 0; i < count; ++i) {
    auto const at = static_cast<std::int64_t>(i);
    float total = 0.0f;
    for (void const* buffer : clique.buffers) total += kurve::fake::get(buffer, at, format);
    for (void* buffer : clique.buffers) kurve::fake::put(buffer, at, format, total);
  }
}

/// The last rank to come sums for all.
void take_part(Clique& clique, int rank, void* buffer, std::size_t count, NumberFormat format) {
  std::unique_lock lock(clique.mutex);
  if (network_broken && clique.ranks > 1) {
    clique.changed.wait(lock, [&] { return clique.aborted; });
    return;
  }
  clique.buffers[static_cast<std::size_t>(rank)] = buffer;
  long const round = clique.round;
  if (++clique.arrived == clique.ranks) {
    sum(clique, count, format);
    clique.arrived = 0;
    ++clique.round;
    clique.changed.notify_all();
    return;
  }
  clique.changed.wait(lock, [&] { return clique.aborted || clique.round != round; });
}

}  // namespace

struct ncclComm {
  std::shared_ptr<Clique> clique;
  int rank = 0, device = 0;
};

void kurve::fake::break_network(bool broken) { network_broken = broken; }
std::size_t kurve::fake::take_summed_bytes() { return summed_bytes.exchange(0); }

extern "C" {

ncclResult_t ncclGetVersion(int* version) { return *version = NCCL_VERSION_CODE, ncclSuccess; }
char const* ncclGetErrorString(ncclResult_t result) { return result == ncclRemoteError ? "remote error" : "error"; }
char const* ncclGetLastError(ncclComm_t) { return "a fake peer is gone"; }
ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  std::lock_guard const lock(cliques_mutex);
  std::memset(id, 0, sizeof *id);
  std::string const name = "id" + std::to_string(next_id++);
  std::memcpy(id->internal, name.data(), name.size());
  return ncclSuccess;
}
ncclResult_t ncclCommInitRank(ncclComm_t* comm, int ranks, ncclUniqueId id, int rank) {
  std::shared_ptr<Clique> clique;
  {
    std::lock_guard const lock(cliques_mutex);
    auto& entry = cliques[id.internal];
    if (!entry) entry = std::make_shared<Clique>();
    clique = entry;
  }
  std::unique_lock lock(clique->mutex);
  clique->ranks = ranks;
  clique->buffers.resize(static_cast<std::size_t>(ranks));
  if (++clique->joined == ranks) clique->changed.notify_all();
  clique->changed.wait(lock, [&] { return clique->joined == ranks; });  // it is made together
  *comm = new ncclComm{clique, rank, kurve::fake::current_device()};
  return ncclSuccess;
}
ncclResult_t ncclAllReduce(void const* from, void* to, std::size_t count, ncclDataType_t type, ncclRedOp_t op,
                           ncclComm_t comm, cudaStream_t stream) {
  if (from != to || op != ncclSum || comm->device != kurve::fake::current_device()) return ncclInvalidUsage;
  auto const format = type == ncclBfloat16 ? NumberFormat::bf16 : NumberFormat::fp32;
  if (comm->rank == 0) summed_bytes += count * (format == NumberFormat::bf16 ? 2 : 4);
  if (comm->rank == 0) {  // NCCL's own log, as 2.28 writes it
    if (char const* path = std::getenv("NCCL_DEBUG_FILE"))
      if (std::FILE* log = std::fopen(path, "a")) {
        std::fprintf(log, "host:1:1 [0] NCCL INFO AllReduce: %zu Bytes -> Algo RING proto LL channel{Lo..Hi}={0..0}\n",
                     count * (format == NumberFormat::bf16 ? 2 : 4));
        std::fclose(log);
      }
  }
  kurve::fake::enqueue(stream,
                       [=, clique = comm->clique, rank = comm->rank] { take_part(*clique, rank, to, count, format); });
  return ncclSuccess;
}
ncclResult_t ncclCommGetAsyncError(ncclComm_t, ncclResult_t* error) {
  return *error = network_broken ? ncclRemoteError : ncclSuccess, ncclSuccess;
}
ncclResult_t ncclCommAbort(ncclComm_t comm) {
  std::lock_guard const lock(comm->clique->mutex);
  comm->clique->aborted = true;
  comm->clique->changed.notify_all();
  return ncclSuccess;  // the communicator itself is left to the process
}
ncclResult_t ncclCommDestroy(ncclComm_t comm) { return delete comm, ncclSuccess; }
}
