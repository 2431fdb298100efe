// SPDX-License-Identifier: Apache-2.0
#include "calibrate/backend_nccl.hpp"
#include "calibrate/cuda_devices.hpp"
#include "model/error.hpp"

namespace kurve::calibrate {

std::unique_ptr<Backend> make_nccl_backend(std::string const&) { throw NotBuilt(nccl_presence().why_not); }

}  // namespace kurve::calibrate
