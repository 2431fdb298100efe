// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

namespace kurve::sim {

/// Processes that share the trials of a simulation, each doing the same work but for the trials it draws. Here: one
/// alone.
class TrialRanks {
 public:
  TrialRanks() = default;
  TrialRanks(TrialRanks const&) = delete;
  TrialRanks& operator=(TrialRanks const&) = delete;
  virtual ~TrialRanks() = default;

  [[nodiscard]] virtual int rank() const { return 0; }
  [[nodiscard]] virtual int size() const { return 1; }
  /// The values of rank 0, then those of rank 1, ..., on every rank; all must call it. @throws DeviceError
  [[nodiscard]] virtual std::vector<double> join(std::vector<double> own) const { return own; }
};

/// The processes that mpirun started; initialises MPI, and finalises it when destroyed. Destroyed by an exception that
/// the other ranks do not share within 5 s, it leaves MPI as it is: the launcher then ends them, for they would wait
/// for ever.
/// @throws NotBuilt in a build without MPI; DeviceError where MPI fails
[[nodiscard]] std::unique_ptr<TrialRanks> join_mpi_ranks();

}  // namespace kurve::sim
