// SPDX-License-Identifier: Apache-2.0
// Every process runs the same checks; any that fails ends the job.
#include "calibrate/process_group.hpp"

#include <cstdio>
#include <cstring>
#include <thread>

#include "model/error.hpp"

using namespace kurve::calibrate;

namespace {

int failures = 0;
void expect(bool ok, char const* what, int rank) {
  if (ok) return;
  ++failures;
  std::fprintf(stderr, "rank %d: %s\n", rank, what);
}

void check(ProcessGroup& group) {
  int const rank = group.rank(), size = group.size();
  // One machine: one node, in the order of the world.
  expect(group.local_rank() == rank && group.local_size() == size, "local ranks", rank);
  int word = rank == 0 ? 42 : 0;
  group.broadcast(std::as_writable_bytes(std::span(&word, 1)));
  expect(word == 42, "broadcast", rank);
  expect(group.least(10 - rank) == 10 - (size - 1), "least", rank);
  for (int members = 1; members <= size; ++members) {
    if (rank >= members) continue;
    group.meet(members);
    int const own = 100 + rank;
    auto const bytes = group.gather(std::as_bytes(std::span(&own, 1)), members);
    expect(bytes.size() == (rank == 0 ? sizeof own * static_cast<std::size_t>(members) : 0), "gathered size", rank);
    for (std::size_t i = 0; i < bytes.size() / sizeof own; ++i) {
      int value = 0;
      std::memcpy(&value, bytes.data() + i * sizeof own, sizeof value);
      expect(value == 100 + static_cast<int>(i), "gathered value", rank);
    }
  }
  std::thread([&] { group.meet(size); }).join();  // as the thread of a rank does
}

}  // namespace

int main() {
  try {
    ProcessGroup alone;
    check(alone);
    auto const group = join_mpi_processes();
    check(*group);
    if (failures > 0) group->end_all("checks failed");
    return 0;
  } catch (kurve::NotBuilt const& reason) {
    std::fprintf(stderr, "skipped: %s\n", reason.what());
    return 77;
  }
}
