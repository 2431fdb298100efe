// SPDX-License-Identifier: Apache-2.0
#include "data/json_text.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>

#include "data/open_file.hpp"
#include "data/quantity_text.hpp"
#include "model/error.hpp"

namespace kurve::data {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

bool is_plain(ordered_json const& value) {
  return std::none_of(value.begin(), value.end(),
                      [](auto const& child) { return child.is_structured() && !child.empty(); });
}

void write_indented(std::ostream& out, ordered_json const& value, std::string const& indent) {
  if (!value.is_structured() || is_plain(value)) {
    out << value.dump();
    return;
  }
  bool const object = value.is_object();
  std::string const inner = indent + "  ";
  char const* separator = "\n";
  out << (object ? '{' : '[');
  for (auto const& [key, child] : value.items()) {
    out << separator << inner;
    if (object) out << json(key).dump() << ": ";
    write_indented(out, child, inner);
    separator = ",\n";
  }
  out << '\n' << indent << (object ? '}' : ']');
}

/// The parser's own words, without its number and position: "unexpected end of input; expected ...". What it read last
/// may be bytes that are no text: they become `?`.
std::string parser_reason(std::string const& what) {
  auto const start = what.find("syntax error");
  std::string reason = (start == std::string::npos ? what : what.substr(start)).substr(0, 200);
  std::replace_if(
      reason.begin(), reason.end(), [](char c) { return c < 0x20 || c == 0x7F; }, '?');
  return reason;
}

}  // namespace

json read_json(std::string const& path) {
  auto in = open_for_reading(path);
  in >> std::ws;
  if (in.peek() == std::ifstream::traits_type::eof()) throw DataError(path, 0, "empty file (expected JSON)");
  if (in.peek() != '{' && in.peek() != '[')
    throw DataError(path, 1, "not JSON (it begins with neither { nor [)");  // refuses garbage unread
  return parse_json(read_whole(path, largest_json_bytes), path);
}

void throw_bad_json(std::string const& path, long line, std::string const& what) {
  throw DataError(path, line, "not valid JSON (" + parser_reason(what) + "). Is the file cut off?");
}

json parse_json(std::string const& text, std::string const& path) {
  try {
    return json::parse(text);
  } catch (json::parse_error const& e) {
    auto const end = text.begin() + static_cast<std::ptrdiff_t>(std::min(e.byte, text.size()));
    throw_bad_json(path, 1 + static_cast<long>(std::count(text.begin(), end, '\n')), e.what());
  } catch (json::out_of_range const& e) {  // 406, no parse_error
    throw DataError(path, 0, "a number that no double holds (" + std::string(e.what()).substr(0, 100) + ")");
  }
}

void write_json(std::ostream& out, ordered_json const& value) {
  write_indented(out, value, "");
  out << '\n';
}

ordered_json provenance_json(Provenance const& p) {
  ordered_json inputs = ordered_json::array();
  for (auto const& [path, digest] : p.inputs) inputs.push_back({{"path", path}, {"sha256", digest}});
  return {{"version", p.version},     {"command_line", p.command_line},
          {"seed", p.seed},           {"host", p.host},
          {"processor", p.processor}, {"kernel", p.kernel},
          {"utc_time", p.utc_time},   {"inputs", inputs}};
}

void require_schema(json const& document, std::string const& name, int version, std::string const& path) {
  std::string const expected = name + "/" + std::to_string(version);
  auto const found = document.is_object() && document.contains("schema") && document["schema"].is_string()
                         ? document["schema"].get<std::string>()
                         : "";
  if (found == expected) return;
  if (found.empty()) throw DataError(path, 0, "no \"schema\" (expected \"" + expected + "\")");
  if (found.starts_with(name + "/")) {
    auto const number = number_from_text(std::string_view(found).substr(name.size() + 1));
    if (number && *number > version)
      throw DataError(path, 0, found + " is newer than this Kurve reads (" + expected + "). Update Kurve?");
  }
  throw DataError(path, 0, "schema '" + found + "' (expected " + expected + ")");
}

}  // namespace kurve::data
