// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <string>

#include "data/provenance.hpp"
#include "model/curve.hpp"

namespace kurve::data {

/// Writes a Curve as JSON, `"schema": "kurve.curve/1"` (docs/formats.md); a value there is none of is null.
void write_curve(std::ostream& out, model::Curve const& curve, Provenance const& provenance);

/// Reads a Curve, the same as was written. @throws DataError as `read_model`
[[nodiscard]] model::Curve read_curve(std::string const& path);

/// Writes the points of a Curve as CSV below `# key: value` lines; an empty field where there is no value.
void write_curve_csv(std::ostream& out, model::Curve const& curve, Provenance const& provenance);

}  // namespace kurve::data
