// SPDX-License-Identifier: Apache-2.0
#include "validate/metrics.hpp"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "model/contract.hpp"

namespace kurve::validate {

double relative_error(double predicted, double measured) {
  KURVE_EXPECT(measured > 0.0);
  return predicted / measured - 1.0;
}

ErrorSummary summarize_errors(std::span<double const> relative_errors) {
  std::vector<double> absolute;
  for (double const e : relative_errors) absolute.push_back(std::abs(e));
  if (absolute.empty()) {
    double const none = std::numeric_limits<double>::quiet_NaN();
    return {.n = 0, .median = none, .mean = none, .p90 = none, .max = none};
  }
  return {.n = absolute.size(),
          .median = data::median(absolute),
          .mean = data::summarize(absolute).mean,
          .p90 = data::quantile(absolute, 0.9),
          .max = *std::max_element(absolute.begin(), absolute.end())};
}

Coverage coverage_of(std::size_t hits, std::size_t n, double confidence) {
  KURVE_EXPECT(hits <= n && confidence > 0.0 && confidence < 1.0);
  if (n == 0) return {.share = std::numeric_limits<double>::quiet_NaN()};
  using Binomial = boost::math::binomial_distribution<double>;
  auto const trials = static_cast<double>(n), successes = static_cast<double>(hits);
  double const tail = 0.5 * (1.0 - confidence);
  return {.hits = hits,
          .n = n,
          .share = successes / trials,
          .interval = {hits == 0 ? 0.0 : Binomial::find_lower_bound_on_p(trials, successes, tail),
                       hits == n ? 1.0 : Binomial::find_upper_bound_on_p(trials, successes, tail)}};
}

double sample_crps(std::span<double const> draws, double measured) {
  KURVE_EXPECT(!draws.empty());
  std::vector<double> sorted(draws.begin(), draws.end());
  std::sort(sorted.begin(), sorted.end());
  auto const n = static_cast<double>(sorted.size());
  double miss = 0.0, spread = 0.0;  // spread: sum over pairs i < j of x_j - x_i, from order statistics
  double i = 0.0;
  for (double const x : sorted) {
    miss += std::abs(x - measured);
    spread += (2.0 * i + 1.0 - n) * x;
    i += 1.0;
  }
  return miss / n - spread / (n * n);
}

double interval_score(double low, double high, double measured, double confidence) {
  KURVE_EXPECT(low <= high && confidence > 0.0 && confidence < 1.0);
  double const miss = std::max({low - measured, measured - high, 0.0});
  return high - low + 2.0 / (1.0 - confidence) * miss;
}

double pit(std::span<double const> draws, double measured) {
  KURVE_EXPECT(!draws.empty());
  double below = 0.0;
  for (double const x : draws) below += x < measured ? 1.0 : x == measured ? 0.5 : 0.0;
  return below / static_cast<double>(draws.size());
}

}  // namespace kurve::validate
