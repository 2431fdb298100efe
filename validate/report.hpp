// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "data/provenance.hpp"
#include "validate/text_table.hpp"

namespace kurve::validate {

enum class Mood { neutral, good, caution, bad };

struct Paragraph {
  std::string text;
};
/// A sentence to be seen first, in a box; its mood is said by a word as well as by colour.
struct Verdict {
  Mood mood = Mood::neutral;
  std::string text;
};
struct Bullets {
  std::vector<std::string> items;
};
/// Text as typed: a command, a log.
struct Verbatim {
  std::string text;
};
/// A picture; `description` is what a screen reader says.
struct Figure {
  std::string svg, description, caption;
};
struct Table {
  TextTable table;
  std::string caption;
};
using Block = std::variant<Paragraph, Verdict, Bullets, Verbatim, Figure, Table>;

struct Section {
  std::string title;
  std::vector<Block> blocks;
};

/// One page: what it says, and what made it.
struct Report {
  std::string title, subtitle;
  std::vector<Section> sections;
  data::Provenance provenance;
};

/// A self-contained HTML page: no network, no script; light and dark, narrow and wide, on paper. All text is escaped.
[[nodiscard]] std::string to_html(Report const& report);

}  // namespace kurve::validate
