// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <istream>
#include <memory>
#include <string>
#include <string_view>

namespace kurve::data {

/// An input file, or standard input for `-`, decompressed on the way where it is gzip. Its beginning can be looked at
/// before anything is read, so that a reader can be chosen by content, of a pipe too.
///
/// Errors of the file are thrown by whoever draws on `rdbuf()`: LineReader, the JSON parsers, `read_rest`.
class InputStream : public std::istream {
 public:
  /// @throws DataError with the reason: missing, a directory, no permission
  explicit InputStream(std::string const& path);
  ~InputStream() override;

  /// The first bytes, at most 1 MiB. To be called before anything is read, and it reads nothing.
  /// @throws DataError where compressed data is damaged or cut off
  [[nodiscard]] std::string_view prefix();

 private:
  class Buffer;
  std::unique_ptr<Buffer> buffer_;
};

/// What is left of a stream. @throws DataError for more than `most` bytes, and as InputStream
[[nodiscard]] std::string read_rest(std::istream& in, std::string const& path, std::size_t most);

}  // namespace kurve::data
