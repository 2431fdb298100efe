// SPDX-License-Identifier: Apache-2.0
#include "model/loggp.hpp"

#include <string>

#include "model/error.hpp"

namespace kurve::model {

Seconds message_time(LogGP const& machine, Bytes message) {
  if (message.count < 1)
    throw InputError("message=" + std::to_string(message.count) + " bytes (LogGP needs at least 1)");
  return machine.latency + 2.0 * machine.overhead + Bytes{message.count - 1} * machine.gap_per_byte;
}

Seconds ring_allreduce_time(int ranks, Bytes message, LogGP const& machine) {
  if (ranks < 1) throw InputError("ranks=" + std::to_string(ranks) + " (must be at least 1)");
  if (ranks == 1) return Seconds{0.0};
  if (message.count < ranks)
    throw InputError("message=" + std::to_string(message.count) + " bytes (a ring of " + std::to_string(ranks) +
                     " ranks needs at least one byte a rank)");
  return 2.0 * (ranks - 1) * message_time(machine, Bytes{message.count / ranks});
}

Link to_link(LogGP const& machine) {
  return {.alpha = machine.latency + 2.0 * machine.overhead - Bytes{1} * machine.gap_per_byte,
          .beta = machine.gap_per_byte,
          .gamma = {}};
}

}  // namespace kurve::model
