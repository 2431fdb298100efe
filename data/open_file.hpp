// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fstream>
#include <string>

namespace kurve::data {

/// Opens a file for reading. @throws DataError with the reason: missing, a directory, no permission
[[nodiscard]] std::ifstream open_for_reading(std::string const& path);
/// The same as a descriptor, which the caller closes; `-` is standard input.
[[nodiscard]] int open_descriptor(std::string const& path);

/// Largest JSON file that is read into memory: a Model with ten thousand draws has about 10 MB.
inline constexpr std::size_t largest_json_bytes = std::size_t{1} << 26;
/// Largest log in one JSON document: per-iteration times of thousands of ranks have some tens of MB.
inline constexpr std::size_t largest_log_bytes = std::size_t{1} << 28;

/// The bytes of a file. @throws DataError as `open_for_reading`, and for more than `most` bytes
[[nodiscard]] std::string read_whole(std::string const& path, std::size_t most);

}  // namespace kurve::data
