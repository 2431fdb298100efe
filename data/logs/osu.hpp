// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>

#include "data/facts.hpp"
#include "data/study.hpp"

namespace kurve::data {

/// Reads the text of `osu_allreduce` (OSU micro-benchmarks), with other programs' lines between. Where the table has a
/// column of the slowest rank (`-f`) that is the time, because an all-reduce lasts until its last rank ends; else the
/// mean over ranks. Several tables (datatypes) are several runs. The file does not say K: fact `ranks`.
///
/// @return a component Study
/// @throws DataError where no row is found, another collective was run, or the fact is missing
/// Source of the format: OSU micro-benchmarks 5.9 to 7.4, c/util/osu_util_mpi.c.
[[nodiscard]] Study read_osu(std::istream& in, std::string const& path, Facts& facts);

/// Whether a line is the title of such a table.
[[nodiscard]] bool is_osu_title(std::string_view line);

}  // namespace kurve::data
