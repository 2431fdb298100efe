// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <functional>
#include <locale>
#include <sstream>

#include "validate/gnuplot.hpp"
#include "validate/number_text.hpp"
#include "validate/present_plan.hpp"

namespace kurve::validate {
namespace {

constexpr char const* colors[] = {"#0072B2", "#D55E00"};  // Okabe & Ito, as in plot.cpp

std::string terminal_of(PlotFormat format) {
  switch (format) {
    case PlotFormat::svg:
      return "svg noenhanced size 800,720 dynamic font 'Helvetica,15' background '#ffffff'";
    case PlotFormat::png:
      return "pngcairo noenhanced size 1600,1440 font 'Helvetica,26' linewidth 2 pointscale 2";
    case PlotFormat::pdf:
      return "pdfcairo noenhanced size 8in,7.2in font 'Helvetica,15'";
    case PlotFormat::terminal:
      break;
  }
  return "dumb noenhanced size 79,20";
}

/// One panel: a span of every option in a unit, and a line that it must stay under.
struct Panel {
  std::string label, limit_words;
  double unit = 1.0;
  std::optional<double> limit;
  std::function<std::optional<Span>(PlanOption const&)> value;
};

std::string panel_script(Plan const& plan, Panel const& panel, PlotFormat format) {
  std::ostringstream out;
  out.imbue(std::locale::classic());
  out.precision(12);
  double low_k = 1e300, high_k = 0.0;
  for (std::size_t i = 0; i < plan.offers.size(); ++i) {
    out << "$offer" << i << " << end_of_block\n";
    for (auto const& option : plan.offers[i].options) {
      auto const v = panel.value(option);
      if (!v || !std::isfinite(v->high)) continue;
      low_k = std::min(low_k, option.ranks);
      high_k = std::max(high_k, option.ranks);
      out << option.ranks << ' ' << v->median / panel.unit << ' ' << v->low / panel.unit << ' ' << v->high / panel.unit
          << '\n';
    }
    out << "end_of_block\n";
  }
  if (high_k == 0.0) return {};
  out << "set logscale xy\nset xrange [" << low_k / 1.2 << ":" << high_k * 1.2 << "]\nset xtics nomirror "
      << power_of_two_tics(low_k / 1.2, high_k * 1.2) << "\nset ytics nomirror\nset "
      << (format == PlotFormat::terminal ? "title " : "ylabel ") << gnuplot_quoted(panel.label)
      << "\nunset arrow\nunset label\n";
  if (plan.recommended) {
    double const k = plan.offers[plan.recommended->offer].options[plan.recommended->option].ranks;
    out << "set arrow from " << k << ", graph 0 to " << k
        << ", graph 1 nohead dt 2 lw 1.2 lc rgb '#333333' back\nset label "
        << gnuplot_quoted("K = " + number_text(k, 9)) << " at " << k << ", graph 0.93 "
        << (k * k > low_k * high_k ? "right offset -1" : "left offset 1") << ",0 textcolor rgb '#333333' front\n";
  }
  char const* separator = "plot ";
  for (std::size_t i = 0; i < plan.offers.size(); ++i) {
    std::string const color = " lc rgb '" + std::string(colors[i % 2]) + "'", block = "$offer" + std::to_string(i);
    std::string const name = plan.offers.size() > 1 ? plan.offers[i].offer.name
                             : format == PlotFormat::terminal
                                 ? "median"
                                 : "median and " + percent_text(plan.options.confidence, 0) + " interval";
    if (format != PlotFormat::terminal) {
      out << separator << block << " using 1:3:4 with filledcurves fs solid 0.2 noborder" << color << " notitle";
      separator = ", \\\n     ";
    }
    out << separator << block << " using 1:2 with linespoints pt 7 ps 0.7 lw 2" << color << " title "
        << gnuplot_quoted(name);
    separator = ", \\\n     ";
  }
  if (panel.limit)
    out << separator << *panel.limit / panel.unit << " with lines dt 3 lw 1.5 lc rgb '#777777' title "
        << gnuplot_quoted(panel.limit_words);
  out << "\n";
  return out.str();
}

std::vector<Panel> panels_of(Plan const& plan) {
  double least_s = 1e300, least_cost = 1e300;
  bool priced = false;
  for (auto const& offer : plan.offers)
    for (auto const& option : offer.options) {
      least_s = std::min(least_s, option.time_s.median);
      if (option.cost) least_cost = std::min(least_cost, option.cost->median);
      priced |= option.cost.has_value();
    }
  auto const [name, unit] = least_s >= 0.05 * 86400.0  ? std::pair("d", 86400.0)
                            : least_s >= 0.05 * 3600.0 ? std::pair("h", 3600.0)
                                                       : std::pair("s", 1.0);
  std::vector<Panel> panels{{std::string("time of the run [") + name + "]", "deadline", unit, plan.options.deadline_s,
                             [](PlanOption const& p) { return std::optional(p.time_s); }}};
  if (!priced) return panels;
  auto const [money, size] = least_cost >= 5e4   ? std::pair("M", 1e6)
                             : least_cost >= 50. ? std::pair("k", 1e3)
                                                 : std::pair("", 1.0);
  std::string unit_text = money + (*money != '\0' && !plan.currency.empty() ? " " + plan.currency : plan.currency);
  panels.push_back({"cost" + (unit_text.empty() ? "" : " [" + unit_text + "]"), "budget", size,
                    plan.options.budget ? std::optional(plan.options.budget->amount) : std::nullopt,
                    [](PlanOption const& p) { return p.cost; }});
  return panels;
}

}  // namespace

std::string render_plot(Plan const& plan, PlotFormat format) {
  auto const panels = panels_of(plan);
  std::string const head = "set encoding utf8\nset terminal " + terminal_of(format) +
                           "\nset border 3 lc rgb '#444444'\nset key outside bottom left horizontal Left reverse\n" +
                           (format == PlotFormat::terminal ? "" : "set grid lc rgb '#e4e4e4' lt 1 lw 0.6\n");
  std::string bytes;
  if (format == PlotFormat::terminal) {
    for (auto const& panel : panels)
      if (auto const script = panel_script(plan, panel, format); !script.empty())
        bytes += run_gnuplot(head + "set xlabel 'GPUs K'\n" + script);
    std::erase(bytes, '\f');
    return bytes;
  }
  std::string script = head + "set multiplot layout " + std::to_string(panels.size()) + ",1\nset lmargin 10\n";
  for (std::size_t i = 0; i < panels.size(); ++i)
    script +=
        (i + 1 == panels.size() ? "set xlabel 'GPUs K'\n" : "unset xlabel\n") + panel_script(plan, panels[i], format);
  return run_gnuplot(script + "unset multiplot\n");
}

}  // namespace kurve::validate
