// SPDX-License-Identifier: Apache-2.0
#include "validate/diagnose_laws.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <span>
#include <tuple>

#include "data/stats.hpp"
#include "model/contract.hpp"

namespace kurve::validate::detail {
namespace {

/// Repeats share hosts, hours and the allocation, so a point never speaks louder than this many of them.
constexpr double most_independent_values = 10.0;
/// No clock and no cluster repeats better than this; keeps a perfect fit to few points from being infinitely likely.
constexpr double least_noise_rel = 5e-4;
/// Clocks fall under a shared budget by some 10 to 20 %, not by half: scale of the loss of a cause without a name.
constexpr double unnamed_loss = 0.12;
/// Prior mean of the departure of a point from any law: nodes, collective algorithms and kernels change with K.
constexpr double law_departure_rel = 0.01;
/// A point's repeats may spread more than those of the others, for the allocation it met or the hour: by these factors,
/// so often. Without it one noisy point would make every smooth law impossible.
struct OwnSpread {
  double factor, weight;
};
constexpr std::array<OwnSpread, 3> own_spreads{{{1.0, 0.85}, {3.0, 0.10}, {10.0, 0.05}}};
/// One value in so many is slow for a reason of its own (a restart, another job's burst, a fail-over), by any factor up
/// to `slowest_outlier`, and by `least_outlier` to be worth a look: it says nothing of growth. FACTS D3: 6 of 392
/// probes of one node failed slow.
constexpr double outlier_share = 0.02, slowest_outlier = 20.0, least_outlier = 0.05;
/// So many of a point's values may be such, of so few there are none: nobody knows which of two is odd.
constexpr std::size_t most_outliers = 2, fewest_with_outlier = 3, fewest_with_two = 8;
/// One straggler is unlike the next: sd of a hit's cost relative to its mean, between constant (0) and exponential (1).
constexpr double hit_spread_rel = 0.3;

/// What fits a cache only with fewer samples makes them cheaper by at most so much, half of it at `half_gain` workers.
constexpr double most_cache_gain = 0.3;
/// A point above the ideal by less is as soon noise.
constexpr double least_cache_gain = 0.005;

/// A worker slow in more of its steps than this is imbalance, not a straggler (the unit of `p` below).
constexpr double most_hit = 0.15;

constexpr std::size_t n_parameters = std::tuple_size_v<Parameters>;

double logistic(double x) { return 1.0 / (1.0 + std::exp(-x)); }
double logit(double x) { return std::log(x / (1.0 - x)); }
double hit_probability(double p, double ranks) { return -std::expm1(ranks * std::log1p(-p)); }

/// n values as their density needs them: their mean and the sum of squares about it.
struct Group {
  double n = 0.0, mean = 0.0, squares = 0.0;
};

Group group_of(std::span<double const> values) {
  Group g{.n = static_cast<double>(values.size())};
  for (double const v : values) g.mean += v / g.n;
  for (double const v : values) g.squares += (v - g.mean) * (v - g.mean);
  return g;
}

/// Log density of values around `centre` that share one departure of variance `between`: exact.
double log_density(Group const& g, double centre, double within, double between) {
  double const off = g.mean - centre;
  return -0.5 * (g.n * std::log(2.0 * std::numbers::pi) + (g.n - 1.0) * std::log(within) +
                 std::log(within + g.n * between) + g.squares / within + g.n * off * off / (within + g.n * between));
}

double log_sum(double a, double b) { return std::max(a, b) + std::log1p(std::exp(-std::abs(a - b))); }

/// The same where the point's noise is the common one times one of `own_spreads`.
double log_density_of_point(Group const& g, double centre, double noise, double spread, double between) {
  double total = std::log(own_spreads[0].weight) + log_density(g, centre, noise * noise + spread, between);
  for (std::size_t i = 1; i < own_spreads.size() && g.n > 1.0; ++i) {  // one value has no spread
    double const own = noise * own_spreads[i].factor;
    total = log_sum(total, std::log(own_spreads[i].weight) + log_density(g, centre, own * own + spread, between));
  }
  return total;
}

/// Log density of one value that is an outlier.
double log_outlier() { return std::log(outlier_share / std::log(slowest_outlier)); }

/// Log density of values that average m steps, each hit with probability q: a binomial mixture of normals.
double log_density_of_hits(std::span<double const> values, double log_scale, double base, double cost, double q, int m,
                           double variance) {
  struct Component {
    double weight, centre, precision;
  };
  static constexpr double least_weight = 1e-4;  // rarer counts cannot move the sum of a point's log densities
  std::array<Component, 101> components;
  std::size_t n = 0;
  double const odds = q / (1.0 - q);
  double log_weight = m * std::log1p(-q);
  for (int hits = 0; hits <= m; ++hits) {
    double const weight = std::exp(log_weight);
    log_weight += std::log(odds * (m - hits) / (hits + 1.0));
    if (weight < least_weight) continue;
    double const mean = base + cost * hits / m;
    double const spread = hit_spread_rel * cost * std::sqrt(static_cast<double>(hits)) / (m * mean);
    double const precision = 1.0 / std::sqrt(variance + spread * spread);
    components[n++] = {weight * precision, log_scale + std::log(mean), precision};
  }
  double const outlier = values.size() < fewest_with_outlier ? 0.0 : std::exp(log_outlier());
  double total = 0.0;
  for (double const v : values) {
    double density = 1e-12;  // a value that no count explains must not decide alone
    for (std::size_t i = 0; i < n; ++i) {
      double const z = (v - components[i].centre) * components[i].precision;
      density += components[i].weight * std::exp(-0.5 * z * z);
    }
    density /= std::sqrt(2.0 * std::numbers::pi);
    total += std::log(density + (v > log_scale + std::log(base) ? outlier : 0.0));
  }
  return total;
}

/// K at which half of the highest efficiency above 1 is reached; 0 where no point is above 1 by more than its noise.
double half_gain(std::vector<PointValues> const& points) {
  auto const gain = [&](PointValues const& p) {
    return data::median(points.front().log_s) - data::median(p.log_s) + std::log(p.work / points.front().work);
  };
  double most = 0.0;
  std::vector<double> sds;
  for (auto const& point : points) {
    most = std::max(most, gain(point));
    if (point.log_s.size() > 1) sds.push_back(data::summarize(point.log_s).sd / std::sqrt(point.log_s.size()));
  }
  double const error = sds.empty() ? least_cache_gain : data::median(sds);
  if (most < least_cache_gain + 1.5 * error) return 0.0;
  return std::find_if(points.begin(), points.end(), [&](auto const& p) { return gain(p) >= 0.5 * most; })->ranks;
}

/// What a law says of one point, before its amplitude is known; evaluated once a fit.
struct Term {
  PointValues const* point;
  std::vector<double> sorted;                ///< values of the point
  std::vector<Group> without;                ///< [j] all values but the j slowest
  std::array<double, 2> growth{}, spread{};  ///< of the first and the second part
  double cache = 0.0;                        ///< share of the gain that is there
};

std::vector<Term> terms_of(Law const& law, std::vector<PointValues> const& points) {
  std::vector<Term> terms;
  double const half = half_gain(points), first = points.front().ranks;
  auto const cached = [half](double ranks) { return half == 0.0 ? 0.0 : 1.0 / (1.0 + std::pow(half / ranks, 2)); };
  for (auto const& point : points) {
    Term term{.point = &point, .sorted = point.log_s, .without = {}, .cache = cached(point.ranks) - cached(first)};
    std::sort(term.sorted.begin(), term.sorted.end());
    std::size_t const n = term.sorted.size();
    std::size_t const outliers = n < fewest_with_outlier ? 0 : n < fewest_with_two ? 1 : most_outliers;
    for (std::size_t j = 0; j <= outliers; ++j) {
      auto const group = group_of(std::span(term.sorted).first(n - j));
      if (j > 0 && term.sorted[n - j] - group.mean < least_outlier) break;
      term.without.push_back(group);
    }
    std::size_t i = 0;
    for (auto const* part : {law.first, law.second}) {
      if (part == nullptr) continue;
      term.growth[i] = part->growth(point);
      term.spread[i++] = part->spread ? part->spread(point) : 0.0;
    }
    terms.push_back(std::move(term));
  }
  return terms;
}

/// q of the floor (t_l^q + (b t_1)^q)^(1/q) on measured tables (FACTS B).
constexpr double least_floor_exponent = 1.8, largest_floor_exponent = 5.1;

/// q or h, by its place in its range.
double bend_at(Part const& part, double place) {
  return part.bend == Bend::floor ? least_floor_exponent + place * (largest_floor_exponent - least_floor_exponent)
                                  : place;
}

double extra_of(Part const& part, double bend, double work, double growth, double amplitude) {
  if (part.bend == Bend::floor) return std::pow(std::pow(work, bend) + std::pow(amplitude, bend), 1.0 / bend) - work;
  return part.bend == Bend::hidden ? std::max(0.0, amplitude * growth - bend * work) : amplitude * growth;
}

/// A law at given parameters.
class Evaluation {
 public:
  Evaluation(Law const& law, std::vector<Term> const& terms, Parameters const& x)
      : parts_{law.first, law.second},
        log_scale_(x[0]),
        bend_(bend_at(*law.first, logistic(x[4]))),
        p_(logistic(x[5])),
        gain_(most_cache_gain * logistic(x[6])) {
    double const loss = logistic(x[1]);
    auto const& last = terms.back();
    double const total = loss / (1.0 - loss) * last.point->work;
    double const second = law.second != nullptr ? logistic(x[4]) : 0.0;
    std::array<double, 2> const at_last{(1.0 - second) * total, second * total};
    for (std::size_t i = 0; i < 2; ++i)
      if (parts_[i] != nullptr) amplitude_[i] = amplitude_at(*parts_[i], last, last.growth[i], at_last[i]);
  }
  [[nodiscard]] bool hits() const { return parts_[0]->hits_of_steps > 0; }
  [[nodiscard]] double chance(Term const& term) const {
    return std::min(hit_probability(p_, term.point->ranks), 1.0 - 1e-9);
  }
  /// What one hit costs at the point.
  [[nodiscard]] double cost(Term const& term) const { return amplitude_[0] * term.growth[0]; }
  /// Work and what is certain.
  [[nodiscard]] double base(Term const& term) const {
    double sum = term.point->work * (1.0 - gain_ * term.cache);
    for (std::size_t i = hits() ? 1 : 0; i < 2; ++i)
      if (parts_[i] != nullptr) sum += extra_of(*parts_[i], bend_, term.point->work, term.growth[i], amplitude_[i]);
    return sum;
  }
  [[nodiscard]] double mean(Term const& term) const { return base(term) + (hits() ? chance(term) * cost(term) : 0.0); }
  /// Log likelihood of the point, tempered to the values that are independent.
  [[nodiscard]] double log_likelihood(Term const& term, double noise, double departure, int* outliers = nullptr) const {
    double const temper = std::min(
        1.0, std::min(most_independent_values, term.point->independent) / static_cast<double>(term.sorted.size()));
    double const middle = base(term), own = std::hypot(noise, least_noise_rel);
    if (hits())
      return temper * log_density_of_hits(term.sorted, log_scale_, middle, cost(term), chance(term),
                                          parts_[0]->hits_of_steps, own * own + departure * departure);
    double const spread = std::hypot(amplitude_[0] * term.spread[0], amplitude_[1] * term.spread[1]) / middle;
    double total = -1e300, best = -1e300;
    for (std::size_t j = 0; j < term.without.size(); ++j) {
      auto const& group = term.without[j];
      double const density =
          static_cast<double>(j) * log_outlier() + group.n * std::log1p(-outlier_share) +
          log_density_of_point(group, log_scale_ + std::log(middle), own, spread * spread, departure * departure);
      if (outliers != nullptr && density > best) *outliers = static_cast<int>(j);
      best = std::max(best, density);
      total = log_sum(total, density);
    }
    return temper * total;
  }

 private:
  /// The amplitude whose mean extra at the last point is `at_last`.
  [[nodiscard]] double amplitude_at(Part const& part, Term const& last, double growth, double at_last) const {
    double const work = last.point->work;
    if (part.bend == Bend::floor) return std::pow(std::pow(work + at_last, bend_) - std::pow(work, bend_), 1.0 / bend_);
    if (part.hits_of_steps > 0) return at_last / (growth * chance(last));
    return (at_last + (part.bend == Bend::hidden ? bend_ * work : 0.0)) / growth;
  }

  std::array<Part const*, 2> parts_;
  std::array<double, 2> amplitude_{};
  double log_scale_, bend_, p_, gain_;
};

double log_posterior(Law const& law, std::vector<Term> const& terms, Parameters const& x) {
  double const noise = std::exp(x[2]), departure = std::exp(x[3]), p = logistic(x[5]);
  Evaluation const at(law, terms, x);
  // Flat in log C and log noise over any sensible range; a slow hit beyond 20 times the compute is a hang, not a
  // straggler.
  double total = -departure / law_departure_rel - (noise > 0.2 ? (noise / 0.2 - 1.0) * 50.0 : 0.0);
  if (at.hits())
    total -= 0.5 * std::max(0.0, std::log(at.cost(terms.back()) / terms.back().point->work / 20.0)) * 50.0 +
             (p > most_hit ? 50.0 * (p / most_hit - 1.0) : 0.0) + (p < 1e-4 ? std::log(1e-4 / p) : 0.0);
  if (law.second != nullptr)  // a share of next to nothing is the other law
    total -= x[4] * x[4] / 18.0;
  // A share next to 0 or 1 is the other law, and one of h or q no bend: a wide normal in its logit.
  total -= 0.5 * x[4] * x[4] / (3.0 * 3.0);
  total -= 0.5 * std::pow((x[6] + 2.0) / 2.0, 2);  // some per cent
  if (law.first->cause == Cause::undetermined) total -= 0.5 * std::pow(logistic(x[1]) / unnamed_loss, 2);
  for (auto const& term : terms) total += at.log_likelihood(term, noise, departure);
  return total;
}

/// Largest value of f near `start` by the simplex of Nelder & Mead, Computer Journal 7 (1965) 308-313.
/// @param steps  first steps; a parameter without one stays where it is
template <typename F>
std::pair<Parameters, double> maximise(F const& f, Parameters const& start, Parameters const& steps, int evaluations) {
  struct Vertex {
    Parameters x;
    double f;
  };
  static constexpr double tolerance = 1e-2;  // of a log density: no probability moves by more than 1 %
  std::vector<Vertex> simplex{{start, f(start)}};
  for (std::size_t d = 0; d < n_parameters; ++d) {
    if (steps[d] == 0.0) continue;
    auto x = start;
    x[d] += steps[d];
    simplex.push_back({x, f(x)});
  }
  double const dimensions = static_cast<double>(simplex.size() - 1);
  auto const better = [](Vertex const& a, Vertex const& b) { return a.f > b.f; };
  for (int used = 0; used < evaluations;) {
    std::sort(simplex.begin(), simplex.end(), better);
    auto& worst = simplex.back();
    if (simplex.front().f - worst.f < tolerance) break;
    Parameters centre{};
    for (std::size_t i = 0; i + 1 < simplex.size(); ++i)
      for (std::size_t d = 0; d < n_parameters; ++d) centre[d] += simplex[i].x[d] / dimensions;
    auto const along = [&](double t) {
      Parameters x{};
      for (std::size_t d = 0; d < n_parameters; ++d) x[d] = centre[d] + t * (worst.x[d] - centre[d]);
      ++used;
      return Vertex{x, f(x)};
    };
    auto const reflected = along(-1.0);
    if (reflected.f > simplex.front().f) {
      auto const expanded = along(-2.0);
      worst = expanded.f > reflected.f ? expanded : reflected;
    } else if (reflected.f > simplex[simplex.size() - 2].f) {
      worst = reflected;
    } else if (auto const inside = along(reflected.f > worst.f ? -0.5 : 0.5);
               inside.f > std::max(worst.f, reflected.f)) {
      worst = inside;
    } else {
      for (std::size_t i = 1; i < simplex.size(); ++i) {
        for (std::size_t d = 0; d < n_parameters; ++d) simplex[i].x[d] = 0.5 * (simplex[i].x[d] + simplex[0].x[d]);
        simplex[i].f = f(simplex[i].x);
        ++used;
      }
    }
  }
  auto const best =
      std::max_element(simplex.begin(), simplex.end(), [](auto const& a, auto const& b) { return a.f < b.f; });
  return {best->x, best->f};
}

/// Root mean square by which the points' means stand off the law beyond what their repeats explain. Measured, not the
/// parameter of the fit: the fit may call a point noisy whose repeats agree. Outliers are left out.
double departure_from(std::vector<Term> const& terms, std::vector<int> const& outliers, Evaluation const& at,
                      double log_scale) {
  double unexplained = 0.0;
  for (std::size_t i = 0; i < terms.size(); ++i) {
    auto const& g = terms[i].without[static_cast<std::size_t>(outliers[i])];
    double const off = g.mean - log_scale - std::log(at.mean(terms[i]));
    unexplained += off * off - (g.n > 1.0 ? g.squares / (g.n - 1.0) / g.n : 0.0);
  }
  return std::sqrt(std::max(0.0, unexplained) / static_cast<double>(terms.size()));
}

/// A middle start: no point's slow values pull it.
double median_log(PointValues const& point) { return data::median(point.log_s); }

/// @param half_hit  K at which half of the steps are hit
Parameters start_at(std::vector<PointValues> const& points, double half_hit) {
  auto const& first = points.front();
  auto const& last = points.back();
  double const loss = std::clamp(1.0 - std::exp(median_log(first) - median_log(last)) * last.work, 0.02, 0.95);
  double const spread = first.log_s.size() > 1 ? data::scaled_mad(first.log_s) : 0.0;
  double const p = 1.0 - std::pow(0.5, 1.0 / half_hit);
  return {median_log(first), logit(loss), std::log(std::max(spread, 0.003)), std::log(0.005), 0.0, logit(p), -2.0};
}

}  // namespace

LawFit fit_law(Law const& law, std::vector<PointValues> const& points, Parameters const* near) {
  KURVE_EXPECT(points.size() >= 2);
  auto const& first = points.front();
  auto const& last = points.back();
  bool const hits = law.first->hits_of_steps > 0, paired = law.second != nullptr;
  bool const shaped = paired || law.first->bend != Bend::smooth;
  auto const terms = terms_of(law, points);
  bool const cache = terms.back().cache > 0.0;
  Parameters const steps{0.01, 0.2, 0.5, 0.5, shaped ? 1.0 : 0.0, hits ? 1.0 : 0.0, cache ? 1.0 : 0.0};
  auto const objective = [&](Parameters const& x) { return log_posterior(law, terms, x); };
  auto const from = [&](Parameters const& start) {
    return maximise(objective, start, steps, 250 + 150 * (hits + shaped + cache));
  };
  auto best = from(near != nullptr ? *near : start_at(points, std::sqrt(first.ranks * last.ranks)));
  // Rare hits have a maximum of their own: frequent small ones are the noise of many workers.
  if (hits && near == nullptr)
    if (auto const rare = from(start_at(points, 2.0 * last.ranks)); rare.second > best.second) best = rare;
  auto const& [x, value] = best;

  LawFit fit{.law = law,
             .log_evidence = value + std::log(law.weight),
             .departure_rel = std::exp(x[3]),
             .second_share = paired ? logistic(x[4]) : 0.0,
             .hit_probability = hits ? logistic(x[5]) : 0.0,
             .at = x};
  double n_values = 0.0;
  for (auto const& point : points) n_values += std::min(most_independent_values, point.independent);
  fit.log_evidence -= 0.5 * (hits + shaped) * std::log(n_values);  // parameters more (Schwarz 1978)
  Evaluation const at(law, terms, x);
  fit.loss = 1.0 - last.work * at.mean(terms.front()) / at.mean(terms.back()) / first.work;
  if (hits) return fit;
  std::vector<int> outliers(terms.size(), 0);
  for (std::size_t i = 0; i < terms.size(); ++i)
    static_cast<void>(at.log_likelihood(terms[i], std::exp(x[2]), std::exp(x[3]), &outliers[i]));
  for (int const n : outliers) fit.outliers += n;
  fit.departure_rel = departure_from(terms, outliers, at, x[0]);
  return fit;
}

}  // namespace kurve::validate::detail
