// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "calibrate/backend.hpp"

namespace kurve::calibrate {

/// MPI ranks, one process each. Rank 0 drives; the others must call follow(). Algorithms: "ring", our own ring of
/// MPI_Sendrecv, and "library", whatever MPI_Allreduce chooses for that size.
///
/// Initialises MPI, and finalises it when destroyed. Where a task failed midway it aborts the whole job instead, with a
/// line on stderr: the other ranks would wait for ever. A rank that dies takes the job with it (mpirun's default).
/// @param workload  as make_workload takes it
/// @throws NotBuilt in a build without MPI; DeviceError where MPI fails; InputError on a workload it does not know
[[nodiscard]] std::unique_ptr<Backend> make_mpi_backend(std::string const& workload);

/// Whether mpirun or a compatible launcher started this process as one of several. Reads the launcher's environment
/// variables, which are its interface: MPI_Init would tell too, but cannot be undone where the host backend is meant.
[[nodiscard]] bool started_by_mpi_launcher();

/// Availability for `kurve devices`: "" or why not; `detail` is the library's version.
struct MpiPresence {
  std::string why_not, detail;
};
[[nodiscard]] MpiPresence mpi_presence();

}  // namespace kurve::calibrate
