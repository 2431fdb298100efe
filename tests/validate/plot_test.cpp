// SPDX-License-Identifier: Apache-2.0
#include "validate/plot.hpp"

#include <sstream>

#include "model/error.hpp"
#include "tests/support/checks.hpp"
#include "tests/validate/study_text.hpp"
#include "validate/gnuplot.hpp"
#include "validate/text_table.hpp"

using namespace kurve;

namespace {

validate::ScalingPlot plot_of(std::string const& regime, std::string const& rows,
                              std::string const& workload = "a job") {
  auto const study =
      test::study_of("# kurve: study/1\n# workload: " + workload + "\n# regime: " + regime + "\n" + rows);
  return validate::make_scaling_plot(validate::make_scaling_table(study, {}));
}

std::string const strong_rows = "K,run,step_time_s\n1,0,1\n1,1,1.02\n4,0,0.3\n4,1,0.31\n16,0,0.2\n16,1,0.21\n";
std::string const weak_rows = "K,global_batch,step_time_s\n2,64,1\n4,128,1.1\n8,256,1.6\n";

bool has(std::string const& text, std::string const& words) { return text.find(words) != std::string::npos; }

/// The picture, or "" with a message where there is no gnuplot.
std::string picture(validate::ScalingPlot const& plot, validate::PlotFormat format) {
  try {
    return validate::render_plot(plot, format);
  } catch (NotBuilt const& error) {
    MESSAGE("skipped: " << error.what());
    return {};
  }
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("plot: strong shows speedup against the diagonal") {
    auto const plot = plot_of("strong", strong_rows);
    CHECK(plot.scale() == validate::PlotScale::speedup);
    CHECK(plot.points[1].value == doctest::Approx(1.01 / 0.305));
    CHECK(plot.points[1].interval->low < plot.points[1].value);
    CHECK(plot.bend_ranks == 16.0);
    auto const script = validate::gnuplot_script(plot, validate::PlotFormat::svg);
    CHECK(has(script, "'ideal S = K'"));
    CHECK(has(script, "set logscale y 2"));
    CHECK(has(script, "'bend: K = 16'"));
  }

  TEST_CASE("plot: weak shows efficiency against the flat 1 and never the diagonal") {
    auto const plot = plot_of("weak", weak_rows);
    auto const script = validate::gnuplot_script(plot, validate::PlotFormat::svg);
    CHECK(has(script, "'ideal E = 1'"));
    CHECK_FALSE(has(script, "S = K"));
    CHECK_FALSE(has(script, "logscale y"));
    CHECK(has(script, "efficiency E = T(2) / T(K)"));
  }

  TEST_CASE("plot: mixed shows the throughput of a worker and joins no points") {
    auto const plot = plot_of("mixed", "K,global_batch,step_time_s\n2,64,1\n4,64,0.6\n8,512,1.6\n");
    auto const script = validate::gnuplot_script(plot, validate::PlotFormat::svg);
    CHECK(has(script, "throughput of one worker relative to K = 2"));
    CHECK_FALSE(has(script, "linespoints"));
    CHECK_FALSE(has(script, "speedup"));
  }

  TEST_CASE("plot: nothing in a title is run or expanded") {
    auto const script =
        validate::gnuplot_script(plot_of("strong", strong_rows, "it's `date` \"x\" @y"), validate::PlotFormat::png);
    CHECK(has(script, "set title 'it''s `date` \"x\" @y'"));
    CHECK(validate::gnuplot_quoted("a\nset output 'x'") == "'a set output ''x'''");
  }

  TEST_CASE("plot: ticks from 1 to 100000 are few and round") {
    CHECK(validate::power_of_two_tics(0.8, 10) == "(\"1\" 1, \"2\" 2, \"4\" 4, \"8\" 8)");
    CHECK(validate::power_of_two_tics(1, 1e5) ==
          "(\"1\" 1, \"4\" 4, \"16\" 16, \"64\" 64, \"256\" 256, \"1024\" 1024, \"4096\" 4096, \"16384\" 16384, "
          "\"65536\" 65536)");
    CHECK(validate::power_of_two_tics(5, 7) == "auto");
  }

  TEST_CASE("plot: formats by file ending") {
    CHECK(validate::plot_format_of("a/b.svg") == validate::PlotFormat::svg);
    CHECK(validate::plot_format_of("-") == validate::PlotFormat::terminal);
    CHECK(test::message_of<InputError>([] { return validate::plot_format_of("x.jpg"); }) ==
          "plot 'x.jpg' (must end in .svg, .png or .pdf, or be - for the terminal)");
  }

  TEST_CASE("plot: each format is a whole picture and the terminal's fits 79 columns") {
    auto const plot = plot_of("strong", strong_rows);
    auto const svg = picture(plot, validate::PlotFormat::svg);
    if (svg.empty()) return;
    CHECK(has(svg, "</svg>"));
    CHECK(picture(plot, validate::PlotFormat::png).substr(1, 3) == "PNG");
    CHECK(picture(plot, validate::PlotFormat::pdf).substr(0, 4) == "%PDF");
    std::istringstream lines(picture(plot_of("weak", weak_rows), validate::PlotFormat::terminal));
    for (std::string line; std::getline(lines, line);) CHECK(validate::text_width(line) <= 79);
  }

  TEST_CASE("plot: one point and all-equal points draw") {
    for (auto const* const rows :
         {"K,step_time_s\n8,3.5\n", "K,step_time_s\n1,2\n2,2\n4,2\n", "K,step_time_s\n1,1e-6\n100000,1e6\n"})
      for (auto const* const regime : {"strong", "weak"})
        CHECK_NOTHROW(static_cast<void>(picture(plot_of(regime, rows), validate::PlotFormat::svg)));
  }

  TEST_CASE("plot: many studies show predicted against measured and what was fitted apart") {
    validate::Scorecard card{.split = "K <= Kmax/2"};
    auto const point = [](double ranks, validate::Part part, double measured_s, double predicted_s, double half_s) {
      validate::ScorePoint p{.ranks = ranks, .part = part, .measured_s = measured_s, .predicted_s = predicted_s};
      p.low_s = predicted_s - half_s;
      p.high_s = predicted_s + half_s;
      p.covered = p.low_s <= measured_s && measured_s <= p.high_s;
      return p;
    };
    auto const fitted = validate::Part::fitted, held_out = validate::Part::held_out;
    card.points = {point(2, fitted, 1, 1, 0.1), point(4, fitted, 0.5, 0.5, 0.1), point(8, held_out, 0.4, 0.3, 0.2),
                   point(16, held_out, 0.4, 0.2, 0.1)};
    validate::ScorecardSet set;
    set.studies = {card};
    set.summary.coverage = {.hits = 1, .n = 2};
    auto const script = validate::gnuplot_script(set, validate::PlotFormat::svg);
    CHECK(has(script, "'1 studies, K <= Kmax/2: 1 of 2 held-out points in their 90 % interval'"));
    CHECK(has(script, "$inside << end_of_block\n0.4 0.3 0.1 0.5 2 0.75 0.25 1.25\nend_of_block"));
    CHECK(has(script, "$outside << end_of_block\n0.4 0.2 0.1 0.3 4 0.5 0.25 0.75\nend_of_block"));
    CHECK(has(script, "rectangle from 0.416667, graph 0 to 1, graph 1"));  // from below K = 2 of 4 to 4
    for (auto const format : {validate::PlotFormat::svg, validate::PlotFormat::png, validate::PlotFormat::pdf}) try {
        CHECK(validate::render_plot(set, format).size() > 1000);
      } catch (NotBuilt const& error) {
        MESSAGE("skipped: " << error.what());
      }
  }
}
