// SPDX-License-Identifier: Apache-2.0
#include "validate/report.hpp"

#include <cstdint>

namespace kurve::validate {
namespace {

constexpr char const* style = R"(
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #5a6470; --page: #ffffff; --card: #f4f6f8; --line: #d5dbe1;
  --good: #0b6b3a; --caution: #8a5300; --bad: #a8201a; --neutral: #0b5cad; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ec; --soft: #a3adb8; --page: #14181c; --card: #1e242a;
  --line: #39424c; --good: #5fd08f; --caution: #f0b04e; --bad: #ff8a80; --neutral: #7ab8f5; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 56rem; overflow-wrap: break-word; color: var(--ink); background: var(--page);
  font: 1rem/1.55 system-ui, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: .5rem 0 .25rem; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .75rem; padding-bottom: .25rem; border-bottom: 1px solid var(--line); }
.subtitle, figcaption, caption, footer { color: var(--soft); }
.verdict { margin: 1rem 0; padding: .7rem 1rem; background: var(--card); border-left: .35rem solid var(--mood); border-radius: .25rem; }
.verdict b { color: var(--mood); }
figure { margin: 1.25rem 0; }
figure img { display: block; width: 100%; min-width: 34rem; height: auto; background: #ffffff; border: 1px solid var(--line); border-radius: .25rem; }
.scroll { overflow-x: auto; }
section > .scroll { margin: 1.25rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .93rem; }
caption { text-align: left; padding-bottom: .4rem; }
th, td { padding: .25rem .7rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th { vertical-align: bottom; }
th small { display: block; font-weight: normal; color: var(--soft); }
.left { text-align: left; white-space: normal; }
td.left { vertical-align: top; }
pre { white-space: pre-wrap; padding: .7rem 1rem; background: var(--card); border-radius: .25rem; font-size: .87rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; margin: 0; font-size: .9rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
@media print { body { max-width: none; } figure img { min-width: 0; } .scroll { overflow: visible; } h2 { break-after: avoid; } figure, table, .verdict { break-inside: avoid; } }
)";

std::string escaped(std::string const& text) {
  std::string out;
  for (char const c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        if (static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t') out += c;
    }
  }
  return out;
}

std::string base64(std::string const& bytes) {
  constexpr char const* digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8U | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    for (std::size_t k = 0; k < 4; ++k) out += i + k <= bytes.size() ? digits[group >> (18U - 6U * k) & 63U] : '=';
  }
  return out;
}

std::string element(std::string const& tag, std::string const& inner, std::string const& attributes = "") {
  return "<" + tag + (attributes.empty() ? "" : " " + attributes) + ">" + inner + "</" + tag + ">";
}

struct Writer {
  std::string operator()(Paragraph const& p) const { return element("p", escaped(p.text)) + "\n"; }

  std::string operator()(Verdict const& v) const {
    constexpr char const* names[] = {"neutral", "good", "caution", "bad"};
    constexpr char const* words[] = {"", "Good: ", "Caution: ", "Problem: "};
    auto const mood = static_cast<std::size_t>(v.mood);
    return element("div", element("b", words[mood]) + escaped(v.text),
                   "class=\"verdict\" role=\"note\" style=\"--mood: var(--" + std::string(names[mood]) + ")\"") +
           "\n";
  }

  std::string operator()(Bullets const& list) const {
    if (list.items.empty()) return {};
    std::string items;
    for (auto const& item : list.items) items += element("li", escaped(item)) + "\n";
    return element("ul", "\n" + items) + "\n";
  }

  std::string operator()(Verbatim const& v) const { return element("pre", escaped(v.text)) + "\n"; }

  // An image from a data URI, not inline: the ids that gnuplot writes would clash between two pictures of one page.
  std::string operator()(Figure const& f) const {
    // On a phone it keeps a size that can be read, and scrolls in its own box.
    std::string const image = element(
        "div", "<img alt=\"" + escaped(f.description) + "\" src=\"data:image/svg+xml;base64," + base64(f.svg) + "\">",
        "class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"plot\"");
    return element("figure", image + (f.caption.empty() ? "" : element("figcaption", escaped(f.caption)))) + "\n";
  }

  std::string operator()(Table const& t) const {
    auto const side = [&](std::size_t c) {
      return std::string(t.table.columns[c].align == Align::left ? "class=\"left\"" : "");
    };
    std::string head, rows;
    for (std::size_t c = 0; c < t.table.columns.size(); ++c) {
      auto const& column = t.table.columns[c];
      head += element("th", escaped(column.title) + (column.unit.empty() ? "" : element("small", escaped(column.unit))),
                      "scope=\"col\" " + side(c));
    }
    for (auto const& row : t.table.rows) {
      std::string cells;
      for (std::size_t c = 0; c < row.size(); ++c) cells += element("td", escaped(row[c]), side(c));
      rows += element("tr", cells) + "\n";
    }
    std::string const caption = t.caption.empty() ? "" : element("caption", escaped(t.caption));
    // A wide table scrolls in its own box, which a keyboard can reach.
    return element("div",
                   element("table", caption + element("thead", element("tr", head)) + element("tbody", "\n" + rows)),
                   "class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"" +
                       escaped(t.caption.empty() ? "table" : t.caption) + "\"") +
           "\n";
  }
};

std::string origin_of(data::Provenance const& p) {
  std::string rows;
  auto const row = [&](char const* name, std::string const& value) {
    if (!value.empty()) rows += element("dt", name) + element("dd", escaped(value)) + "\n";
  };
  row("Kurve", p.version);
  row("command", p.command_line);
  row("seed", p.seed);
  row("host", p.host);
  row("processor", p.processor);
  row("kernel", p.kernel);
  row("time (UTC)", p.utc_time);
  for (auto const& [path, digest] : p.inputs) row("input", path + " (SHA-256 " + digest + ")");
  return element("h2", "How this page was made") + element("dl", "\n" + rows);
}

}  // namespace

std::string to_html(Report const& report) {
  std::string body = element("h1", escaped(report.title)) + "\n";
  if (!report.subtitle.empty()) body += element("p", escaped(report.subtitle), "class=\"subtitle\"") + "\n";
  for (auto const& section : report.sections) {
    std::string inner = element("h2", escaped(section.title)) + "\n";
    for (auto const& block : section.blocks) inner += std::visit(Writer{}, block);
    body += element("section", inner) + "\n";
  }
  return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
         // The browser itself refuses whatever is not on the page.
         "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src "
         "'unsafe-inline'\">\n"
         "<link rel=\"icon\" href=\"data:,\">\n" +
         element("title", escaped(report.title)) + "\n" + element("style", style) + "\n</head>\n<body>\n" +
         element("main", "\n" + body) + "\n" + element("footer", origin_of(report.provenance)) + "\n</body>\n</html>\n";
}

}  // namespace kurve::validate
