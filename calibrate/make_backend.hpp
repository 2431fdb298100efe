// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "calibrate/backend.hpp"
#include "calibrate/backend_synthetic.hpp"
#include "data/study.hpp"

namespace kurve::calibrate {

/// One line of `kurve devices`.
struct DeviceStatus {
  std::string name;        ///< as make_backend takes it
  bool available = false;  ///< make_backend(name) works now, in this build and on this machine
  std::string reason;      ///< why not; empty where available
  std::string detail;      ///< versions, devices, what it is for
};

/// Every backend Kurve knows, and what this build on this machine makes of it.
[[nodiscard]] std::vector<DeviceStatus> list_devices();

struct BackendOptions {
  int ranks = 0;         ///< host: threads, 0 for all cores (mpi: mpirun decides)
  std::string workload;  ///< host and mpi: as make_workload takes it; GPUs: as training_job_from_text; "": the default
  SyntheticTruth synthetic;
  data::Study recording;  ///< replay: a component Study
};

/// By name: host, mpi, synthetic, replay, cuda, nccl, or auto: nccl where GPUs can sum, mpi where mpirun
/// started this process, cuda on one GPU, else host.
/// @throws InputError on an unknown name; NotBuilt where this build lacks it; DeviceError where it fails
[[nodiscard]] std::unique_ptr<Backend> make_backend(std::string const& name, BackendOptions const& options = {});

}  // namespace kurve::calibrate
