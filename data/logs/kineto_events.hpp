// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

namespace kurve::data {

/// What a GPU was busy with.
enum class GpuWork { compute, communication };

/// One kernel. Times are whole nanoseconds: a double has no room for both an epoch in microseconds and its fractions.
struct GpuEvent {
  std::int64_t start_ns = 0, end_ns = 0;
  std::int64_t correlation = -1;  ///< of the call that launched it, -1 where the trace does not say
  GpuWork work = GpuWork::compute;
  std::int64_t allreduce_bytes = -1;  ///< buffer of an all-reduce, -1 for other work or where the trace does not say
};

/// A `ProfilerStep#N` range on the host.
struct TraceStep {
  int number = 0;
  std::int64_t start_ns = 0, end_ns = 0;
};

/// When the host launched what carries a correlation number.
struct Launch {
  std::int64_t correlation = -1, start_ns = 0;
};

/// What a profiler trace holds that matters here, in the order of the file.
struct TraceEvents {
  std::optional<int> rank, world_size;
  int largest_group = 0;    ///< ranks of the largest group that communicated, 0 where no kernel says
  std::string accelerator;  ///< name of the first device
  std::vector<GpuEvent> gpu;
  std::vector<TraceStep> steps;
  std::vector<Launch> launches;
  long events = 0;  ///< of any kind
};

/// Reads a Chrome trace as PyTorch's profiler writes it, event by event, in memory bounded by the kernels and their
/// launches. Of device activity only kernels count (and copies between devices, as communication): synchronisation
/// events wait, they do not compute.
/// @throws DataError `path:line:` where it is not JSON or is cut off
[[nodiscard]] TraceEvents read_trace_events(std::istream& in, std::string const& path);

}  // namespace kurve::data
