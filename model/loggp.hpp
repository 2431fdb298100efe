// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/allreduce.hpp"
#include "model/units.hpp"

namespace kurve::model {

/// LogGP machine. Source: Alexandrov, Ionescu, Schauser & Scheiman, SPAA 1995.
struct LogGP {
  Seconds latency{0.0};           ///< L, wire time of a first byte
  Seconds overhead{0.0};          ///< o, processor time at each end of a message
  Seconds gap{0.0};               ///< g, shortest interval between messages of one processor
  SecondsPerByte gap_per_byte{};  ///< G, time per byte of a long message
};

/// L + 2o + (m-1) G, one message of m >= 1 bytes. @throws InputError if message < 1
[[nodiscard]] Seconds message_time(LogGP const& machine, Bytes message);

/// 2(K-1) messages of n/K bytes, one after the other along the ring: the finish time that LogGOPSim computes exactly
/// for equal arrivals. @throws InputError if ranks < 1 or message < ranks
[[nodiscard]] Seconds ring_allreduce_time(int ranks, Bytes message, LogGP const& machine);

/// The Hockney link with the same cost per message: alpha = L + 2o - G, beta = G.
[[nodiscard]] Link to_link(LogGP const& machine);

}  // namespace kurve::model
