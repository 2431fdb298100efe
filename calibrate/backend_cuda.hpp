// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "calibrate/backend.hpp"

namespace kurve::calibrate {

/// One GPU, the first: the serial part and compute of a training job of described shapes, its whole steps at K = 1, and
/// the card's own best rates. Launches: "direct", kernel by kernel, and "graph", one CUDA graph.
/// @param workload  as training_job_from_text takes it
/// @throws NotBuilt in a build without CUDA; DeviceError without a GPU, or where not one sample fits; InputError
[[nodiscard]] std::unique_ptr<Backend> make_cuda_backend(std::string const& workload);

}  // namespace kurve::calibrate
