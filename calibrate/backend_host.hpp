// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "calibrate/backend.hpp"

namespace kurve::calibrate {

/// K ranks as threads of this process, a plain ring over shared-memory mailboxes: the specification that others agree
/// with.
/// @param max_ranks  0 takes as many as the machine runs at once
/// @param workload   as make_workload takes it
/// @throws InputError if max_ranks < 0, or on a workload it does not know
[[nodiscard]] std::unique_ptr<Backend> make_host_backend(int max_ranks, std::string const& workload);

}  // namespace kurve::calibrate
