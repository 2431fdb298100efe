// SPDX-License-Identifier: Apache-2.0
#include "validate/text_table.hpp"

#include <algorithm>
#include <numeric>
#include <sstream>

#include "model/contract.hpp"

namespace kurve::validate {
namespace {

constexpr std::size_t usual_gap = 2;

std::size_t column_width(TextTable const& table, std::size_t column) {
  std::size_t width = std::max(text_width(table.columns[column].title), text_width(table.columns[column].unit));
  for (auto const& row : table.rows) width = std::max(width, text_width(row[column]));
  return width;
}

std::vector<std::size_t> columns_that_fit(TextTable const& table, std::vector<std::size_t> const& widths,
                                          std::size_t limit) {
  std::vector<std::size_t> shown(table.columns.size());
  std::iota(shown.begin(), shown.end(), std::size_t{0});
  auto const total = [&] {
    std::size_t sum = 0;
    for (auto const c : shown) sum += widths[c] + usual_gap;
    return sum;
  };
  while (total() > limit + usual_gap) {
    auto const victim = std::max_element(shown.begin(), shown.end(), [&](auto a, auto b) {
      return table.columns[a].give_up < table.columns[b].give_up;
    });
    if (victim == shown.end() || table.columns[*victim].give_up == 0) break;
    shown.erase(victim);
  }
  return shown;
}

}  // namespace

void TextTable::add(std::vector<std::string> cells) {
  KURVE_EXPECT(cells.size() == columns.size());
  rows.push_back(std::move(cells));
}

std::size_t text_width(std::string const& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string to_text(TextTable const& table, std::size_t width) {
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < table.columns.size(); ++c) widths.push_back(column_width(table, c));
  auto const shown = columns_that_fit(table, widths, width);
  std::size_t wanted = usual_gap * (shown.size() - 1);
  for (auto const c : shown) wanted += widths[c];
  std::size_t const gap = wanted > width ? 1 : usual_gap;

  std::string out;
  auto const write_line = [&](auto const& cell_of) {
    std::string line;
    for (auto const c : shown) {
      std::string const cell = cell_of(c);
      std::string const blanks(widths[c] - text_width(cell), ' ');
      if (c != shown.front()) line += std::string(gap, ' ');
      line += table.columns[c].align == Align::right ? blanks + cell : cell + blanks;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  };
  write_line([&](std::size_t c) { return table.columns[c].title; });
  if (std::any_of(shown.begin(), shown.end(), [&](auto c) { return !table.columns[c].unit.empty(); }))
    write_line([&](std::size_t c) { return table.columns[c].unit; });
  for (auto const& row : table.rows) write_line([&](std::size_t c) { return row[c]; });
  return out;
}

std::string wrap(std::string const& text, std::string const& first, std::size_t width) {
  std::string const indent(text_width(first), ' ');
  std::string out, line = first;
  bool line_is_empty = true;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    // A number stays with its per cent sign.
    if (words >> std::ws && words.peek() == '%') {
      std::string sign;
      words >> sign;
      word += " " + sign;
    }
    if (!line_is_empty && text_width(line) + 1 + text_width(word) > width) {
      out += line + "\n";
      line = indent;
      line_is_empty = true;
    }
    line += (line_is_empty ? "" : " ") + word;
    line_is_empty = false;
  }
  return out + line + "\n";
}

}  // namespace kurve::validate
