// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "calibrate/backend.hpp"
#include "data/study.hpp"

namespace kurve::calibrate {

/// Answers with the recorded times of a component Study, each point's in order and then again from its first: what the
/// rest of calibrate makes of a recording can be run again without the machine.
///
/// A whole step is composed of recorded components. Verification has nothing to verify.
/// @throws DataError if the Study has no component rows; a point that it lacks throws when it is asked for
[[nodiscard]] std::unique_ptr<Backend> make_replay_backend(data::Study const& components);

}  // namespace kurve::calibrate
