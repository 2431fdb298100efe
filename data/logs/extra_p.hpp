// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>

#include "data/facts.hpp"
#include "data/study.hpp"

namespace kurve::data {

// Measurements as Extra-P takes them: parameters, and values (repeats) of metrics at points, by call path. A parameter
// is K, a batch or bytes by its name, as a column of a hand-made table would be; a single one of another name needs the
// fact `parameter`, others become configuration columns. Of several metrics the time is read, of several call paths
// `main`, else the facts `metric` and `callpath` choose. A call path named compute, serial or allreduce is that
// operation, any other is the step.
//
// All throw DataError where the file is damaged, a value is no time, or a fact is missing.
// Source of the formats: extra-p/extrap docs/file-formats.md.

/// `PARAMETER`, `POINTS`, `REGION`, `METRIC`, `DATA` lines.
[[nodiscard]] Study read_extra_p_text(std::istream& in, std::string const& path, Facts& facts);
/// One document `{"parameters", "measurements"}`, or JSON lines `{"params", "value"}`.
[[nodiscard]] Study read_extra_p_json(std::istream& in, std::string const& path, Facts& facts);

[[nodiscard]] bool is_extra_p_text(std::string_view prefix);
[[nodiscard]] bool is_extra_p_json(std::string_view prefix);

/// Writes the document, for a second opinion on a Study's law: one call path an operation, the repeats as values.
/// @throws DataError for times of single ranks, of which a point has as many as ranks
void write_extra_p(std::ostream& out, Study const& study);

}  // namespace kurve::data
