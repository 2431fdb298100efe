// SPDX-License-Identifier: Apache-2.0
#include "model/allreduce_curve.hpp"

#include <algorithm>
#include <cmath>

#include "model/contract.hpp"

namespace kurve::model {
namespace {

/// What a size between measured ones is usually missed by, and how many residuals that counts as.
constexpr double usual_size_log_sd = 0.05, usual_size_weight = 4.0;
/// A second measurement of the same all-reduce: out of place against in place in the published logs.
constexpr double repeat_log_sd = 0.02;
/// Per square root of doublings of the size beyond the measured ones.
constexpr double outside_log_sd = 0.15;
/// Per square root of doublings of the ranks: where latency or bandwidth rules, and what is added where they mix.
/// Assumed: clusters with three rank counts are rare in print.
constexpr double doubling_log_sd = 0.07, mixed_doubling_log_sd = 0.08;
/// Up to two nodes trees are flattered; how much, on three clusters: 0.02, 0.28 and 0.37 of log T.
constexpr double two_node_log_sd = 0.12;
/// From inside one node to several: twice the time at large sizes, four to seven times at small ones (ml-engineering,
/// network benchmarks), and the network may be any.
constexpr double node_exit_log_sd = 0.5;
/// Rank counts that are no power of two may fall off a cliff; 10 % covers all but the worst.
constexpr double odd_nodes_log_sd = 0.1;

bool is_power_of_two(double n) { return std::exp2(std::round(std::log2(n))) == n; }

/// The line through two neighbours at n between them.
double on_line(double low, double low_s, double high, double high_s, double n) {
  return low_s + (high_s - low_s) * (n - low) / (high - low);
}

double between(std::vector<double> const& x, std::vector<double> const& y, double at) {
  auto const above = std::lower_bound(x.begin(), x.end(), at);
  if (above == x.begin()) return y.front();
  if (above == x.end()) return y.back();
  auto const i = static_cast<std::size_t>(above - x.begin());
  return on_line(x[i - 1], y[i - 1], x[i], y[i], at);
}

}  // namespace

AllreduceCurve::AllreduceCurve(std::vector<SweepPoint> points, double workers_per_node, Law law, Doubt doubt)
    : points_(std::move(points)), workers_per_node_(workers_per_node), law_(std::move(law)), doubt_(doubt) {
  KURVE_EXPECT(!points_.empty() && workers_per_node_ >= 1.0);
  for (auto const& p : points_) {
    if (rows_.empty() || rows_.back().ranks != p.ranks) rows_.push_back({.ranks = p.ranks, .bytes = {}, .time_s = {}});
    rows_.back().bytes.push_back(p.bytes);
    rows_.back().time_s.push_back(p.time_s);
  }
  find_residuals();
  find_trend();
}

double AllreduceCurve::nodes(double ranks) const { return std::max(1.0, std::ceil(ranks / workers_per_node_)); }

void AllreduceCurve::find_residuals() {
  double sum = usual_size_weight * usual_size_log_sd * usual_size_log_sd, weight = usual_size_weight;
  for (auto const& row : rows_)
    for (std::size_t i = 1; i + 1 < row.bytes.size(); ++i) {
      double const line =
          on_line(row.bytes[i - 1], row.time_s[i - 1], row.bytes[i + 1], row.time_s[i + 1], row.bytes[i]);
      residuals_.push_back({{row.ranks, row.bytes[i], row.time_s[i]}, std::log(line / row.time_s[i])});
      // Neighbours are twice as far here as they are when a new size falls between measured ones.
      sum += 0.5 * residuals_.back().log_error * residuals_.back().log_error;
      weight += 1.0;
    }
  size_log_sd_ = std::sqrt(sum / weight);
}

void AllreduceCurve::find_trend() {
  if (rows_.size() < 2) return;
  auto const& few = rows_[rows_.size() - 2];
  auto const& many = rows_.back();
  if (nodes(few.ranks) == 1.0 && nodes(many.ranks) > 1.0) return;  // another network
  double const doublings = std::log2(many.ranks / few.ranks);
  std::vector<double> raw;
  for (double const n : many.bytes) {
    if (n < few.bytes.front() || n > few.bytes.back()) continue;
    trend_log2_bytes_.push_back(std::log2(n));
    raw.push_back((local(many, n).log_factor - local(few, n).log_factor) / doublings);
  }
  for (double const x : trend_log2_bytes_) {  // mean over sizes within a factor of 8 either way
    double sum = 0.0, n = 0.0;
    for (std::size_t i = 0; i < raw.size(); ++i)
      if (std::abs(trend_log2_bytes_[i] - x) <= 3.0) sum += raw[i], n += 1.0;
    trend_.push_back(sum / n);
  }
}

AllreduceCurve::Local AllreduceCurve::local(Row const& row, double bytes) const {
  auto const above = std::lower_bound(row.bytes.begin(), row.bytes.end(), bytes);
  auto const i = static_cast<std::size_t>(above - row.bytes.begin());
  // Slope of log T in log n over a factor of 4 either way: a segment alone is noise.
  double const low = std::max(bytes / 4.0, row.bytes.front()), high = std::min(bytes * 4.0, row.bytes.back());
  Local here{.log_factor = 0.0, .elasticity = 1.0, .log_sd = doubt_ == Doubt::of_curve ? repeat_log_sd : 0.0};
  if (high > low)
    here.elasticity = std::clamp(
        std::log(between(row.bytes, row.time_s, high) / between(row.bytes, row.time_s, low)) / std::log(high / low),
        0.0, 1.0);
  if (above == row.bytes.end() || (i == 0 && *above > bytes)) {
    double const nearest = i == 0 ? row.bytes.front() : row.bytes.back();
    here.log_factor = std::log((i == 0 ? row.time_s.front() : row.time_s.back()) / law_(row.ranks, nearest));
    double const unsure = i == 0 ? 1.0 : 1.0 - 0.8 * here.elasticity;  // bandwidth once reached holds
    here.log_sd = std::hypot(size_log_sd_, unsure * outside_log_sd * std::sqrt(std::abs(std::log2(bytes / nearest))));
    return here;
  }
  here.log_factor = std::log(between(row.bytes, row.time_s, bytes) / law_(row.ranks, bytes));
  if (*above != bytes) here.log_sd = size_log_sd_;
  return here;
}

AllreduceCurve::Correction AllreduceCurve::beyond(Row const& row, double ranks, double bytes) const {
  auto const here = local(row, bytes);
  double const n0 = nodes(row.ranks), n1 = nodes(ranks), least = std::min(n0, n1), most = std::max(n0, n1);
  double const doublings = std::abs(std::log2(ranks / row.ranks)), e = here.elasticity;
  double variance = here.log_sd * here.log_sd, moved = 0.0;
  if (ranks > row.ranks && !trend_.empty())
    moved = between(trend_log2_bytes_, trend_, std::log2(bytes)) * (1.0 - std::exp2(-doublings));
  if (doubt_ == Doubt::of_law) return {here.log_factor + moved, here.log_sd};
  variance += doublings * std::pow(doubling_log_sd + mixed_doubling_log_sd * 4.0 * e * (1.0 - e), 2);
  if (least <= 1.0 && most > 1.0) variance += node_exit_log_sd * node_exit_log_sd;
  if (least <= 2.0 && most > 2.0) variance += std::pow(e * two_node_log_sd, 2);
  if (!is_power_of_two(n1)) variance += odd_nodes_log_sd * odd_nodes_log_sd;
  return {here.log_factor + moved, std::sqrt(variance + 0.25 * moved * moved)};
}

AllreduceCurve::Correction AllreduceCurve::at(double ranks, double bytes) const {
  KURVE_EXPECT(ranks > 1.0 && bytes > 0.0);
  auto const above = std::find_if(rows_.begin(), rows_.end(), [&](Row const& r) { return r.ranks >= ranks; });
  if (above == rows_.end()) return beyond(rows_.back(), ranks, bytes);
  auto const high = local(*above, bytes);
  if (above->ranks == ranks) return {high.log_factor, high.log_sd};
  if (above == rows_.begin()) return beyond(*above, ranks, bytes);
  auto const& few = *(above - 1);
  auto const low = local(few, bytes);
  double const share = std::log(ranks / few.ranks) / std::log(above->ranks / few.ranks);
  double const gap = high.log_factor - low.log_factor, size_sd = std::max(low.log_sd, high.log_sd);
  double const odd = is_power_of_two(nodes(ranks)) || doubt_ == Doubt::of_law ? 0.0 : odd_nodes_log_sd;
  return {low.log_factor + share * gap, std::hypot(size_sd, odd, 0.25 * gap)};
}

}  // namespace kurve::model
