// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace kurve::validate {

enum class Align { left, right };

struct Column {
  std::string title;      ///< first line of the head
  std::string unit = "";  ///< second line: "[s]", or ""
  Align align = Align::right;
  int give_up = 0;  ///< 0: always shown; else left out of a text too wide, the highest number first
};

/// Cells and their head, for a terminal or a page.
struct TextTable {
  std::vector<Column> columns;
  std::vector<std::vector<std::string>> rows;  ///< each as long as columns
  void add(std::vector<std::string> cells);
};

/// Fixed-width text of at most `width` columns where giving up columns, and then gaps, allows; every line ends with a newline.
[[nodiscard]] std::string to_text(TextTable const& table, std::size_t width = 80);

/// Words broken at blanks so that no line is longer than `width`, if no word is. The first line starts with `first`,
/// later ones with as many blanks.
[[nodiscard]] std::string wrap(std::string const& text, std::string const& first = "", std::size_t width = 80);

/// Characters on screen of UTF-8 text without wide characters.
[[nodiscard]] std::size_t text_width(std::string const& text);

}  // namespace kurve::validate
