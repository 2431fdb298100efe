// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <locale>
#include <sstream>

#include "model/contract.hpp"
#include "validate/gnuplot.hpp"
#include "validate/number_text.hpp"
#include "validate/plot.hpp"

namespace kurve::validate {
namespace {

std::string terminal_of(PlotFormat format) {
  switch (format) {
    case PlotFormat::svg:
      return "svg noenhanced size 800,900 dynamic font 'Helvetica,15' background '#ffffff'";
    case PlotFormat::png:
      return "pngcairo noenhanced size 1600,1800 font 'Helvetica,26' linewidth 2 pointscale 2";
    case PlotFormat::pdf:
      return "pdfcairo noenhanced size 8in,9in font 'Helvetica,15'";
    case PlotFormat::terminal:
      break;
  }
  return "dumb noenhanced size 79,22";
}

/// What a point is drawn as. Colours of Okabe & Ito, as in plot.cpp.
struct Kind {
  char const *block, *title, *style;
};
constexpr Kind kinds[] = {{"$fitted", "fitted", "pt 7 ps 0.35 lc rgb '#999999'"},
                          {"$inside", "held out, inside its interval", "pt 7 ps 0.6 lw 1.2 lc rgb '#0072B2'"},
                          {"$outside", "held out, outside", "pt 5 ps 0.7 lw 1.2 lc rgb '#D55E00'"}};

std::size_t kind_of(ScorePoint const& point) { return point.part == Part::fitted ? 0 : point.covered ? 1 : 2; }

double largest_fitted_ranks(Scorecard const& card) {
  double largest = 0.0;
  for (auto const& point : card.points)
    if (point.part == Part::fitted) largest = std::max(largest, point.ranks);
  return largest > 0.0 ? largest : card.points.back().ranks;
}

/// Extents of the two panels: seconds, K over the largest fitted K, predicted over measured.
struct Extents {
  double low_s = 1e300, high_s = 0.0, low_k = 1.0, high_k = 1.0, ratio = 1.1;
};

/// Columns: measured, predicted, low, high [s]; K over the largest fitted K; predicted, low, high over measured.
Extents write_blocks(std::ostream& out, ScorecardSet const& set) {
  Extents extents;
  for (auto const& kind : kinds) {
    auto const wanted = static_cast<std::size_t>(&kind - kinds);
    out << kind.block << " << end_of_block\n";
    for (auto const& card : set.studies) {
      double const largest = largest_fitted_ranks(card);
      for (auto const& p : card.points) {
        if (kind_of(p) != wanted) continue;
        double const beyond = p.ranks / largest;
        out << p.measured_s << ' ' << p.predicted_s << ' ' << p.low_s << ' ' << p.high_s << ' ' << beyond << ' '
            << p.predicted_s / p.measured_s << ' ' << p.low_s / p.measured_s << ' ' << p.high_s / p.measured_s << '\n';
        extents.low_s = std::min({extents.low_s, p.measured_s, p.predicted_s});
        extents.high_s = std::max({extents.high_s, p.measured_s, p.predicted_s});
        extents.low_k = std::min(extents.low_k, beyond);
        extents.high_k = std::max(extents.high_k, beyond);
        double const off = std::max(p.predicted_s / p.measured_s, p.measured_s / p.predicted_s);
        extents.ratio = std::max(extents.ratio, off);
      }
    }
    out << "end_of_block\n";
  }
  return extents;
}

/// One panel's `plot` command. @param x, y, low, high  columns of the blocks
std::string layers(std::string const& reference, int x, int y, int low, int high, PlotFormat format, bool has_key) {
  std::ostringstream out;
  out << "plot " << reference << " with lines lw 1.5 lc rgb '#777777' title "
      << gnuplot_quoted(has_key ? "predicted = measured" : "");
  bool const is_text = format == PlotFormat::terminal;
  for (auto const& kind : kinds) {
    bool const bars = kind.block != kinds[0].block && !is_text;
    if (is_text && kind.block == kinds[0].block) continue;  // a character is too coarse to tell them apart
    out << ", \\\n     " << kind.block << " using " << x << ':' << y;
    if (bars) out << ':' << low << ':' << high;
    out << (bars ? " with yerrorbars " : " with points ") << kind.style << " title "
        << gnuplot_quoted(has_key ? kind.title : "");
  }
  return out.str() + "\n";
}

std::string seconds_panel(Extents const& e, std::string const& range_title, PlotFormat format) {
  std::ostringstream out;
  out << range_title << "set logscale xy\nset xrange [" << e.low_s / 1.5 << ":" << e.high_s * 1.5 << "]\nset yrange ["
      << e.low_s / 1.5 << ":" << e.high_s * 1.5 << "]\nset xtics nomirror\nset ytics nomirror\n"
      << "set xlabel 'measured step time [s]'\nset ylabel 'predicted [s]'\n"
      << layers("x", 1, 2, 3, 4, format, true);
  return out.str();
}

std::string distance_panel(Extents const& e, PlotFormat format) {
  std::ostringstream out;
  double const low = e.low_k / 1.2, high = e.high_k * 1.2, span = e.ratio * 1.1;
  out << "unset title\nunset logscale\nset logscale x 2\nset logscale y 2\nset xrange [" << low << ":" << high
      << "]\nset yrange [" << 1.0 / span << ":" << span << "]\nset xtics nomirror " << power_of_two_tics(low, high)
      << "\nset xlabel 'K over the largest fitted K'\nset ylabel 'predicted / measured'\n";
  if (format != PlotFormat::terminal)
    out << "set object 1 rectangle from " << low << ", graph 0 to 1, graph 1 fc rgb '#f0f0f0' fs noborder behind\n"
        << "set label 1 'fitted' at " << std::sqrt(low) << ", graph 0.95 center textcolor rgb '#666666'\n";
  out << layers("1", 5, 6, 7, 8, format, false);
  return out.str();
}

}  // namespace

std::string gnuplot_script(ScorecardSet const& set, PlotFormat format) {
  KURVE_EXPECT(!set.studies.empty());
  std::ostringstream out;
  out.imbue(std::locale::classic());
  out.precision(12);
  out << "set encoding utf8\nset terminal " << terminal_of(format) << "\nset border 3 lc rgb '#444444'\n";
  auto const extents = write_blocks(out, set);
  std::string const title =
      "set title " +
      gnuplot_quoted(std::to_string(set.studies.size()) + " studies, " + set.studies.front().split + ": " +
                     std::to_string(set.summary.coverage.hits) + " of " + std::to_string(set.summary.coverage.n) +
                     " held-out points in their " + percent_text(set.studies.front().confidence, 0) + " interval") +
      "\n";
  bool const is_text = format == PlotFormat::terminal;
  out << (is_text ? "set key bmargin left vertical Left reverse\n"
                  : "set key top left Left reverse samplen 2\nset grid lc rgb '#e4e4e4' lt 1 lw 0.6\n"
                    "set errorbars small\nset lmargin 9\nset multiplot layout 2,1\n")
      << seconds_panel(extents, title, format) << distance_panel(extents, format)
      << (is_text ? "" : "unset multiplot\n");
  return out.str();
}

std::string render_plot(ScorecardSet const& set, PlotFormat format) {
  std::string bytes = run_gnuplot(gnuplot_script(set, format));
  if (format == PlotFormat::terminal) std::erase(bytes, '\f');
  return bytes;
}

}  // namespace kurve::validate
