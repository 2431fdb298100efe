// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>

#include "data/facts.hpp"
#include "data/study.hpp"

namespace kurve::data {

/// Reads what `all_reduce_perf -J FILE` of nccl-tests writes (one document), or the JSON lines of rccl-tests.
///
/// Ranks: devices listed times threads and GPUs of a process (the list has one line a process), `gpus` of rccl-tests,
/// else the fact `ranks`. Run 0 is out of place, run 1 in place; with per-iteration times (`-I`) each iteration is a
/// row with its step.
/// @return a component Study
/// @throws DataError where it is not JSON, is cut off, another collective was run, no row is found, or ranks are
/// missing Source of the format: NVIDIA/nccl-tests src/util.cu, JSON_FILE_VERSION 3; ROCm/rccl-tests.
[[nodiscard]] Study read_nccl_tests_json(std::istream& in, std::string const& path, Facts& facts);

/// Whether JSON begins like it.
[[nodiscard]] bool is_nccl_tests_json(std::string_view prefix);

}  // namespace kurve::data
