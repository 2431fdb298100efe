// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/instruction_sets.hpp"
// Highway after the list of instruction sets that Kurve leaves out.
#include <hwy/targets.h>

namespace kurve::test {

/// Calls visit(name) with the engine held to each instruction set that this processor and this build have, best first,
/// then lets it choose again.
template <typename Visit>
void on_each_instruction_set(Visit&& visit) {
  for (auto const target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    visit(hwy::TargetName(target));
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

}  // namespace kurve::test
