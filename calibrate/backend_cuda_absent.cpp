// SPDX-License-Identifier: Apache-2.0
#include "calibrate/backend_cuda.hpp"
#include "calibrate/cuda_devices.hpp"
#include "model/error.hpp"

namespace kurve::calibrate {

std::unique_ptr<Backend> make_cuda_backend(std::string const&) { throw NotBuilt(cuda_presence().why_not); }

}  // namespace kurve::calibrate
