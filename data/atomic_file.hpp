// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace kurve::data {

/// Writes a file whole or not at all: to a temporary file in the same folder, synced, then renamed over `path`. An
/// existing file keeps its permissions, a symbolic link its target; a device or pipe (`/dev/null`) is written directly.
/// @throws InputError with the reason; nothing is left behind
void write_file(std::string const& path, std::string_view content);

}  // namespace kurve::data
