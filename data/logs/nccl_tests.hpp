// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>

#include "data/facts.hpp"
#include "data/study.hpp"

namespace kurve::data {

/// Reads the text that `all_reduce_perf` of nccl-tests (or rccl-tests) prints, old and new columns, with other
/// programs' lines between. Ranks come from a line `# ranks: N`, else from the `Rank` lines, else from busbw / algbw =
/// 2(n-1)/n, else from the fact `ranks`.
///
/// @return a component Study: for each size one all-reduce out of place (run 0) and one in place (run 1)
/// @throws DataError where no row is found, the ranks stay open, or another collective was run
/// Source of the format: NVIDIA/nccl-tests src/common.cu, doc/PERFORMANCE.md.
[[nodiscard]] Study read_nccl_tests(std::istream& in, std::string const& path, Facts& facts);

/// Whether a line is a row of that table.
[[nodiscard]] bool is_nccl_tests_row(std::string_view line);

}  // namespace kurve::data
