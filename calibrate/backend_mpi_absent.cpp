// SPDX-License-Identifier: Apache-2.0
#include "calibrate/backend_mpi.hpp"
#include "model/error.hpp"

namespace kurve::calibrate {

namespace {
constexpr char const* not_built =
    "this build has no MPI (configured without it). Install libopenmpi-dev and configure with -DKURVE_MPI=ON?";
}

std::unique_ptr<Backend> make_mpi_backend(std::string const&) { throw NotBuilt(not_built); }
bool started_by_mpi_launcher() { return false; }
MpiPresence mpi_presence() { return {.why_not = not_built, .detail = {}}; }

}  // namespace kurve::calibrate
