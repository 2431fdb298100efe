// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace kurve::data {

/// What produced an output: enough to make it again.
struct Provenance {
  std::string version;  ///< of Kurve
  std::string command_line;
  std::string seed;  ///< "" where nothing was drawn
  std::string host, processor, kernel;
  std::string utc_time;                                     ///< ISO 8601
  std::vector<std::pair<std::string, std::string>> inputs;  ///< path, SHA-256 of the bytes
};

/// Version, host, processor, kernel and time of this machine; command line, seed and inputs are the caller's to add.
[[nodiscard]] Provenance this_machine();

/// Lower-case hex SHA-256 of a file's bytes. @throws DataError if it cannot be read
[[nodiscard]] std::string file_digest(std::string const& path);

}  // namespace kurve::data
