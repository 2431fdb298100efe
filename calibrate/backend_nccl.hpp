// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "calibrate/backend.hpp"

namespace kurve::calibrate {

/// K GPUs that sum through NCCL: all GPUs of this machine, a thread each; or, under mpirun, one GPU for each process,
/// the local rank's. Rank 0 drives; other processes must call follow(). Algorithms: "ring", forced by NCCL_ALGO while
/// its communicators are made, and "library", NCCL's own choice for that size.
///
/// A rank that fails or hangs ends as a DeviceError within 30 s, its communicators aborted; in several processes it
/// ends the whole job.
/// @param workload  as training_job_from_text takes it
/// @throws NotBuilt in a build without NCCL; DeviceError with fewer than two GPUs; InputError
[[nodiscard]] std::unique_ptr<Backend> make_nccl_backend(std::string const& workload);

}  // namespace kurve::calibrate
