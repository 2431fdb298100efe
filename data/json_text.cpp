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

/// Moves about in valid JSON.
class JsonWalker {
 public:
  explicit JsonWalker(std::string_view text) : text_(text) { skip_blanks(); }

  /// To the member or element of the value here that `step` names. @return false, and stays, where there is none
  bool enter(std::string_view step) {
    std::size_t const here = at_;
    bool const object = text_[at_] == '{';
    if (!object && text_[at_] != '[') return false;
    advance(1);
    for (std::size_t index = 0; text_[at_] != '}' && text_[at_] != ']'; ++index) {
      std::string name = std::to_string(index);
      if (object) {
        std::size_t const start = at_;
        skip_value();
        name = text_.substr(start + 1, text_.find_last_of('"', at_ - 1) - start - 1);
        advance(1);  // the colon
      }
      if (name == step) return true;
      skip_value();
      if (text_[at_] == ',') advance(1);
    }
    at_ = here;
    return false;
  }

  [[nodiscard]] long line() const {
    return 1 + std::count(text_.begin(), text_.begin() + static_cast<long>(at_), '\n');
  }

 private:
  void skip_blanks() { at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size()); }
  void advance(std::size_t characters) {
    at_ += characters;
    skip_blanks();
  }
  void skip_string() {
    for (++at_; text_[at_] != '"'; ++at_)
      if (text_[at_] == '\\') ++at_;
    ++at_;
  }
  void skip_value() {
    constexpr std::string_view after_plain = ",:]} \t\r\n";
    if (text_[at_] == '"') {
      skip_string();
    } else if (text_[at_] != '{' && text_[at_] != '[') {
      at_ = std::min(text_.find_first_of(after_plain, at_), text_.size());
    } else {
      int depth = 0;
      do {
        char const c = text_[at_];
        depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        if (c == '"')
          skip_string();
        else
          ++at_;
      } while (depth > 0);
    }
    skip_blanks();
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

long line_of(std::string_view text, std::string_view pointer) {
  JsonWalker walker(text);
  while (!pointer.empty()) {
    pointer.remove_prefix(1);
    auto const step = pointer.substr(0, pointer.find('/'));
    if (!walker.enter(step)) break;
    pointer.remove_prefix(step.size());
  }
  return walker.line();
}

std::string read_json_text(std::string const& path) {
  auto in = open_for_reading(path);
  in >> std::ws;
  if (in.peek() == std::ifstream::traits_type::eof()) throw DataError(path, 0, "empty file (expected JSON)");
  if (in.peek() != '{' && in.peek() != '[')
    throw DataError(path, 1, "not JSON (it begins with neither { nor [)");  // refuses garbage unread
  return read_whole(path, largest_json_bytes);
}

json read_json(std::string const& path) { return parse_json(read_json_text(path), path); }

void throw_bad_json(std::string const& path, long line, std::string const& what) {
  throw DataError(path, line, "not valid JSON (" + parser_reason(what) + "). Is the file cut off?");
}

json parse_json(std::string const& text, std::string const& path) {
  try {
    return json::parse(text);
  } catch (json::parse_error const& e) {
    auto const end = text.begin() + static_cast<std::ptrdiff_t>(std::min(e.byte, text.size()));
    throw_bad_json(path, 1 + static_cast<long>(std::count(text.begin(), end, '\n')), e.what());
  } catch (json::out_of_range const& e) {  // 406: "... number overflow parsing '1e999'"
    std::string const what = e.what();
    auto const quote = what.find('\'');
    std::string const number = what.substr(quote + 1, what.rfind('\'') - quote - 1);
    auto const at = text.begin() + static_cast<std::ptrdiff_t>(std::min(text.find(number), text.size()));
    throw DataError(path, 1 + static_cast<long>(std::count(text.begin(), at, '\n')),
                    number.substr(0, 64) + " (a number that no double holds)");
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
