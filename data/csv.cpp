// SPDX-License-Identifier: Apache-2.0
#include "data/csv.hpp"

#include <algorithm>
#include <istream>

#include "model/error.hpp"

namespace kurve::data {
namespace {

std::string hex_byte(unsigned char byte) {
  constexpr std::string_view digits = "0123456789abcdef";
  return {'0', 'x', digits[byte >> 4], digits[byte & 15]};
}

/// Splits one whole record, whose quotes are balanced.
std::vector<std::string> split_record(std::string_view record, char delimiter, std::string const& path, long line) {
  auto const bad_quoting = [&](std::string_view why) {
    throw DataError(path, line,
                    "bad quoting in field " + std::string(why) +
                        " (RFC 4180: a field with a quote is quoted whole, and \"\" inside stands for \")");
  };
  std::vector<std::string> fields;
  std::size_t at = 0;
  while (true) {
    std::size_t const start = record.find_first_not_of(" \t", at);
    if (start != std::string_view::npos && record[start] == '"' && (delimiter != '\t' || record[at] != '\t')) {
      std::string field;
      for (at = start + 1; at < record.size(); ++at) {
        if (record[at] != '"')
          field += record[at];
        else if (at + 1 < record.size() && record[at + 1] == '"')
          field += record[++at];
        else
          break;
      }
      std::size_t const after = std::min(record.find(delimiter, at), record.size());
      if (at >= record.size() || !trimmed(record.substr(at + 1, after - at - 1)).empty())
        bad_quoting(std::to_string(fields.size() + 1));
      at = after;
      fields.push_back(std::move(field));
    } else {
      std::size_t const end = std::min(record.find(delimiter, at), record.size());
      std::string_view const field = trimmed(record.substr(at, end - at));
      if (field.find('"') != std::string_view::npos) bad_quoting(std::to_string(fields.size() + 1));
      at = end;
      fields.emplace_back(field);
    }
    if (at >= record.size()) return fields;
    ++at;
  }
}

}  // namespace

std::size_t utf8_sequence_length(std::string_view text) {
  auto const byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  auto const tail = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xBF) {
    return byte(i) >= low && byte(i) <= high;
  };
  unsigned const lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return tail(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF)
    return tail(1, lead == 0xE0 ? 0xA0 : 0x80, lead == 0xED ? 0x9F : 0xBF) && tail(2) ? 3 : 0;
  if (lead >= 0xF0 && lead <= 0xF4)
    return tail(1, lead == 0xF0 ? 0x90 : 0x80, lead == 0xF4 ? 0x8F : 0xBF) && tail(2) && tail(3) ? 4 : 0;
  return 0;
}

LineReader::LineReader(std::istream& in, std::string path) : in_(in), path_(std::move(path)) {}

bool LineReader::next(std::string& line) {
  line.clear();
  auto* const buffer = in_.rdbuf();
  using Traits = std::istream::traits_type;
  auto c = buffer->sbumpc();
  if (Traits::eq_int_type(c, Traits::eof())) return false;
  ++number_;
  for (; !Traits::eq_int_type(c, Traits::eof()) && c != '\n'; c = buffer->sbumpc()) {
    if (line.size() == longest_line_bytes)
      throw DataError(path_, number_, "line over 1 MiB (not a table or log that Kurve reads)");
    line += Traits::to_char_type(c);
  }
  if (!line.empty() && line.back() == '\r') line.pop_back();
  if (number_ == 1 && line.starts_with("\xEF\xBB\xBF")) line.erase(0, 3);
  return true;
}

void require_text(std::string_view text, std::string const& path, long line) {
  for (std::size_t at = 0; at < text.size();) {
    auto const byte = static_cast<unsigned char>(text[at]);
    std::size_t const length = utf8_sequence_length(text.substr(at));
    if (length == 0 || (is_control(text[at]) && byte != '\n'))
      throw DataError(path, line,
                      "byte " + hex_byte(byte) + " at column " + std::to_string(at + 1) +
                          " (not UTF-8 text). Is this file compressed or binary?");
    at += length;
  }
}

std::vector<std::string> read_record(LineReader& lines, std::string line, char delimiter) {
  long const start = lines.number();
  require_text(line, lines.path(), start);
  auto quotes = std::count(line.begin(), line.end(), '"');
  std::string more;
  while (quotes % 2 == 1) {
    if (line.size() + more.size() > longest_line_bytes || !lines.next(more))
      throw DataError(lines.path(), start, "bad quoting (a quoted field that begins here is never closed)");
    require_text(more, lines.path(), lines.number());
    quotes += std::count(more.begin(), more.end(), '"');
    line += '\n' + more;
  }
  return split_record(line, delimiter, lines.path(), start);
}

std::string quoted_field(std::string const& field) {
  bool const outer_blank = trimmed(field).size() != field.size();
  if (!outer_blank && !field.starts_with('#') && field.find_first_of(",;\t\"\r\n") == std::string::npos) return field;
  std::string quoted = "\"";
  for (char const c : field) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

std::string_view trimmed(std::string_view text) {
  auto const first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace kurve::data
