// SPDX-License-Identifier: Apache-2.0
#include "data/printable.hpp"

#include <algorithm>

#include "data/csv.hpp"

namespace kurve::data {
namespace {

/// Appends a character's number as JSON escapes it.
void append_escape(std::string& to, unsigned value) {
  constexpr std::string_view digits = "0123456789abcdef";
  to += "\\u00";
  to += digits[value >> 4];
  to += digits[value & 15];
}

std::string escaped(std::string_view text, bool one_line) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    auto const byte = static_cast<unsigned char>(text[at]);
    std::size_t const length = utf8_sequence_length(text.substr(at));
    bool const breaks = byte == '\n' || byte == '\t';
    bool const c1 = length == 2 && byte == 0xC2 && static_cast<unsigned char>(text[at + 1]) < 0xA0;
    if (c1)
      append_escape(result, static_cast<unsigned char>(text[at + 1]));
    else if (length == 0 || byte == 0x7F || (byte < 0x20 && (one_line || !breaks)))
      append_escape(result, byte);
    else
      result += text.substr(at, length);
    at += std::max<std::size_t>(1, length);
  }
  return result;
}

}  // namespace

std::string printable(std::string_view text) { return escaped(text, false); }
std::string printable_line(std::string_view text) { return escaped(text, true); }

std::string shell_quoted(std::string_view argument) {
  constexpr std::string_view special = " \t\r\n'\"<>|&;()$`\\*?#~{}[]!";
  bool const plain = argument.find_first_of(special) == std::string_view::npos && printable_line(argument) == argument;
  if (plain && !argument.empty()) return std::string(argument);
  // $'...' of POSIX.1-2024 and every common shell: the only quotes in which a line end can be written on one line.
  bool const ansi = printable_line(argument) != argument;
  std::string text = ansi ? "$'" : "'";
  constexpr std::string_view octal = "01234567";
  for (char const c : argument) {
    auto const byte = static_cast<unsigned char>(c);
    if (ansi && (byte < 0x20 || byte >= 0x7F))
      text += {'\\', octal[byte >> 6], octal[(byte >> 3) & 7], octal[byte & 7]};
    else if (ansi && (c == '\'' || c == '\\'))
      text += {'\\', c};
    else
      text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return text + "'";
}

}  // namespace kurve::data
