// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace kurve::calibrate {

/// `2.28.9` for 22809, as ncclGetVersion gives it (nccl.h, NCCL_VERSION: three digits fewer up to 2.8).
[[nodiscard]] std::string nccl_version_text(int code);

/// What NCCL ran for its last all-reduce of so many bytes, by its own log (NCCL_DEBUG=INFO, NCCL_DEBUG_SUBSYS=TUNING):
/// `AllReduce: 1048576 Bytes -> Algo RING proto LL128 channel{Lo..Hi}={0..23}` gives "RING/LL128". "" where the log
/// does not say. Source of the line: NCCL 2.28, src/enqueue.cc.
[[nodiscard]] std::string nccl_choice(std::string_view log, std::int64_t bytes);

}  // namespace kurve::calibrate
