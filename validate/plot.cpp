// SPDX-License-Identifier: Apache-2.0
#include "validate/plot.hpp"

#include <algorithm>
#include <filesystem>
#include <locale>
#include <sstream>

#include "model/contract.hpp"
#include "model/error.hpp"
#include "validate/gnuplot.hpp"
#include "validate/number_text.hpp"

namespace kurve::validate {
namespace {

// Okabe & Ito's palette: told apart by readers who see few colours, and in print.
constexpr char const* blue = "#0072B2";
constexpr char const* orange = "#D55E00";
constexpr char const* grey = "#777777";

/// E on the plot's scale: S = E K/K0 where the plot shows speedup.
PlotPoint plot_point(ScalingPlot const& plot, PointRole role, double ranks, double efficiency,
                     std::optional<data::Bounds> interval) {
  double const factor = plot.scale() == PlotScale::speedup ? ranks / plot.baseline_ranks : 1.0;
  if (interval) *interval = {interval->low * factor, interval->high * factor};
  return {.role = role, .ranks = ranks, .value = efficiency * factor, .interval = interval};
}

std::string title_of(std::string const& workload, std::string const& otherwise) {
  constexpr std::size_t longest = 68;
  std::string const title = workload.empty() ? otherwise : workload;
  if (title.size() <= longest) return title;
  auto const blank = title.rfind(' ', longest);
  return title.substr(0, blank == std::string::npos ? longest : blank) + " ...";
}

struct Range {
  double low, high;
};
Range range_of(ScalingPlot const& plot, bool ranks) {
  Range range{1e300, 0.0};
  for (auto const& p : plot.points) {
    double const value = ranks ? p.ranks : p.value;
    range.low = std::min(range.low, p.interval && !ranks ? std::max(p.interval->low, value / 4.0) : value);
    range.high = std::max(range.high, p.interval && !ranks ? p.interval->high : value);
  }
  return range;
}

std::string terminal_of(PlotFormat format) {
  switch (format) {
    case PlotFormat::svg:
      return "svg noenhanced size 800,520 dynamic font 'Helvetica,15' background '#ffffff'";
    case PlotFormat::png:
      return "pngcairo noenhanced size 1600,1040 font 'Helvetica,26' linewidth 2 pointscale 2";
    case PlotFormat::pdf:
      return "pdfcairo noenhanced size 8in,5.2in font 'Helvetica,15'";
    case PlotFormat::terminal:
      break;
  }
  return "dumb noenhanced size 79,26";
}

std::string axes_of(ScalingPlot const& plot) {
  auto const x = range_of(plot, true), y = range_of(plot, false);
  std::string const k0 = number_text(plot.baseline_ranks, 6);
  std::ostringstream out;
  out << "set logscale x 2\nset xrange [" << x.low / 1.3 << ":" << x.high * 1.3 << "]\n"
      << "set xtics nomirror " << power_of_two_tics(x.low / 1.3, x.high * 1.3) << "\nset xlabel 'workers K'\n";
  if (plot.scale() == PlotScale::speedup) {
    double const low = std::min(y.low, 1.0) / 1.3, high = std::max(y.high, x.high / plot.baseline_ranks) * 1.3;
    out << "set logscale y 2\nset yrange [" << low << ":" << high << "]\nset ytics nomirror "
        << power_of_two_tics(low, high) << "\nset ylabel " << gnuplot_quoted("speedup S = T(" + k0 + ") / T(K)")
        << "\n";
  } else {
    std::string const label = plot.regime == model::Regime::weak ? "efficiency E = T(" + k0 + ") / T(K)"
                                                                 : "throughput of one worker relative to K = " + k0;
    out << "set yrange [0:" << std::max(1.12, 1.08 * y.high) << "]\nset ytics nomirror 0.2\nset ylabel "
        << gnuplot_quoted(label) << "\n";
  }
  return out.str();
}

bool has_role(ScalingPlot const& plot, PointRole role) {
  return std::any_of(plot.points.begin(), plot.points.end(), [role](auto const& p) { return p.role == role; });
}

/// A named block of rows: K, value, low, high.
void write_block(std::ostream& out, ScalingPlot const& plot, char const* name, PointRole role) {
  out << name << " << end_of_block\n";
  for (auto const& p : plot.points)
    if (p.role == role)
      out << p.ranks << ' ' << p.value << ' ' << (p.interval ? p.interval->low : p.value) << ' '
          << (p.interval ? p.interval->high : p.value) << '\n';
  out << "end_of_block\n";
}

struct Layer {
  std::string drawing, style, title;  ///< title "" keeps it out of the legend
};

std::vector<Layer> layers_of(ScalingPlot const& plot, PlotFormat format) {
  bool const is_text = format == PlotFormat::terminal, is_speedup = plot.scale() == PlotScale::speedup;
  std::string const bars = plot.interval_words.empty() || is_text ? "" : ", " + plot.interval_words;
  std::string const ideal = is_speedup ? "x/" + number_text(plot.baseline_ranks, 9) : "1";
  std::string const threshold = number_text(plot.threshold, 4);
  auto const color = [](char const* name) { return " lc rgb '" + std::string(name) + "'"; };

  std::vector<Layer> layers{
      {ideal, "with lines lw 1.5" + color(grey),
       is_speedup
           ? "ideal S = K" + (plot.baseline_ranks == 1.0 ? std::string() : "/" + number_text(plot.baseline_ranks, 6))
           : "ideal E = 1"},
      {threshold + "*(" + ideal + ")", "with lines lw 1.2 dt 3" + color(grey), "threshold E = " + threshold}};
  if (has_role(plot, PointRole::predicted)) {
    // Points of a mixed study differ in batch as well: no line joins them.
    if (plot.regime == model::Regime::mixed) {
      layers.push_back(
          {"$predicted using 1:2:3:4", "with yerrorbars pt 2 ps 0.9 lw 1.5" + color(orange), "predicted" + bars});
    } else {
      if (!is_text)
        layers.push_back(
            {"$predicted using 1:3:4", "with filledcurves fs solid 0.2 noborder" + color(orange), "predicted" + bars});
      layers.push_back({"$predicted using 1:2", "with lines lw 2" + color(orange), is_text ? "predicted" : ""});
    }
  }
  bool const is_judged = has_role(plot, PointRole::held_out);
  if (has_role(plot, PointRole::measured)) {
    if (!is_text)
      layers.push_back({"$measured using 1:2:3:4", "with yerrorbars pt 7 ps 0.01 lw 1.5" + color(blue), ""});
    bool const is_joined = plot.regime != model::Regime::mixed && !has_role(plot, PointRole::predicted) && !is_text;
    layers.push_back(
        {"$measured using 1:2",
         std::string("with ") + (is_joined ? "linespoints lw 1.2" : "points") + " pt 7 ps 0.8" + color(blue),
         is_judged ? "measured, fitted" : "measured" + (has_role(plot, PointRole::predicted) ? "" : bars)});
  }
  if (is_judged)
    layers.push_back({"$held_out using 1:2", "with points pt 6 ps 1 lw 2" + color(blue), "measured, held out"});
  return layers;
}

std::string bend_of(ScalingPlot const& plot) {
  if (!plot.bend_ranks) return {};
  std::string const k = number_text(*plot.bend_ranks, 9);
  auto const x = range_of(plot, true);
  bool const is_right = *plot.bend_ranks * *plot.bend_ranks > x.low * x.high;  // beyond the middle of a log axis
  bool const is_low = plot.scale() == PlotScale::speedup;                      // away from legend and curve
  return "set arrow from " + k + ", graph 0 to " + k + ", graph 1 nohead dt 2 lw 1.2 lc rgb '#333333' back\n" +
         "set label " + gnuplot_quoted("bend: K = " + k) + " at " + k + ", graph " + (is_low ? "0.06" : "0.95") +
         (is_right ? " right offset -1" : " left offset 1") + ",0 textcolor rgb '#333333' front\n";
}

void add_points(ScalingPlot& plot, model::Curve const& curve) {
  for (auto const& p : curve.points)
    plot.points.push_back(plot_point(plot, PointRole::predicted, p.ranks, p.efficiency.centre,
                                     data::Bounds{p.efficiency.low, p.efficiency.high}));
}

}  // namespace

ScalingPlot make_scaling_plot(ScalingTable const& table) {
  ScalingPlot plot{.title = title_of(table.workload, "Scaling"),
                   .regime = table.regime,
                   .threshold = table.options.threshold,
                   .baseline_ranks = table.points[table.baseline].ranks,
                   .points = {},
                   .bend_ranks = {},
                   .interval_words = {}};
  for (auto const& p : table.points) {
    plot.points.push_back(plot_point(plot, PointRole::measured, p.ranks, p.efficiency, p.efficiency_interval));
    if (p.efficiency_interval) plot.interval_words = percent_text(table.options.confidence, 0) + " interval";
  }
  if (table.bend) plot.bend_ranks = table.bend->at.ranks;
  return plot;
}

ScalingPlot make_scaling_plot(Scorecard const& card) {
  ScalingPlot plot{.title = title_of(card.workload, "Prediction against measurement"),
                   .regime = card.regime,
                   .threshold = card.threshold,
                   .baseline_ranks = card.baseline_ranks,
                   .points = {},
                   .bend_ranks = card.measured_bend,
                   .interval_words = percent_text(card.confidence, 0) + " interval"};
  for (auto const& p : card.points) {
    plot.points.push_back(plot_point(plot, p.part == Part::fitted ? PointRole::measured : PointRole::held_out, p.ranks,
                                     p.measured_efficiency, {}));
    plot.points.push_back(plot_point(plot, PointRole::predicted, p.ranks, p.efficiency.centre,
                                     data::Bounds{p.efficiency.low, p.efficiency.high}));
  }
  return plot;
}

ScalingPlot make_scaling_plot(model::Curve const& curve) {
  ScalingPlot plot{.title = title_of(curve.workload, "Prediction"),
                   .regime = curve.regime,
                   .threshold = curve.threshold,
                   .baseline_ranks = curve.baseline_ranks,
                   .points = {},
                   .bend_ranks = {},
                   .interval_words = percent_text(curve.confidence, 0) + " interval"};
  add_points(plot, curve);
  if (curve.bend) plot.bend_ranks = curve.bend->ranks;
  return plot;
}

void add_prediction(ScalingPlot& plot, model::Curve const& curve) {
  KURVE_EXPECT(curve.baseline_ranks == plot.baseline_ranks);
  plot.interval_words = percent_text(curve.confidence, 0) + " interval";
  add_points(plot, curve);
}

PlotFormat plot_format_of(std::string const& path) {
  if (path == "-") return PlotFormat::terminal;
  auto const ending = std::filesystem::path(path).extension().string();
  if (ending == ".svg") return PlotFormat::svg;
  if (ending == ".png") return PlotFormat::png;
  if (ending == ".pdf") return PlotFormat::pdf;
  throw InputError("plot '" + path + "' (must end in .svg, .png or .pdf, or be - for the terminal)");
}

std::string gnuplot_script(ScalingPlot const& plot, PlotFormat format) {
  KURVE_EXPECT(!plot.points.empty());
  std::ostringstream out;
  out.imbue(std::locale::classic());
  out.precision(12);
  out << "set encoding utf8\nset terminal " << terminal_of(format) << "\nset title " << gnuplot_quoted(plot.title)
      << "\n"
      << axes_of(plot) << "set border 3 lc rgb '#444444'\nset samples 400\n";
  // Outside the axes, where it can hide nothing.
  out << (format == PlotFormat::terminal
              ? "set key bmargin left vertical Left reverse\n"
              : "set bmargin 7\nset key at screen 0.1, screen 0.02 left bottom horizontal Left reverse "
                "maxrows 3 samplen 2\n");
  if (format != PlotFormat::terminal) out << "set grid lc rgb '#e4e4e4' lt 1 lw 0.6\nset errorbars small\n";
  out << bend_of(plot);
  write_block(out, plot, "$measured", PointRole::measured);
  write_block(out, plot, "$held_out", PointRole::held_out);
  write_block(out, plot, "$predicted", PointRole::predicted);
  char const* separator = "plot ";
  for (auto const& layer : layers_of(plot, format)) {
    out << separator << layer.drawing << ' ' << layer.style
        << (layer.title.empty() ? " notitle" : " title " + gnuplot_quoted(layer.title));
    separator = ", \\\n     ";
  }
  out << "\n";
  return out.str();
}

std::string render_plot(ScalingPlot const& plot, PlotFormat format) {
  std::string bytes = run_gnuplot(gnuplot_script(plot, format));
  // gnuplot's text begins with a form feed, whatever it is told.
  if (format == PlotFormat::terminal) std::erase(bytes, '\f');
  return bytes;
}

}  // namespace kurve::validate
