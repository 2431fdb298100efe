// SPDX-License-Identifier: Apache-2.0
#include "sim/preposterior.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "data/philox.hpp"
#include "model/contract.hpp"
#include "model/elementary.hpp"

namespace kurve::sim {
namespace {

double normal(std::uint64_t seed, std::uint32_t outcome, std::uint32_t observable) {
  double const u = data::uniforms(seed, outcome, observable, 0, data::Stream::advise).first;
  return u <= 0.5 ? -model::elementary::normal_upper(u) : model::elementary::normal_upper(1.0 - u);
}

/// Half the squared distance of each draw from the outcome of draw `truth`, in units of the noise.
std::vector<double> misfits(std::span<Observable const> observables, std::size_t truth, std::uint32_t outcome,
                            std::uint64_t seed) {
  std::vector<double> misfit(observables[0].value.size(), 0.0);
  for (std::size_t i = 0; i < observables.size(); ++i) {
    auto const& o = observables[i];
    double const x = o.value[truth] + o.noise_sd * normal(seed, outcome, static_cast<std::uint32_t>(i));
    for (std::size_t d = 0; d < misfit.size(); ++d) misfit[d] += 0.5 * std::pow((o.value[d] - x) / o.noise_sd, 2);
  }
  return misfit;
}

/// exp(-misfit / widening^2), the truth itself left out: it explains its own outcome too well.
/// @return how many draws carry the weight, (sum w)^2 / sum w^2
double weigh(std::vector<double>& weights, std::vector<double> const& misfit, std::size_t truth, double widening) {
  double smallest = 1e300, sum = 0.0, squares = 0.0;
  for (std::size_t d = 0; d < misfit.size(); ++d)
    if (d != truth) smallest = std::min(smallest, misfit[d]);
  for (std::size_t d = 0; d < misfit.size(); ++d) {
    double const w = weights[d] = d == truth ? 0.0 : std::exp((smallest - misfit[d]) / (widening * widening));
    sum += w;
    squares += w * w;
  }
  return sum * sum / squares;
}

double weighted_product(std::vector<double> const& w, std::vector<double> const& a, std::vector<double> const& b) {
  double sum = 0.0;
  for (std::size_t d = 0; d < w.size(); ++d) sum += w[d] * a[d] * b[d];
  return sum;
}

/// Takes `share` of what the observables explain linearly, under the weights, out of the quantity.
std::vector<double> without_linear_part(std::span<double const> quantity, std::span<Observable const> observables,
                                        std::vector<double> const& weights, double share) {
  std::vector<double> const ones(weights.size(), 1.0);
  double const total = weighted_product(weights, ones, ones);
  auto const centred = [&](std::vector<double> values) {
    double const mean = weighted_product(weights, ones, values) / total;
    for (double& v : values) v -= mean;
    return values;
  };
  auto const rest = centred({quantity.begin(), quantity.end()});
  std::vector<double> adjusted = rest;
  std::vector<std::vector<double>> basis;  // orthogonal under the weights (Gram-Schmidt)
  for (auto const& observable : observables) {
    auto x = centred(observable.value);
    double const before = weighted_product(weights, x, x);
    for (auto const& b : basis) {
      double const slope = weighted_product(weights, b, x) / weighted_product(weights, b, b);
      for (std::size_t d = 0; d < x.size(); ++d) x[d] -= slope * b[d];
    }
    double const after = weighted_product(weights, x, x);
    if (!(after > 1e-9 * before)) continue;  // says what another has said
    double const slope = weighted_product(weights, x, rest) / after;
    for (std::size_t d = 0; d < x.size(); ++d) adjusted[d] -= share * slope * x[d];
    basis.push_back(std::move(x));
  }
  return adjusted;
}

}  // namespace

double interval_width(std::span<double const> values, std::span<double const> weights, double confidence) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](auto a, auto b) { return values[a] < values[b]; });
  auto const weight = [&](std::size_t i) { return weights.empty() ? 1.0 : weights[i]; };
  double total = 0.0;
  for (auto const i : order) total += weight(i);
  auto const quantile = [&](double level) {  // linear between the middles of the draws' shares
    double sum = 0.0, last = values[order.front()], last_level = 0.0;
    for (auto const i : order) {
      if (weight(i) <= 0.0) continue;
      double const here = (sum + 0.5 * weight(i)) / total;
      if (here >= level)
        return here > last_level ? last + (values[i] - last) * (level - last_level) / (here - last_level) : values[i];
      sum += weight(i);
      last = values[i];
      last_level = here;
    }
    return last;
  };
  return quantile(0.5 + 0.5 * confidence) - quantile(0.5 - 0.5 * confidence);
}

double expected_width(std::span<double const> quantity, std::span<Observable const> observables,
                      PreposteriorOptions const& options) {
  auto const draws = quantity.size();
  KURVE_EXPECT(draws >= 100 && !observables.empty() && options.outcomes >= 1);
  for (auto const& o : observables) KURVE_EXPECT(o.value.size() == draws && o.noise_sd > 0.0);
  double const enough = std::max(50.0, 0.1 * static_cast<double>(draws));
  std::vector<double> weights(draws);
  double sum = 0.0;
  for (int j = 0; j < options.outcomes; ++j) {
    // Every (draws / outcomes)th draw is the truth once: the outcomes are spread as the posterior is.
    auto const truth = static_cast<std::size_t>((j + 0.5) / options.outcomes * static_cast<double>(draws));
    auto const misfit = misfits(observables, truth, static_cast<std::uint32_t>(j), options.seed);
    double widening = 1.0;
    while (weigh(weights, misfit, truth, widening) < enough) widening *= 1.25;
    // A kernel c times as wide as the noise leaves the observable c times as spread as it should be.
    if (widening > 1.0)
      sum += interval_width(without_linear_part(quantity, observables, weights, 1.0 - 1.0 / widening), weights,
                            options.confidence);
    else
      sum += interval_width(quantity, weights, options.confidence);
  }
  return sum / options.outcomes;
}

}  // namespace kurve::sim
