// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace kurve::data {

/// Writes a file whole or not at all: to a temporary file in the same folder, synced, then renamed over `path`. An
/// existing file keeps its permissions, and one that is read-only is refused; a symbolic link is followed; a device or
/// pipe
/// (`/dev/null`) is written directly.
/// @throws InputError with the reason, DeviceError where the disk is full or broken; nothing is left behind
void write_file(std::string const& path, std::string_view content);

/// Whether two paths name one regular file, by whatever links, or one that would be made there.
[[nodiscard]] bool is_same_file(std::string const& a, std::string const& b);

}  // namespace kurve::data
