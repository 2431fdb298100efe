// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "calibrate/backend.hpp"
#include "calibrate/workload.hpp"

namespace kurve::calibrate {

/// K ranks as threads of this process, a plain ring over shared-memory mailboxes: the specification that others agree
/// with.
/// @param max_ranks  0 takes as many as the machine runs at once
/// @throws InputError if max_ranks < 0
[[nodiscard]] std::unique_ptr<Backend> make_host_backend(int max_ranks, WorkloadShape const& shape);

}  // namespace kurve::calibrate
