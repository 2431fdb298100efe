// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "data/study.hpp"

namespace kurve::data {

/// Bandwidth out of one node as a header's `interconnect` words tell it [bytes/s]: "8x EDR", "1600 Gbps node-node", "40
/// GbE". None where they name no network between nodes (NVLink alone), or one whose width varies (EFA). Link rates:
/// InfiniBand Trade Association (QDR 40, FDR 56, EDR 100, HDR 200, NDR 400, XDR 800 Gbit/s, four lanes); Slingshot 200
/// Gbit/s, one NIC a worker.
[[nodiscard]] std::optional<double> node_bandwidth_Bps(std::string const& words, double workers_per_node);

/// Bytes that one worker all-reduces a step: header `gradient_bytes`, else 4 bytes a parameter for up to 2e9 parameters
/// (larger models are sharded, and a worker reduces at most about what fits it). None where the header has neither.
[[nodiscard]] std::optional<double> gradient_bytes(Study const& study);

}  // namespace kurve::data
