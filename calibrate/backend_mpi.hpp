// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "calibrate/backend.hpp"

namespace kurve::calibrate {

/// MPI ranks, one process each, on one host or many. Rank 0 drives; the others must call follow(). Algorithms: "ring",
/// our own, and "library", whatever MPI_Allreduce chooses for that size: what programs call. Ranks of one host are a
/// node where mpirun put neighbours on the same host.
///
/// Initialises MPI, and finalises it when destroyed. A rank that keeps the others waiting for 10 s, and as long again
/// as a message takes at 1 MB/s, ends a task with a DeviceError that names it and its host; so does one whose
/// connection fails. After that no rank can be reached: destroyed, the backend aborts the whole job, with a line on
/// stderr. A rank that dies takes the job with it (mpirun's default).
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
