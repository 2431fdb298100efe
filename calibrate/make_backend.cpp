// SPDX-License-Identifier: Apache-2.0
#include "calibrate/make_backend.hpp"

#include <thread>

#include "calibrate/backend_cuda.hpp"
#include "calibrate/backend_host.hpp"
#include "calibrate/backend_mpi.hpp"
#include "calibrate/backend_nccl.hpp"
#include "calibrate/backend_replay.hpp"
#include "calibrate/cuda_devices.hpp"
#include "data/provenance.hpp"
#include "model/error.hpp"

namespace kurve::calibrate {
namespace {

DeviceStatus gpu_status(std::string const& name, DevicePresence const& presence) {
  return {.name = name, .available = presence.why_not.empty(), .reason = presence.why_not, .detail = presence.detail};
}

/// GPUs where there are any, else CPU ranks; all of them, where there are several.
std::string automatic_device() {
  if (nccl_presence().why_not.empty()) return "nccl";
  if (started_by_mpi_launcher()) return "mpi";
  return cuda_presence().why_not.empty() ? "cuda" : "host";
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
  if (name == "auto") return make_backend(automatic_device(), options);
  std::string const cpu_workload = options.workload.empty() ? "mlp" : options.workload;
  if (name == "host") return make_host_backend(options.ranks, cpu_workload);
  if (name == "mpi") return make_mpi_backend(cpu_workload);
  if (name == "synthetic") return make_synthetic_backend(options.synthetic);
  if (name == "replay") return make_replay_backend(options.recording);
  if (name == "cuda") return make_cuda_backend(options.workload);
  if (name == "nccl") return make_nccl_backend(options.workload);
  throw InputError("unknown device '" + name + "' (expected auto, host, mpi, cuda, nccl, synthetic or replay)");
}

}  // namespace kurve::calibrate
