// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>

#include "data/facts.hpp"
#include "data/study.hpp"

namespace kurve::data {

/// Reads a trace of PyTorch's profiler (Kineto, Chrome trace format): one rank of a job. For each `ProfilerStep#N`
///
///   step time = start of its first kernel to that of the next step's
///   compute_s = time in which a compute kernel ran
///   comm_s = exposed communication: a communication kernel ran and no compute kernel did
///   hidden_comm_s = communication under compute
///
/// The last step has no next: it ends with its last kernel or its range on the host, whichever is longer. A kernel
/// belongs to the step in whose range on the host it was launched (a graph's kernels with the graph).
///
/// K and rank from `distributedInfo`, else K from the largest group and rank from a file name such as
/// `rank3.json`; facts asked for: `ranks`, `rank`, `steps` (where
/// the trace has no ProfilerStep: it is then one sample, their mean).
/// @return a per-rank Study; header `gradient_bytes` where every all-reduce says its size, and `collectives_per_step`
/// @throws DataError where it is not JSON, is cut off, has no kernels, or a fact is missing
/// Source of the format: pytorch/kineto libkineto/src/output_json.cpp.
[[nodiscard]] Study read_kineto(std::istream& in, std::string const& path, Facts& facts);

/// Whether JSON begins like such a trace.
[[nodiscard]] bool is_kineto(std::string_view prefix);

}  // namespace kurve::data
