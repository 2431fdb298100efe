// SPDX-License-Identifier: Apache-2.0
#include "model/error.hpp"
#include "sim/draw_device.hpp"

namespace kurve::sim {

std::unique_ptr<DrawDevice> open_cuda_device() {
  throw NotBuilt("this build has no CUDA. Try --device cpu, whose numbers are the same?");
}

}  // namespace kurve::sim
