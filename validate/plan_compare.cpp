// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "validate/plan_choice.hpp"

namespace kurve::validate {
namespace {

/// Costs of one option in every run.
std::vector<double> costs_of(OfferPlan const& plan, PlanOption const& option) {
  std::vector<double> costs;
  costs.reserve(option.times_s.size());
  for (double const t : option.times_s)
    costs.push_back(cost_of(*plan.offer.price, option.gpus_paid, plan.offer.model.parameters.workers_per_node, t));
  return costs;
}

/// Run i of the first machine meets this run of the second: the same where they are one machine. Else half the runs
/// further on, for two posteriors made by one method may be in the same order, and the machines are independent.
std::size_t partner(std::size_t i, std::size_t n, bool one_model) { return one_model ? i : (i + n / 2) % n; }

double share_less(std::vector<double> const& a, std::vector<double> const& b, bool one_model) {
  double less = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    double const x = a[i], y = b[partner(i, b.size(), one_model)];
    less += x < y ? 1.0 : x == y ? 0.5 : 0.0;
  }
  return less / static_cast<double>(a.size());
}

/// Means over the runs of each parameter vector: where two curves cross is a matter of the machines, not of the luck of
/// one run.
std::vector<double> means_of(std::vector<double> const& values, int runs) {
  std::vector<double> means(values.size() / static_cast<std::size_t>(runs), 0.0);
  for (std::size_t i = 0; i < values.size(); ++i) means[i / static_cast<std::size_t>(runs)] += values[i] / runs;
  return means;
}

/// Costs of both offers at one K, mean over runs, for each parameter vector.
struct Pair {
  double ranks;
  std::vector<double> first, second;
};

/// The last K at which the sign of log(first/second) changes, interpolated in log K; none where it does not.
std::optional<double> crossing(std::vector<Pair> const& pairs, std::size_t draw, bool one_model) {
  std::optional<double> at;
  double before = 0.0;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    double const now =
        std::log(pairs[i].first[draw] / pairs[i].second[partner(draw, pairs[i].second.size(), one_model)]);
    if (i > 0 && before * now < 0.0) {
      double const share = before / (before - now);
      at = pairs[i - 1].ranks * std::pow(pairs[i].ranks / pairs[i - 1].ranks, share);
    }
    before = now;
  }
  return at;
}

}  // namespace

void compare(Plan& plan, bool one_model) {
  if (plan.offers.size() != 2 || !plan.offers[0].offer.price || !plan.offers[1].offer.price) return;
  auto const &a = plan.offers[0], &b = plan.offers[1];
  Comparison comparison{.one_model = one_model, .rows = {}, .crossing_ranks = {}, .p_first_best_cheaper = {}};
  std::vector<Pair> pairs;
  for (auto const& x : a.options)
    for (auto const& y : b.options)
      if (x.ranks == y.ranks) {
        auto const first = costs_of(a, x), second = costs_of(b, y);
        comparison.rows.push_back(
            {x.ranks, share_less(first, second, one_model), share_less(x.times_s, y.times_s, one_model)});
        pairs.push_back({x.ranks, means_of(first, plan.options.runs), means_of(second, plan.options.runs)});
      }
  std::vector<double> crossings;
  std::size_t const draws = pairs.empty() ? 0 : pairs.front().first.size();
  for (std::size_t draw = 0; draw < draws; ++draw)
    if (auto const at = crossing(pairs, draw, one_model)) crossings.push_back(*at);
  if (!crossings.empty()) {
    std::sort(crossings.begin(), crossings.end());
    auto const at = [&](double level) {
      return crossings[static_cast<std::size_t>(std::lround(level * static_cast<double>(crossings.size() - 1)))];
    };
    double const c = plan.options.confidence;
    comparison.crossing_ranks = Span{at(0.5), at(0.5 - 0.5 * c), at(0.5 + 0.5 * c)};
    comparison.p_crosses = static_cast<double>(crossings.size()) / static_cast<double>(draws);
  }
  if (a.best && b.best)
    comparison.p_first_best_cheaper =
        share_less(costs_of(a, a.options[*a.best]), costs_of(b, b.options[*b.best]), one_model);
  plan.comparison = std::move(comparison);
}

}  // namespace kurve::validate
