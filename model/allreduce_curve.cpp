// SPDX-License-Identifier: Apache-2.0
#include "model/allreduce_curve.hpp"

#include <algorithm>
#include <cmath>
#include <map>

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
/// The same where draws of the law's own latencies and bandwidths hold what measurements leave open of it.
constexpr double law_doubling_log_sd = 0.01;
/// Up to two nodes trees are flattered; how much, on three clusters: 0.02, 0.28 and 0.37 of log T.
constexpr double two_node_log_sd = 0.12;
/// From inside one node to several: twice the time at large sizes, four to seven times at small ones (ml-engineering,
/// network benchmarks), and the network may be any.
constexpr double node_exit_log_sd = 0.5;
/// The rival law's time is at this share of the sd that the interval has towards it, so that a 90 % interval holds it
/// from this probability on; less likely ones in proportion.
constexpr double rival_reach = 0.75, rival_counts_from = 0.1;
/// sd of log growth between two rank counts about either law, and the most sizes that count as independent.
constexpr double growth_log_sd = 0.15, growth_sizes = 4.0;
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

/// What falls is averaged with what comes before it (pool adjacent violators, Ayer et al., Ann. Math. Statist. 26
/// (1955) 641-647), in log T.
void make_nondecreasing(std::vector<double>& time_s) {
  struct Block {
    double log_sum;
    std::size_t n;
    [[nodiscard]] double mean() const { return log_sum / static_cast<double>(n); }
  };
  std::vector<Block> blocks;
  for (double const t : time_s) {
    blocks.push_back({std::log(t), 1});
    while (blocks.size() > 1 && blocks[blocks.size() - 2].mean() > blocks.back().mean()) {
      auto const last = blocks.back();
      blocks.pop_back();
      blocks.back().log_sum += last.log_sum;
      blocks.back().n += last.n;
    }
  }
  std::size_t i = 0;
  for (auto const& block : blocks) {
    if (block.n > 1) std::fill_n(time_s.begin() + static_cast<std::ptrdiff_t>(i), block.n, std::exp(block.mean()));
    i += block.n;
  }
}

/// Where contention begins among standard normal errors, and its log for each of them beyond.
constexpr double contention_from = 0.6745, contention_slope = 0.7;

double nodes_of(double ranks, double workers_per_node) { return std::max(1.0, std::ceil(ranks / workers_per_node)); }

}  // namespace

double contention_log(double error) { return contention_slope * std::max(0.0, error - contention_from); }

GrowthEvidence growth_evidence(std::span<SweepPoint const> points, double workers_per_node, AllreduceLaw const& law,
                               AllreduceLaw const& rival) {
  std::map<double, std::vector<SweepPoint>> by_size;
  for (auto const& p : points) by_size[p.bytes].push_back(p);
  struct Sum {
    double squares = 0.0, n = 0.0;  // the rival's squared errors less the law's
    [[nodiscard]] double evidence() const {
      return n > 0.0 ? squares * std::min(1.0, growth_sizes / n) / (2.0 * growth_log_sd * growth_log_sd) : 0.0;
    }
  } in_node, over_nodes;
  for (auto const& [bytes, at] : by_size)
    for (std::size_t i = 1; i < at.size(); ++i) {
      bool const from_several = nodes_of(at[i - 1].ranks, workers_per_node) > 1.0;
      if (!from_several && nodes_of(at[i].ranks, workers_per_node) > 1.0) continue;
      double const grown = std::log(at[i].time_s / at[i - 1].time_s);
      auto const error = [&, bytes = bytes](AllreduceLaw const& by) {
        return grown - std::log(by(at[i].ranks, bytes) / by(at[i - 1].ranks, bytes));
      };
      auto& sum = from_several ? over_nodes : in_node;
      sum.squares += std::pow(error(rival), 2) - std::pow(error(law), 2);
      sum.n += 1.0;
    }
  return {in_node.evidence(), over_nodes.evidence()};
}

AllreduceCurve::AllreduceCurve(std::vector<SweepPoint> points, double workers_per_node, CurveLaws laws, Doubt doubt)
    : points_(std::move(points)),
      workers_per_node_(workers_per_node),
      central_{std::move(laws.law), {}},
      rival_{std::move(laws.rival), {}},
      rival_prior_(laws.rival_probability),
      doubt_(doubt) {
  KURVE_EXPECT(!points_.empty() && workers_per_node_ >= 1.0);
  for (auto const& p : points_) {
    if (rows_.empty() || rows_.back().ranks != p.ranks) rows_.push_back({.ranks = p.ranks, .bytes = {}, .time_s = {}});
    rows_.back().bytes.push_back(p.bytes);
    rows_.back().time_s.push_back(p.time_s);
    sizes_.push_back(p.bytes);
  }
  std::sort(sizes_.begin(), sizes_.end());
  sizes_.erase(std::unique(sizes_.begin(), sizes_.end()), sizes_.end());
  find_residuals();
  for (auto& row : rows_) make_nondecreasing(row.time_s);
  find_trend(central_);
  if (!rival_.law || rival_prior_ <= 0.0) return;
  find_trend(rival_);
  auto const seen = growth_evidence(points_, workers_per_node_, central_.law, rival_.law);
  double const odds = 1.0 / rival_prior_ - 1.0;
  rival_in_node_ = 1.0 / (1.0 + odds * std::exp(seen.in_node));
  rival_over_nodes_ = 1.0 / (1.0 + odds * std::exp(seen.over_nodes));
}

double AllreduceCurve::nodes(double ranks) const { return nodes_of(ranks, workers_per_node_); }

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

void AllreduceCurve::find_trend(Extrapolation& by) {
  if (rows_.size() < 2) return;
  auto const& few = rows_[rows_.size() - 2];
  auto const& many = rows_.back();
  if (nodes(few.ranks) == 1.0 && nodes(many.ranks) > 1.0) return;  // another network
  double const doublings = std::log2(many.ranks / few.ranks);
  std::vector<double> raw;
  trend_log2_bytes_.clear();
  for (double const n : many.bytes) {
    if (n < few.bytes.front() || n > few.bytes.back()) continue;
    trend_log2_bytes_.push_back(std::log2(n));
    raw.push_back(
        std::log(local(many, n).time_s / by.law(many.ranks, n) * by.law(few.ranks, n) / local(few, n).time_s) /
        doublings);
  }
  for (double const x : trend_log2_bytes_) {  // mean over sizes within a factor of 8 either way
    double sum = 0.0, n = 0.0;
    for (std::size_t i = 0; i < raw.size(); ++i)
      if (std::abs(trend_log2_bytes_[i] - x) <= 3.0) sum += raw[i], n += 1.0;
    by.trend.push_back(sum / n);
  }
}

AllreduceCurve::Local AllreduceCurve::local(Row const& row, double bytes) const {
  auto const above = std::lower_bound(row.bytes.begin(), row.bytes.end(), bytes);
  auto const i = static_cast<std::size_t>(above - row.bytes.begin());
  // Slope of log T in log n over a factor of 4 either way: a segment alone is noise.
  double const low = std::max(bytes / 4.0, row.bytes.front()), high = std::min(bytes * 4.0, row.bytes.back());
  Local here{.time_s = 0.0, .elasticity = 1.0, .log_sd = doubt_ == Doubt::of_curve ? repeat_log_sd : 0.0};
  if (high > low)
    here.elasticity = std::clamp(
        std::log(between(row.bytes, row.time_s, high) / between(row.bytes, row.time_s, low)) / std::log(high / low),
        0.0, 1.0);
  if (above == row.bytes.end() || (i == 0 && *above > bytes)) {
    double const nearest = i == 0 ? row.bytes.front() : row.bytes.back();
    double const growth = central_.law(row.ranks, bytes) / central_.law(row.ranks, nearest);
    here.time_s = (i == 0 ? row.time_s.front() : row.time_s.back()) * growth;
    double const unsure = i == 0 ? 1.0 : 1.0 - 0.8 * here.elasticity;  // bandwidth once reached holds
    here.log_sd = std::hypot(size_log_sd_, unsure * outside_log_sd * std::sqrt(std::abs(std::log2(bytes / nearest))));
    return here;
  }
  here.time_s = between(row.bytes, row.time_s, bytes);
  if (*above != bytes) here.log_sd = size_log_sd_;
  return here;
}

double AllreduceCurve::log_growth(Extrapolation const& by, double from_ranks, double ranks, double bytes) const {
  return std::log(by.law(ranks, bytes) / by.law(from_ranks, bytes)) + moved(by, from_ranks, ranks, bytes);
}

double AllreduceCurve::moved(Extrapolation const& by, double from_ranks, double ranks, double bytes) const {
  if (ranks < from_ranks || by.trend.empty()) return 0.0;
  return between(trend_log2_bytes_, by.trend, std::log2(bytes)) * (1.0 - from_ranks / ranks);
}

AllreduceCurve::Correction AllreduceCurve::beyond(Row const& row, double ranks, double bytes) const {
  auto const here = local(row, bytes);
  double const growth = log_growth(central_, row.ranks, ranks, bytes);
  double const n0 = nodes(row.ranks), n1 = nodes(ranks), least = std::min(n0, n1), most = std::max(n0, n1);
  double const doublings = std::abs(std::log2(ranks / row.ranks)), e = here.elasticity;
  double variance = here.log_sd * here.log_sd;
  if (doubt_ == Doubt::of_law) {
    variance += doublings * law_doubling_log_sd * law_doubling_log_sd;
  } else {
    variance += doublings * std::pow(doubling_log_sd + mixed_doubling_log_sd * 4.0 * e * (1.0 - e), 2);
    if (least <= 1.0 && most > 1.0) variance += node_exit_log_sd * node_exit_log_sd;
    if (least <= 2.0 && most > 2.0) variance += std::pow(e * two_node_log_sd, 2);
    if (!is_power_of_two(n1)) variance += odd_nodes_log_sd * odd_nodes_log_sd;
    variance += 0.25 * std::pow(moved(central_, row.ranks, ranks, bytes), 2);
  }
  double const byte_share = 1.0 - central_.law(ranks, 1.0) / central_.law(ranks, bytes);
  // Of one doubling of nodes printed logs tell what the curve's own sd is; of a level of the network further out
  // nothing.
  double const reach = doubt_ == Doubt::of_law ? 1.0 : std::max(0.0, 1.0 - 2.0 * n0 / n1);
  Correction beyond{.log_factor = std::log(here.time_s / central_.law(ranks, bytes)) + growth,
                    .low_log_sd = std::sqrt(variance),
                    .high_log_sd = std::sqrt(variance),
                    .contended = n1 > n0 ? reach * byte_share : 0.0};
  if (double const probability = rival_probability(ranks); probability > 0.0) {
    double const apart = log_growth(rival_, row.ranks, ranks, bytes) - growth;
    auto& sd = apart < 0.0 ? beyond.low_log_sd : beyond.high_log_sd;
    sd = std::hypot(sd, rival_reach * std::min(1.0, probability / rival_counts_from) * apart);
  }
  return beyond;
}

AllreduceCurve::Correction AllreduceCurve::at(double ranks, double bytes) const {
  KURVE_EXPECT(ranks > 1.0 && bytes > 0.0);
  auto const above = std::find_if(rows_.begin(), rows_.end(), [&](Row const& r) { return r.ranks >= ranks; });
  if (above == rows_.end()) return beyond(rows_.back(), ranks, bytes);
  auto const factor = [&](Row const& row, Local const& here) {
    return std::log(here.time_s / central_.law(row.ranks, bytes));
  };
  auto const high = local(*above, bytes);
  if (above->ranks == ranks)
    return {.log_factor = factor(*above, high), .low_log_sd = high.log_sd, .high_log_sd = high.log_sd};
  if (above == rows_.begin()) return beyond(*above, ranks, bytes);
  auto const& few = *(above - 1);
  auto const low = local(few, bytes);
  double const share = std::log(ranks / few.ranks) / std::log(above->ranks / few.ranks);
  double const low_factor = factor(few, low), gap = factor(*above, high) - low_factor;
  double const odd = is_power_of_two(nodes(ranks)) || doubt_ == Doubt::of_law ? 0.0 : odd_nodes_log_sd;
  double const sd = std::hypot(std::max(low.log_sd, high.log_sd), odd, 0.25 * gap);
  return {.log_factor = low_factor + share * gap, .low_log_sd = sd, .high_log_sd = sd};
}

}  // namespace kurve::model
