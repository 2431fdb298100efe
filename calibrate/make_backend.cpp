// SPDX-License-Identifier: Apache-2.0
#include "calibrate/make_backend.hpp"

#include <thread>

#include "calibrate/backend_host.hpp"
#include "calibrate/backend_mpi.hpp"
#include "calibrate/backend_replay.hpp"
#include "calibrate/cuda_devices.hpp"
#include "data/provenance.hpp"
#include "model/error.hpp"

namespace kurve::calibrate {
namespace {

constexpr char const* gpu_measuring_not_built =
    "measuring on CUDA and NCCL is not built yet (this version measures on host and mpi)";

/// A GPU that is there is shown, and so is that nothing measures on it yet.
DeviceStatus gpu_status(std::string const& name, DevicePresence const& presence) {
  return {.name = name,
          .available = false,
          .reason = presence.why_not.empty() ? gpu_measuring_not_built : presence.why_not,
          .detail = presence.detail};
}

}  // namespace

std::vector<DeviceStatus> list_devices() {
  auto const mpi = mpi_presence();
  return {
      {"host", true, "",
       data::this_machine().processor + ", " + std::to_string(std::thread::hardware_concurrency()) +
           " hardware threads"},
      {"mpi", mpi.why_not.empty(), mpi.why_not, mpi.detail},
      gpu_status("cuda", cuda_presence()),
      gpu_status("nccl", nccl_presence()),
      {"synthetic", true, "", "a machine of known truth, to check the instrument itself"},
      {"replay", true, "", "the recorded times of a component Study"},
  };
}

std::unique_ptr<Backend> make_backend(std::string const& name, BackendOptions const& options) {
  if (name == "auto") return make_backend(started_by_mpi_launcher() ? "mpi" : "host", options);
  if (name == "host") return make_host_backend(options.ranks, options.workload);
  if (name == "mpi") return make_mpi_backend(options.workload);
  if (name == "synthetic") return make_synthetic_backend(options.synthetic);
  if (name == "replay") return make_replay_backend(options.recording);
  if (name == "cuda" || name == "nccl") throw NotBuilt("'" + name + "': " + gpu_measuring_not_built);
  throw InputError("unknown device '" + name + "' (expected auto, host, mpi, cuda, nccl, synthetic or replay)");
}

}  // namespace kurve::calibrate
