// SPDX-License-Identifier: Apache-2.0
#include "validate/report.hpp"

#include "tests/support/checks.hpp"

using namespace kurve;

namespace {

validate::Report page() {
  validate::TextTable table;
  table.columns = {{"name", "", validate::Align::left}, {"time", "[s]"}};
  table.add({"<b>bold</b>", "1.5"});
  return {.title = "T & \"title\"",
          .subtitle = "sub",
          .sections = {{"One",
                        {validate::Verdict{validate::Mood::caution, "a < b"},
                         validate::Paragraph{"</p><script>alert(1)</script>"},
                         validate::Figure{"<svg/>", "a 'figure'", "caption"}, validate::Table{table, "times"},
                         validate::Bullets{{"x"}}, validate::Verbatim{"kurve <in >out"}}}},
          .provenance = {}};
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("report: text from outside is never markup") {
    auto const html = validate::to_html(page());
    CHECK(html.find("<script") == std::string::npos);
    CHECK(html.find("<b>bold") == std::string::npos);
    CHECK(html.find("<title>T &amp; &quot;title&quot;</title>") != std::string::npos);
    CHECK(html.find("alt=\"a &#39;figure&#39;\"") != std::string::npos);
    CHECK(html.find("kurve &lt;in &gt;out") != std::string::npos);
  }

  TEST_CASE("report: nothing is loaded from elsewhere") {
    auto const html = validate::to_html(page());
    for (auto const* const reference : {"http:", "https:", "src=\"/", "url(", "@import", "<script"}) {
      INFO(reference);
      CHECK(html.find(reference) == std::string::npos);
    }
  }

  TEST_CASE("report: an empty list leaves no trace") {
    validate::Report report;
    report.sections = {{"", {validate::Bullets{}}}};
    CHECK(validate::to_html(report).find("<ul") == std::string::npos);
  }

  TEST_CASE("report: a picture is carried inside and base64 as in RFC 4648") {
    auto const carried = [](std::string const& svg) {
      validate::Report report;
      report.sections = {{"", {validate::Figure{svg, "", ""}}}};
      auto const html = validate::to_html(report);
      auto const start = html.find("base64,") + 7;
      return html.substr(start, html.find('"', start) - start);
    };
    CHECK(carried("") == "");
    CHECK(carried("f") == "Zg==");
    CHECK(carried("fo") == "Zm8=");
    CHECK(carried("foo") == "Zm9v");
    CHECK(carried("foobar") == "Zm9vYmFy");
  }

  TEST_CASE("report: a verdict says its mood in a word and a table heads its columns") {
    auto const html = validate::to_html(page());
    CHECK(html.find("<b>Caution: </b>a &lt; b") != std::string::npos);
    CHECK(html.find("<th scope=\"col\" >time<small>[s]</small></th>") != std::string::npos);
  }
}
