// SPDX-License-Identifier: Apache-2.0
#include "model/error.hpp"
#include "sim/trial_ranks.hpp"

namespace kurve::sim {

std::unique_ptr<TrialRanks> join_mpi_ranks() {
  throw NotBuilt("started by mpirun, but this build has no MPI. Start one process, or build with -DKURVE_MPI=ON?");
}

}  // namespace kurve::sim
