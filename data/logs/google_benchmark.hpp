// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>

#include "data/facts.hpp"
#include "data/study.hpp"

namespace kurve::data {

/// Reads what a Google Benchmark program writes with --benchmark_format=json.
///
/// K, batch and bytes stand in the name: `/K:8` (or ranks, gpus, workers, ...), `/global_batch:256`, `/local_batch:32`,
/// `/bytes:1048576`, bare numbers `/8/32` as the fact `argument=K,local_batch` says (a single one is K without it); K
/// is else the number of threads. With K a row is a whole step, with a batch alone compute, with bytes an all-reduce;
/// the fact `op` overrides that. Real time counts. Aggregates (the mean) are read where repetitions were not written.
/// Several families in one file: fact `benchmark`.
/// @throws DataError where it is not JSON, is cut off, has no benchmark, or a fact is missing
/// Source of the format: google/benchmark docs/user_guide.md and src/json_reporter.cc.
[[nodiscard]] Study read_google_benchmark(std::istream& in, std::string const& path, Facts& facts);

/// Whether JSON begins like it.
[[nodiscard]] bool is_google_benchmark(std::string_view prefix);

}  // namespace kurve::data
