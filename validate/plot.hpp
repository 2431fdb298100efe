// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/curve.hpp"
#include "validate/holdout.hpp"
#include "validate/scaling_table.hpp"

namespace kurve::validate {

/// What the vertical axis shows. A weak study has no diagonal, a mixed one no speedup.
enum class PlotScale {
  speedup,    ///< strong: S against the ideal S = K/K0, both axes log2
  efficiency  ///< weak and mixed: E against the flat 1
};

enum class PointRole { measured, held_out, predicted };

/// A value on the plot's scale with its interval.
struct PlotPoint {
  PointRole role = PointRole::measured;
  double ranks = 1.0, value = 1.0;
  std::optional<data::Bounds> interval;
};

struct ScalingPlot {
  std::string title;
  model::Regime regime = model::Regime::strong;
  double threshold = 0.7, baseline_ranks = 1.0;
  std::vector<PlotPoint> points;  ///< each role by K
  std::optional<double> bend_ranks;
  std::string interval_words;  ///< what bars and band are: "95 % interval"
  [[nodiscard]] PlotScale scale() const {
    return regime == model::Regime::strong ? PlotScale::speedup : PlotScale::efficiency;
  }
};

/// Measured points with error bars and the measured bend.
[[nodiscard]] ScalingPlot make_scaling_plot(ScalingTable const& table);
/// Fitted and held-out points over the predicted band.
[[nodiscard]] ScalingPlot make_scaling_plot(Scorecard const& card);
/// A prediction alone.
[[nodiscard]] ScalingPlot make_scaling_plot(model::Curve const& curve);
/// A predicted band under measured points. Both must be relative to the same baseline K.
void add_prediction(ScalingPlot& plot, model::Curve const& curve);

enum class PlotFormat { svg, png, pdf, terminal };
/// By file ending; "-" is the terminal. @throws InputError listing the endings
[[nodiscard]] PlotFormat plot_format_of(std::string const& path);

/// The gnuplot program that draws the plot to its standard output.
[[nodiscard]] std::string gnuplot_script(ScalingPlot const& plot, PlotFormat format);

/// Bytes of a finished picture, or 79 columns of text. Runs gnuplot.
/// @throws NotBuilt where there is no gnuplot, naming the package; InputError with its words where it fails
[[nodiscard]] std::string render_plot(ScalingPlot const& plot, PlotFormat format);

/// Many studies at once: predicted against measured step time on log axes with the identity, and below predicted over
/// measured against how far beyond the largest fitted K, whose region is shaded. Bars are intervals. At least one study.
[[nodiscard]] std::string gnuplot_script(ScorecardSet const& set, PlotFormat format);
/// As render_plot of a scaling plot. @throws as there
[[nodiscard]] std::string render_plot(ScorecardSet const& set, PlotFormat format);

}  // namespace kurve::validate
