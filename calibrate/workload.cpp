// SPDX-License-Identifier: Apache-2.0
#include "calibrate/workload.hpp"

#include "calibrate/workload_mlp.hpp"
#include "calibrate/workload_wait.hpp"
#include "data/keyed_text.hpp"
#include "model/error.hpp"

namespace kurve::calibrate {

std::unique_ptr<Workload> make_workload(std::string const& description) {
  data::KeyedText text(description);
  std::unique_ptr<Workload> workload;
  if (text.name() == "mlp")
    workload = std::make_unique<Perceptron>(perceptron_shape(text));
  else if (text.name() == "wait")
    workload = std::make_unique<TimedWait>(wait_times(text));
  else
    throw InputError("unknown workload '" + text.name() + "' (CPU ranks run mlp or wait)");
  text.expect_no_more();
  return workload;
}

}  // namespace kurve::calibrate
