// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <string>

#include "data/provenance.hpp"
#include "model/model.hpp"

namespace kurve::data {

/// Writes a Model as JSON, `"schema": "kurve.model/1"` (docs/formats.md). Reading it back gives the same Model, bit for
/// bit. Of the posterior draws only the columns that vary are written.
/// @throws InputError if a parameter is outside its range
void write_model(std::ostream& out, model::Model const& model, Provenance const& provenance);

/// Whether a file's first kilobytes name the Model's schema; false also for a file that cannot be read.
[[nodiscard]] bool is_model_file(std::string const& path);

/// Reads a Model. A parameter or choice the file leaves out keeps its default and is `assumed`.
/// @throws DataError on JSON that is cut off, another or a newer schema, an unknown parameter, a unit that is not the
///         parameter's, a missing value, or a value out of range
[[nodiscard]] model::Model read_model(std::string const& path);

}  // namespace kurve::data
