// SPDX-License-Identifier: Apache-2.0
#pragma once

// For .cpp files of this project only: it names nlohmann's types, so it is not installed.
#include <iosfwd>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "data/provenance.hpp"

namespace kurve::data {

/// The bytes of a file of JSON. @throws DataError where it is empty, too long, or begins as no JSON does
[[nodiscard]] std::string read_json_text(std::string const& path);
/// A file's JSON. @throws DataError at `path:line:` where it is not JSON, or is cut off
[[nodiscard]] nlohmann::json read_json(std::string const& path);

/// JSON text as a document. @throws DataError at `path:line:` where it is not JSON, or is cut off
[[nodiscard]] nlohmann::json parse_json(std::string const& text, std::string const& path);

/// The line, from 1 on, of the value that `pointer` names ("/parameters/serial/sd"), or of the last of its steps that
/// the document has. @param text  valid JSON
[[nodiscard]] long line_of(std::string_view text, std::string_view pointer);

/// The parser's words on bad JSON, as every reader gives them.
/// @param what  of nlohmann's exception
[[noreturn]] void throw_bad_json(std::string const& path, long line, std::string const& what);

/// Indented text in which every object or array of plain values is one line, and numbers read back exactly.
void write_json(std::ostream& out, nlohmann::ordered_json const& value);

/// The `provenance` object of every output.
[[nodiscard]] nlohmann::ordered_json provenance_json(Provenance const& provenance);

/// @throws DataError unless `document` has `"schema": "<name>/<version>"`; newer versions are named as newer
void require_schema(nlohmann::json const& document, std::string const& name, int version, std::string const& path);

}  // namespace kurve::data
