// SPDX-License-Identifier: Apache-2.0
#include "validate/diagnose_laws.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "model/contract.hpp"
#include "model/maxima.hpp"

namespace kurve::validate::detail {
namespace {

/// A value may be the mean of this many steps when nobody says; the prior is that it is one step as often as not.
struct Averaging {
  int steps;
  double weight;
};
constexpr std::array<Averaging, 4> averagings{{{1, 0.5}, {4, 0.1}, {20, 0.2}, {100, 0.2}}};

/// Repeats share hosts, hours and the allocation, so a point never speaks louder than this many of them.
constexpr double most_independent_values = 10.0;
/// No clock and no cluster repeats better than this; keeps a perfect fit to few points from being infinitely likely.
constexpr double least_noise_rel = 5e-4;
/// Prior mean of the departure of a point from any law: nodes, collective algorithms and kernels change with K.
constexpr double law_departure_rel = 0.01;
/// A point's repeats may spread more than those of the others, for the allocation it met or the hour: by these factors,
/// so often. Without it one noisy point would make every smooth law impossible.
struct OwnSpread {
  double factor, weight;
};
constexpr std::array<OwnSpread, 3> own_spreads{{{1.0, 0.85}, {3.0, 0.10}, {10.0, 0.05}}};
/// One straggler is unlike the next: sd of a hit's cost relative to its mean, between constant (0) and exponential (1).
constexpr double hit_spread_rel = 0.3;

/// A worker slow in more of its steps than this is imbalance, not a straggler (the unit of `p` below).
constexpr double most_hit = 0.15;

constexpr std::size_t n_parameters = 5;  // log C, logit loss, log noise, log departure, logit p
using Parameters = std::array<double, n_parameters>;

double logistic(double x) { return 1.0 / (1.0 + std::exp(-x)); }
double logit(double x) { return std::log(x / (1.0 - x)); }
double hit_probability(double p, double ranks) { return -std::expm1(ranks * std::log1p(-p)); }

/// Log density of n values around `centre` that share one departure of variance `between`: exact, from mean and spread.
double log_density_of_group(std::vector<double> const& values, double centre, double within, double between) {
  double const n = static_cast<double>(values.size());
  double sum = 0.0, squares = 0.0;
  for (double const v : values) sum += v - centre;
  double const mean = sum / n;
  for (double const v : values) squares += (v - centre - mean) * (v - centre - mean);
  return -0.5 * (n * std::log(2.0 * std::numbers::pi) + (n - 1.0) * std::log(within) + std::log(within + n * between) +
                 squares / within + n * mean * mean / (within + n * between));
}

/// The same where the point's noise is the common one times one of `own_spreads`.
double log_density_of_point(std::vector<double> const& values, double centre, double noise, double spread,
                            double between) {
  double density = 0.0, largest = -1e300;
  std::array<double, own_spreads.size()> logs{};
  std::size_t const n = values.size() > 1 ? own_spreads.size() : 1;  // one value has no spread
  for (std::size_t i = 0; i < n; ++i) {
    double const own = noise * own_spreads[i].factor;
    logs[i] = std::log(own_spreads[i].weight) + log_density_of_group(values, centre, own * own + spread, between);
    largest = std::max(largest, logs[i]);
  }
  for (std::size_t i = 0; i < n; ++i) density += std::exp(logs[i] - largest);
  return largest + std::log(density);
}

/// Log density of values that average m steps, each hit with probability q: a binomial mixture of normals.
double log_density_of_hits(std::vector<double> const& values, double log_scale, double work, double cost, double q,
                           int m, double variance) {
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
    double const mean = work + cost * hits / m;
    double const spread = hit_spread_rel * cost * std::sqrt(static_cast<double>(hits)) / (m * mean);
    double const precision = 1.0 / std::sqrt(variance + spread * spread);
    components[n++] = {weight * precision, log_scale + std::log(mean), precision};
  }
  double total = 0.0;
  for (double const v : values) {
    double density = 1e-12;  // an outlier that no count explains must not decide alone
    for (std::size_t i = 0; i < n; ++i) {
      double const z = (v - components[i].centre) * components[i].precision;
      density += components[i].weight * std::exp(-0.5 * z * z);
    }
    total += std::log(density / std::sqrt(2.0 * std::numbers::pi));
  }
  return total;
}

/// What a law says of one point, before its amplitude is known; evaluated once a fit.
struct Term {
  PointValues const* point;
  double growth, spread;
};

double log_posterior(Law const& law, std::vector<Term> const& terms, Parameters const& x) {
  double const loss = logistic(x[1]), noise = std::exp(x[2]), departure = std::exp(x[3]), p = logistic(x[4]);
  auto const& last = *terms.back().point;
  bool const hits = law.hits_of_steps > 0;
  auto const chance = [&](PointValues const& point) {
    return hits ? std::min(hit_probability(p, point.ranks), 1.0 - 1e-9) : 1.0;
  };
  double const amplitude = loss / (1.0 - loss) * last.work / (terms.back().growth * chance(last));
  double const own_variance = noise * noise + least_noise_rel * least_noise_rel;

  // Flat in log C and log noise over any sensible range; a slow hit beyond 20 times the compute is a hang, not a
  // straggler.
  double total = -departure / law_departure_rel - (noise > 0.2 ? (noise / 0.2 - 1.0) * 50.0 : 0.0);
  if (hits)
    total -= 0.5 * std::max(0.0, std::log(amplitude * terms.back().growth / last.work / 20.0)) * 50.0 +
             (p > most_hit ? 50.0 * (p / most_hit - 1.0) : 0.0) + (p < 1e-4 ? std::log(1e-4 / p) : 0.0);
  for (auto const& term : terms) {
    auto const& point = *term.point;
    double const temper = std::min(1.0, most_independent_values / static_cast<double>(point.log_s.size()));
    double const extra = amplitude * term.growth;
    if (hits) {
      total += temper * log_density_of_hits(point.log_s, x[0], point.work, extra, chance(point), law.hits_of_steps,
                                            own_variance + departure * departure);
      continue;
    }
    double const mean = point.work + extra;
    double const spread = amplitude * term.spread / mean;
    total += temper * log_density_of_point(point.log_s, x[0] + std::log(mean), std::sqrt(own_variance), spread * spread,
                                           departure * departure);
  }
  return total;
}

/// Largest value of f near `start` by the simplex of Nelder & Mead, Computer Journal 7 (1965) 308-313.
template <typename F>
std::pair<Parameters, double> maximise(F const& f, Parameters const& start, Parameters const& steps,
                                       std::size_t dimensions, int evaluations) {
  struct Vertex {
    Parameters x;
    double f;
  };
  std::vector<Vertex> simplex{{start, f(start)}};
  for (std::size_t d = 0; d < dimensions; ++d) {
    auto x = start;
    x[d] += steps[d];
    simplex.push_back({x, f(x)});
  }
  auto const better = [](Vertex const& a, Vertex const& b) { return a.f > b.f; };
  for (int used = 0; used < evaluations;) {
    std::sort(simplex.begin(), simplex.end(), better);
    auto& worst = simplex.back();
    if (simplex.front().f - worst.f < 1e-3) break;
    Parameters centre{};
    for (std::size_t i = 0; i + 1 < simplex.size(); ++i)
      for (std::size_t d = 0; d < n_parameters; ++d) centre[d] += simplex[i].x[d] / static_cast<double>(dimensions);
    auto const along = [&](double t) {
      Parameters x{};
      for (std::size_t d = 0; d < n_parameters; ++d)
        x[d] = d < dimensions ? centre[d] + t * (worst.x[d] - centre[d]) : start[d];
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
        for (std::size_t d = 0; d < dimensions; ++d) simplex[i].x[d] = 0.5 * (simplex[i].x[d] + simplex[0].x[d]);
        simplex[i].f = f(simplex[i].x);
        ++used;
      }
    }
  }
  auto const best =
      std::max_element(simplex.begin(), simplex.end(), [](auto const& a, auto const& b) { return a.f < b.f; });
  return {best->x, best->f};
}

double mean_log(PointValues const& point) {
  double sum = 0.0;
  for (double const v : point.log_s) sum += v;
  return sum / static_cast<double>(point.log_s.size());
}

/// Root mean square by which the points' means stand off the law beyond what their repeats explain. Measured, not the
/// parameter of the fit: the fit may call a point noisy whose repeats agree.
double departure_from(std::vector<Term> const& terms, double log_scale, double amplitude) {
  double unexplained = 0.0;
  for (auto const& term : terms) {
    auto const& values = term.point->log_s;
    double const n = static_cast<double>(values.size()), mean = mean_log(*term.point);
    double const off = mean - log_scale - std::log(term.point->work + amplitude * term.growth);
    double squares = 0.0;
    for (double const v : values) squares += (v - mean) * (v - mean);
    unexplained += off * off - (n > 1.0 ? squares / (n - 1.0) / n : 0.0);
  }
  return std::sqrt(std::max(0.0, unexplained) / static_cast<double>(terms.size()));
}

void add_communication(std::vector<Law>& laws, double largest, double workers_per_node) {
  auto const add = [&](std::string name, double weight, std::function<double(PointValues const&)> growth) {
    laws.push_back({Cause::communication, std::move(name), weight, std::move(growth), {}, 0});
  };
  add("a cost in seconds that grows with log2 K, as the latency of a tree does", 0.25,
      [](auto const& p) { return std::log2(p.ranks); });
  add("a cost in seconds that grows with K - 1, as the latency of a ring does", 0.15,
      [](auto const& p) { return p.ranks - 1.0; });
  add("a cost in seconds that grows with (K-1)/K, as the bytes of a ring do", 0.1,
      [](auto const& p) { return 1.0 - 1.0 / p.ranks; });
  // Bytes and latency together, in equal parts at the largest K.
  add("a cost in seconds that grows as the bytes and the latency of a ring do", 0.1, [largest](auto const& p) {
    return (1.0 - 1.0 / p.ranks) / (1.0 - 1.0 / largest) + (p.ranks - 1.0) / (largest - 1.0);
  });
  add("a cost in seconds that grows as the bytes and the latency of a tree do", 0.1, [largest](auto const& p) {
    return (1.0 - 1.0 / p.ranks) / (1.0 - 1.0 / largest) + std::log2(p.ranks) / std::log2(largest);
  });
  // Between nodes, where the slower links are: N = K / workers_per_node.
  auto const nodes = [workers_per_node](PointValues const& p) { return std::max(1.0, p.ranks / workers_per_node); };
  add("a cost in seconds that appears when the job leaves one node", 0.1,
      [nodes](auto const& p) { return nodes(p) > 1.0 ? 1.0 : 0.0; });
  add("a cost in seconds that grows with the bytes between nodes", 0.1,
      [nodes](auto const& p) { return 1.0 - 1.0 / nodes(p); });
  add("a cost in seconds that grows with log2 of the nodes", 0.1,
      [nodes](auto const& p) { return std::log2(nodes(p)); });
}

void add_serial(std::vector<Law>& laws, bool strong) {
  if (strong)
    laws.push_back({Cause::serial,
                    "a constant cost in seconds that no worker shares",
                    0.8,
                    [](auto const&) { return 1.0; },
                    {},
                    0});
  laws.push_back({Cause::serial,
                  "a cost in seconds that grows with the whole batch",
                  strong ? 0.2 : 0.5,
                  [](auto const& p) { return p.batch; },
                  {},
                  0});
}

void add_straggler(std::vector<Law>& laws, std::vector<PointValues> const& points, bool single_steps) {
  for (auto const& [steps, weight] : averagings) {
    if (single_steps && steps > 1) break;
    double const prior = single_steps ? 1.0 : weight;
    laws.push_back({Cause::straggler,
                    "some steps in which a worker computes slowly",
                    0.6 * prior,
                    [](auto const& p) { return p.work; },
                    {},
                    steps});
    laws.push_back({Cause::straggler,
                    "some steps in which a worker pauses",
                    0.25 * prior,
                    [](auto const&) { return 1.0; },
                    {},
                    steps});
  }
  for (std::size_t i = 2; i < points.size(); ++i) {
    double const joins = points[i].ranks;
    laws.push_back({Cause::straggler,
                    "a slow worker that joins the job at K = " + std::to_string(static_cast<int>(joins)),
                    0.15 / static_cast<double>(points.size()),
                    [joins](auto const& p) { return p.ranks >= joins ? p.work : 0.0; },
                    {},
                    0});
  }
}

/// The slowest of K unequal shares. Either each worker's work varies by itself (then K = 1 varies too), or a fixed
/// batch is shared out unequally (then one worker has it all).
void add_imbalance(std::vector<Law>& laws, bool single_steps) {
  static constexpr double cv = 0.1;  // sets the shape only; the amplitude is fitted
  for (auto const shape : {model::Shape::gumbel, model::Shape::normal}) {
    auto const factor = model::factor_law(shape, cv);
    auto const growth = [factor](PointValues const& p) {
      return p.work * (model::maximum_moments(factor, p.ranks).mean - 1.0);
    };
    auto const add = [&](double weight, double steps, bool shared) {
      laws.push_back({Cause::imbalance, "the slowest of K unequal shares of the work", 0.5 * 0.45 * weight, growth,
                      [factor, steps, shared](PointValues const& p) {
                        return shared && p.ranks == 1.0
                                   ? 0.0
                                   : p.work * model::maximum_moments(factor, p.ranks).sd / std::sqrt(steps);
                      },
                      0});
    };
    for (auto const& [steps, weight] : averagings) {
      if (single_steps && steps > 1) break;
      add(single_steps ? 1.0 : weight, steps, false);
      add(single_steps ? 1.0 : weight, steps, true);
    }
  }
  laws.push_back({Cause::imbalance,
                  "a fixed unequal share of the work from the second worker on",
                  0.1,
                  [](auto const& p) { return p.ranks > 1.0 ? p.work : 0.0; },
                  {},
                  0});
}

}  // namespace

std::vector<Law> candidate_laws(std::vector<PointValues> const& points, bool single_steps, double workers_per_node) {
  KURVE_EXPECT(points.size() >= 2);
  bool const strong = points.back().batch < points.back().ranks / points.front().ranks * 0.98;
  std::vector<Law> laws;
  add_communication(laws, points.back().ranks, workers_per_node);
  add_serial(laws, strong);
  add_straggler(laws, points, single_steps);
  add_imbalance(laws, single_steps);
  std::erase_if(laws, [&](Law const& law) { return law.growth(points.back()) <= 0.0; });
  return laws;
}

LawFit fit_law(Law const& law, std::vector<PointValues> const& points) {
  KURVE_EXPECT(points.size() >= 2);
  auto const& first = points.front();
  auto const& last = points.back();
  double const loss = std::clamp(1.0 - std::exp(mean_log(first) - mean_log(last)) * last.work, 0.02, 0.95);
  double variance = 1e-4;
  for (double const v : first.log_s) variance += (v - mean_log(first)) * (v - mean_log(first));
  variance /= static_cast<double>(first.log_s.size());
  bool const hits = law.hits_of_steps > 0;
  // Half of the steps are hit halfway up the curve: the start from which both rarer and more frequent hits are found.
  double const p = 1.0 - std::pow(0.5, 1.0 / std::sqrt(first.ranks * last.ranks));
  Parameters const start{mean_log(first), logit(loss), 0.5 * std::log(variance), std::log(0.005), logit(p)};
  Parameters const steps{0.01, 0.2, 0.5, 0.5, 1.0};
  std::vector<Term> terms;
  for (auto const& point : points) terms.push_back({&point, law.growth(point), law.spread ? law.spread(point) : 0.0});
  auto const objective = [&](Parameters const& x) { return log_posterior(law, terms, x); };
  auto const [x, value] = maximise(objective, start, steps, hits ? 5 : 4, hits ? 400 : 250);
  double n_values = 0.0;
  for (auto const& point : points)
    n_values += std::min(most_independent_values, static_cast<double>(point.log_s.size()));

  LawFit fit{.law = &law, .log_evidence = value + std::log(law.weight), .departure_rel = std::exp(x[3])};
  if (hits) fit.log_evidence -= 0.5 * std::log(n_values);  // one parameter more (Schwarz 1978)
  if (hits) fit.hit_probability = logistic(x[4]);
  auto const mean_extra = [&](Term const& term) {
    return term.growth * (hits ? hit_probability(fit.hit_probability, term.point->ranks) : 1.0);
  };
  double const amplitude = logistic(x[1]) / (1.0 - logistic(x[1])) * last.work / mean_extra(terms.back());
  fit.loss = 1.0 - last.work * (1.0 + amplitude * mean_extra(terms.front())) /
                       (last.work + amplitude * mean_extra(terms.back()));
  if (!hits) fit.departure_rel = departure_from(terms, x[0], amplitude);
  return fit;
}

}  // namespace kurve::validate::detail
