// SPDX-License-Identifier: Apache-2.0
#include "validate/allreduce_holdout.hpp"

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <map>
#include <set>

#include "model/error.hpp"

namespace kurve::validate {
namespace {

using Points = std::vector<model::SweepPoint>;

/// The rows that `keep` lets through, with the header's facts: nothing of the others can be reached through it.
template <typename Keep>
data::Study part_of(data::Study const& study, Keep&& keep) {
  data::Study part;
  part.header = study.header;
  part.configuration_columns = study.configuration_columns;
  part.time_column = study.time_column;
  for (auto const& s : study.samples)
    if (keep(s)) part.samples.push_back(s);
  return part;
}

/// T = 2(K-1) alpha + 2(K-1)/K n beta by least squares of relative errors.
class Line {
 public:
  explicit Line(Points const& fitted) {
    double aa = 0, ab = 0, bb = 0, a = 0, b = 0;
    for (auto const& p : fitted) {
      double const x = hops(p) / p.time_s, y = moved(p) / p.time_s;
      aa += x * x, ab += x * y, bb += y * y, a += x, b += y;
    }
    double const d = aa * bb - ab * ab;
    if (d > 1e-12 * aa * bb)
      alpha_ = (bb * a - ab * b) / d, beta_ = (aa * b - ab * a) / d;
    else
      beta_ = b / bb;
  }
  [[nodiscard]] double operator()(model::SweepPoint const& p) const { return alpha_ * hops(p) + beta_ * moved(p); }

 private:
  static double hops(model::SweepPoint const& p) { return 2.0 * (p.ranks - 1.0); }
  static double moved(model::SweepPoint const& p) { return hops(p) / p.ranks * p.bytes; }
  double alpha_ = 0.0, beta_ = 0.0;
};

Points measured_points(data::Study const& study, FitFunction const& fit) {
  auto const model = fit(study).model;
  return model.parameters.measured_allreduce ? model.parameters.measured_allreduce->points() : Points{};
}

void score(AllreduceScorecard& card, data::Study const& fitted, Points const& held_out, FitFunction const& fit,
           double confidence) {
  auto const p = fit(fitted).model.parameters;
  if (!p.measured_allreduce || held_out.empty()) return;
  Line const line(p.measured_allreduce->points());
  double const z = boost::math::quantile(boost::math::normal{}, 0.5 + 0.5 * confidence);
  for (auto const& at : held_out) {
    auto const time_at = [&](double error) {
      auto off = p;
      off.allreduce_error = error;
      return model::one_allreduce_s(off, at.ranks, at.bytes);
    };
    double const time_s = time_at(0.0), low_s = time_at(-z), high_s = time_at(z);
    AllreduceScore point{.ranks = at.ranks,
                         .bytes = at.bytes,
                         .measured_s = at.time_s,
                         .predicted_s = time_s,
                         .low_s = low_s,
                         .high_s = high_s,
                         .relative_error = relative_error(time_s, at.time_s),
                         .covered = at.time_s >= low_s && at.time_s <= high_s,
                         .line_s = line(at)};
    card.points.push_back(point);
  }
}

AllreduceSummary summary_of(std::vector<AllreduceScore> const& points) {
  std::vector<double> errors, line_errors, widths;
  std::size_t hits = 0;
  for (auto const& p : points) {
    errors.push_back(p.relative_error);
    line_errors.push_back(relative_error(p.line_s, p.measured_s));
    widths.push_back(0.5 * std::log(p.high_s / p.low_s));
    hits += p.covered ? 1 : 0;
  }
  return {.errors = summarize_errors(errors),
          .line_errors = summarize_errors(line_errors),
          .coverage = coverage_of(hits, points.size()),
          .half_width = widths.empty() ? 0.0 : data::median(widths)};
}

/// Position of each size among those of its rank count.
std::map<std::pair<double, double>, std::size_t> places_of(Points const& points) {
  std::map<std::pair<double, double>, std::size_t> places;
  double ranks = 0.0;
  std::size_t place = 0;
  for (auto const& p : points) {
    place = p.ranks == ranks ? place + 1 : 0;
    ranks = p.ranks;
    places[{p.ranks, p.bytes}] = place;
  }
  return places;
}

AllreduceScorecard leave_sizes_out(data::Study const& study, FitFunction const& fit, double confidence) {
  AllreduceScorecard card{.study = study.path, .split = "every other size", .points = {}, .summary = {}};
  auto const all = measured_points(study, fit);
  auto const places = places_of(all);
  std::map<double, std::size_t> last;
  for (auto const& [at, place] : places) last[at.first] = std::max(last[at.first], place);
  for (std::size_t const parity : {0, 1}) {
    auto const is_kept = [&](double ranks, double bytes) {
      auto const found = places.find({ranks, bytes});
      return found != places.end() && found->second % 2 == parity;
    };
    Points held_out;
    for (auto const& p : all) {
      auto const place = places.at({p.ranks, p.bytes});
      if (place % 2 != parity && place > 0 && place < last.at(p.ranks)) held_out.push_back(p);
    }
    if (held_out.empty()) continue;
    score(card,
          part_of(study, [&](auto const& s) { return is_kept(s.ranks, static_cast<double>(s.bytes.value_or(0))); }),
          held_out, fit, confidence);
  }
  card.summary = summary_of(card.points);
  return card;
}

}  // namespace

AllreduceScorecardSet leave_sizes_out(std::span<data::Study const> studies, FitFunction const& fit, double confidence) {
  AllreduceScorecardSet set{.confidence = confidence, .studies = {}, .summary = {}, .left_out = {}};
  std::vector<AllreduceScore> all;
  for (auto const& study : studies) {
    auto card = leave_sizes_out(study, fit, confidence);
    if (card.points.empty()) {
      set.left_out.emplace_back(study.path, "fewer than 3 sizes");
      continue;
    }
    all.insert(all.end(), card.points.begin(), card.points.end());
    set.studies.push_back(std::move(card));
  }
  set.summary = summary_of(all);
  return set;
}

AllreduceScorecardSet leave_ranks_out(data::Study const& study, Split const& split, FitFunction const& fit,
                                      double confidence) {
  double largest = 0.0;
  for (auto const& s : study.samples) largest = std::max(largest, static_cast<double>(s.ranks));
  std::set<double> seen;
  for (auto const& s : study.samples)
    if (is_fitted(split, s, largest)) seen.insert(s.ranks);
  auto held_out = measured_points(part_of(study, [&](auto const& s) { return !seen.contains(s.ranks); }), fit);
  if (seen.empty()) throw DataError(study.path, 0, "no rank count left to fit (" + split.text + ")");
  AllreduceScorecard card{.study = study.path, .split = split.text, .points = {}, .summary = {}};
  score(card, part_of(study, [&](auto const& s) { return seen.contains(s.ranks); }), held_out, fit, confidence);
  card.summary = summary_of(card.points);
  auto summary = card.summary;
  return {.confidence = confidence, .studies = {std::move(card)}, .summary = std::move(summary), .left_out = {}};
}

}  // namespace kurve::validate
