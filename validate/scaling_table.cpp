// SPDX-License-Identifier: Apache-2.0
#include "validate/scaling_table.hpp"

#include <algorithm>
#include <cmath>

#include "data/philox.hpp"
#include "model/error.hpp"
#include "validate/number_text.hpp"

namespace kurve::validate {
namespace {

double point_efficiency(data::MeasuredPoint const& baseline, double baseline_s, data::MeasuredPoint const& point,
                        double point_s) {
  return model::efficiency({baseline.ranks, baseline.global_batch, baseline_s},
                           {point.ranks, point.global_batch, point_s});
}

/// How well the mean of each point is known; none anywhere where no point has repeats.
class MeanErrors {
 public:
  explicit MeanErrors(std::vector<data::MeasuredPoint> const& points) {
    std::vector<data::Summary> times;
    for (auto const& point : points) times.push_back(point.time);
    single_ = data::pooled_log_error(times);
  }
  /// A single value has the spread that the points with repeats have.
  [[nodiscard]] std::optional<data::LogError> of(data::MeasuredPoint const& point) const {
    return point.time.n > 1 ? data::log_error(point.time) : single_;
  }
  /// Of log(T(a) / T(b)). Where either is a single value, both take the one spread that is known.
  [[nodiscard]] std::optional<data::LogError> of_ratio(data::MeasuredPoint const& a,
                                                       data::MeasuredPoint const& b) const {
    if (!single_) return std::nullopt;
    if (a.time.n > 1 && b.time.n > 1) return data::log_error_of_ratio(data::log_error(a.time), data::log_error(b.time));
    auto const n = [](data::Summary const& s) { return s.effective_n.value_or(static_cast<double>(s.n)); };
    return data::LogError{single_->sd * std::sqrt(1.0 / n(a.time) + 1.0 / n(b.time)), single_->degrees_of_freedom};
  }

 private:
  std::optional<data::LogError> single_;
};

ScalingPoint scaling_point(data::MeasuredPoint const& point, data::MeasuredPoint const& baseline,
                           MeanErrors const& errors, model::Regime regime, ScalingOptions const& options) {
  ScalingPoint row{.ranks = point.ranks,
                   .global_batch = point.global_batch,
                   .time = point.time,
                   .mean_s = {},
                   .speedup = {},
                   .efficiency_interval = {}};
  bool const is_baseline = &point == &baseline;
  if (point.time.n > 1)
    row.mean_s = options.mean_interval == MeanInterval::normal
                     ? data::normal_interval(point.time, options.confidence)
                     : data::student_t_interval(point.time, options.confidence);
  if (regime != model::Regime::mixed && point.global_batch == baseline.global_batch)
    row.speedup = model::speedup(baseline.time.mean, point.time.mean);
  row.efficiency = point_efficiency(baseline, baseline.time.mean, point, point.time.mean);
  if (auto const error = errors.of_ratio(point, baseline); error && !is_baseline)
    row.efficiency_interval = data::log_t_interval(row.efficiency, *error, options.confidence);
  row.pays = row.efficiency >= options.threshold;
  return row;
}

/// The efficiency that a K reaches with its best batch.
struct Envelope {
  std::vector<double> ranks, efficiency;
};
template <typename EfficiencyAt>
Envelope envelope(std::vector<data::MeasuredPoint> const& points, EfficiencyAt const& efficiency_at) {
  Envelope best;
  for (std::size_t i = 0; i < points.size(); ++i) {
    double const e = efficiency_at(i);
    if (best.ranks.empty() || best.ranks.back() != points[i].ranks) {
      best.ranks.push_back(points[i].ranks);
      best.efficiency.push_back(e);
    } else {
      best.efficiency.back() = std::max(best.efficiency.back(), e);
    }
  }
  return best;
}

/// Bends of studies drawn from the points' means and errors, as indices into `ranks` in rising order; the index past
/// the end means that no K is below the threshold.
std::vector<std::size_t> drawn_bends(std::vector<data::MeasuredPoint> const& points, std::vector<double> const& ranks,
                                     std::size_t baseline, ScalingOptions const& options) {
  MeanErrors const errors(points);
  std::vector<std::size_t> bends;
  std::vector<double> times_s(points.size());
  for (int r = 0; r < options.resamples; ++r) {
    for (std::size_t i = 0; i < points.size(); ++i) {
      auto const error = *errors.of(points[i]);
      double const u = data::uniforms(options.seed, static_cast<std::uint32_t>(r), static_cast<std::uint32_t>(i), 0,
                                      data::Stream::bootstrap)
                           .first;
      times_s[i] = points[i].time.mean;
      if (error.sd > 0.0)  // beyond e^50 no drawn time is less absurd
        times_s[i] *=
            std::exp(std::clamp(error.sd * data::student_t_quantile(error.degrees_of_freedom, u), -50.0, 50.0));
    }
    auto const curve = envelope(points, [&](std::size_t i) {
      return point_efficiency(points[baseline], times_s[baseline], points[i], times_s[i]);
    });
    auto const found = model::find_bend(curve.ranks, curve.efficiency, options.threshold);
    auto const at = found ? std::find(ranks.begin(), ranks.end(), found->ranks) : ranks.end();
    bends.push_back(static_cast<std::size_t>(at - ranks.begin()));
  }
  std::sort(bends.begin(), bends.end());
  return bends;
}

/// Interval of the bend among the measured K, rounded outwards, and how many resampled studies agree with it.
void resample_bend(TableBend& bend, std::vector<data::MeasuredPoint> const& points, std::size_t baseline,
                   ScalingOptions const& options) {
  bend.has_interval = std::any_of(points.begin(), points.end(), [](auto const& p) { return p.time.n > 1; });
  if (!bend.has_interval) return;
  auto const ranks = envelope(points, [](std::size_t) { return 1.0; }).ranks;
  auto const bends = drawn_bends(points, ranks, baseline, options);
  auto const ranks_at = [&](double position) {
    auto const i = bends[static_cast<std::size_t>(position)];
    return i < ranks.size() ? std::optional(ranks[i]) : std::nullopt;
  };
  double const last = static_cast<double>(bends.size() - 1);
  bend.low_ranks = ranks_at(std::floor((0.5 - options.confidence / 2.0) * last));
  bend.high_ranks = ranks_at(std::ceil((0.5 + options.confidence / 2.0) * last));
  auto const same =
      std::count_if(bends.begin(), bends.end(), [&](auto i) { return i < ranks.size() && ranks[i] == bend.at.ranks; });
  bend.agreement = static_cast<double>(same) / static_cast<double>(bends.size());
}

/// K below the threshold before a larger K that pays.
std::vector<double> dips_of(Envelope const& curve, double threshold) {
  std::vector<double> dips;
  std::size_t last_ok = curve.ranks.size();
  while (last_ok > 0 && curve.efficiency[last_ok - 1] < threshold) --last_ok;
  for (std::size_t i = 0; i < last_ok; ++i)
    if (curve.efficiency[i] < threshold) dips.push_back(curve.ranks[i]);
  return dips;
}

std::string step_in_words(Envelope const& curve, std::size_t to) {
  double const ranks = curve.ranks[to], from = curve.ranks[to - 1];
  double const workers = ranks / from, work = workers * curve.efficiency[to] / curve.efficiency[to - 1];
  double const idle = std::max(1.0 - curve.efficiency[to], 0.0);
  return "from K = " + number_text(from, 6) + " to " + number_text(ranks, 6) + ": " + number_text(workers, 3) +
         " times the workers do " + fixed_text(work, 2) + " times the work; at K = " + number_text(ranks, 6) + ", " +
         percent_text(idle, 0) + " of the fleet idles (" + fixed_text(idle * ranks, idle * ranks < 100.0 ? 1 : 0) +
         " workers)";
}

/// What the money buys: the step into the bend, and the step to the largest K.
std::vector<std::string> budget_in_words(Envelope const& curve, std::optional<model::Bend> const& bend) {
  std::vector<std::string> lines;
  for (std::size_t i = 1; i < curve.ranks.size(); ++i)
    if (i + 1 == curve.ranks.size() || (bend && curve.ranks[i] == bend->ranks))
      lines.push_back(step_in_words(curve, i));
  return lines;
}

void explain(ScalingTable& table, data::Study const& study) {
  auto const& baseline = table.points[table.baseline];
  if (table.declared && table.derived && *table.declared != *table.derived)
    table.notes.push_back("the header says regime " + std::string(model::to_text(*table.declared)) +
                          ", but global_batch says " + std::string(model::to_text(*table.derived)) + ": read as " +
                          std::string(model::to_text(table.regime)));
  if (!table.declared && !table.derived)
    table.notes.push_back("regime neither declared nor visible (no global_batch): taken as " +
                          std::string(model::to_text(table.regime)));
  if (baseline.ranks > 1.0)
    table.notes.push_back("baseline is K = " + number_text(baseline.ranks, 6) +
                          ", not one worker: every ratio is relative to it, and its own losses are not seen");
  if (table.regime == model::Regime::mixed)
    table.notes.push_back(
        "batch and K change together in no fixed way: efficiency is per-worker throughput, and there is no speedup");
  std::vector<double> single;
  for (auto const& point : table.points)
    if (point.time.n < 2 && (single.empty() || single.back() != point.ranks)) single.push_back(point.ranks);
  if (!single.empty() && table.replication != data::Replication::single)
    table.notes.push_back("one value at " + list_of_ranks(single) +
                          ": its error is taken from the spread of the points that have repeats");
  if (table.points.size() == 1) table.notes.push_back("one point only: nothing to compare it with");
  table.notes.insert(table.notes.end(), study.notes.begin(), study.notes.end());
}

}  // namespace

void check(ScalingOptions const& options) {
  auto const inside = [](double value) { return value > 0.0 && value < 1.0; };
  if (!inside(options.threshold))
    throw InputError("threshold=" + number_text(options.threshold, 6) +
                     " (must be between 0 and 1). Efficiency of 70 % is 0.7?");
  if (!inside(options.confidence))
    throw InputError("confidence=" + number_text(options.confidence, 6) + " (must be between 0 and 1). 95 % is 0.95?");
  if (options.resamples < 100)
    throw InputError("resamples=" + std::to_string(options.resamples) + " (must be at least 100)");
}

ScalingTable make_scaling_table(data::Study const& study, ScalingOptions const& options) {
  check(options);
  auto const measured = data::measured_points(study);
  auto const& points = measured.points;

  ScalingTable table;
  table.workload = study.find("workload").value_or("");
  table.options = options;
  table.regime = study.regime();
  table.declared = study.declared_regime();
  table.derived = study.derived_regime();
  table.has_batch = measured.has_batch;
  table.replication = measured.replication;
  table.baseline = data::baseline_index(points);
  table.notes = measured.notes;
  MeanErrors const errors(points);
  for (auto const& point : points)
    table.points.push_back(scaling_point(point, points[table.baseline], errors, table.regime, options));

  auto const curve = envelope(points, [&](std::size_t i) { return table.points[i].efficiency; });
  auto const found = model::find_bend(curve.ranks, curve.efficiency, options.threshold);
  if (found) {
    table.bend = TableBend{.at = *found, .low_ranks = {}, .high_ranks = {}};
    resample_bend(*table.bend, points, table.baseline, options);
  }
  table.dips = dips_of(curve, options.threshold);
  table.budget = budget_in_words(curve, found);
  explain(table, study);
  return table;
}

}  // namespace kurve::validate
