// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace kurve::calibrate {

/// Processes that measure together, in an order that fills one node after the other: the first K are whole nodes before
/// partial ones, however the launcher placed them. Calls may come from any thread, but one at a time.
class ProcessGroup {
 public:
  ProcessGroup() = default;
  ProcessGroup(ProcessGroup const&) = delete;
  ProcessGroup& operator=(ProcessGroup const&) = delete;
  virtual ~ProcessGroup() = default;

  [[nodiscard]] virtual int rank() const { return 0; }
  [[nodiscard]] virtual int size() const { return 1; }
  /// Among the processes of this node, and how many each node has.
  [[nodiscard]] virtual int local_rank() const { return 0; }
  [[nodiscard]] virtual int local_size() const { return 1; }

  /// Process 0's bytes reach all. Waits for them without a limit, asleep between looks: it is how work is announced.
  virtual void broadcast(std::span<std::byte>) {}
  /// The least of all processes' values, known to all.
  [[nodiscard]] virtual std::int64_t least(std::int64_t own) { return own; }
  /// Returns once the first `members` processes have called it. @throws DeviceError where one does not come in 25 s
  virtual void meet(int /*members*/) {}
  /// The same bytes of each of the first `members` processes, in order, on process 0; nothing on the others.
  /// @throws DeviceError where one does not send within 28 s
  [[nodiscard]] virtual std::vector<std::byte> gather(std::span<std::byte const> own, int /*members*/) {
    return {own.begin(), own.end()};
  }
  /// Ends all processes, with a line on stderr: none of them can be told otherwise once one hangs.
  virtual void end_all(std::string const& /*why*/) {}
};

/// The processes that mpirun started; initialises MPI, and finalises it when destroyed.
/// @throws NotBuilt in a build without MPI; DeviceError where nodes have different numbers of processes, or MPI fails
[[nodiscard]] std::unique_ptr<ProcessGroup> join_mpi_processes();

}  // namespace kurve::calibrate
