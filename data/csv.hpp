// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

namespace kurve::data {

/// Longest line, and longest CSV record, that is read: far above any real row, and what bounds memory on garbage.
inline constexpr std::size_t longest_line_bytes = std::size_t{1} << 20;

/// Lines of a text, in memory bounded by `longest_line_bytes`.
class LineReader {
 public:
  /// @param in    outlives the reader
  /// @param path  named in errors
  LineReader(std::istream& in, std::string path);

  /// Reads the next line, without its end (LF or CRLF) and without a BOM before the first; false at the end.
  /// @throws DataError on a line over `longest_line_bytes`, or when the stream breaks
  bool next(std::string& line);

  [[nodiscard]] long number() const { return number_; }  ///< of the line read last, 1-based
  [[nodiscard]] std::string const& path() const { return path_; }

 private:
  std::istream& in_;
  std::string path_;
  long number_ = 0;
};

/// Length of the UTF-8 sequence at the front of `text`; 0 where it is none (overlong, surrogate, beyond U+10FFFF, cut
/// off). Source: RFC 3629 section 4.
[[nodiscard]] std::size_t utf8_sequence_length(std::string_view text);

/// Whether no line of text may hold it: a control byte other than a tab.
[[nodiscard]] constexpr bool is_control(char c) {
  return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F;
}

/// @throws DataError naming the first byte of `text` that is not UTF-8, or a control byte other than a tab
void require_text(std::string_view text, std::string const& path, long line);

/// Fields of the RFC 4180 record that begins with `line`, reading on where a quoted field holds line ends. Blanks
/// around an unquoted field are dropped.
/// @throws DataError on bad quoting or bytes that are not text
[[nodiscard]] std::vector<std::string> read_record(LineReader& lines, std::string line, char delimiter);

/// The field as RFC 4180 writes it: quoted where it holds a comma, a quote, a line end or outer blanks.
[[nodiscard]] std::string quoted_field(std::string const& field);

/// Without blanks and tabs at both ends.
[[nodiscard]] std::string_view trimmed(std::string_view text);
std::string_view trimmed(std::string&&) = delete;  // the view would outlive it

}  // namespace kurve::data
