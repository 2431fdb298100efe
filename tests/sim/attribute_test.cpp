// SPDX-License-Identifier: Apache-2.0
#include "sim/attribute.hpp"

#include "model/maxima.hpp"
#include "sim/expected.hpp"
#include "tests/support/checks.hpp"

using namespace kurve;
using namespace kurve::sim;

namespace {

double cost_of(Attribution const& a, std::string_view name) {
  for (auto const& cause : a.causes)
    if (cause.name == name) return cause.cost_s;
  return 0.0;
}

double sum_of(Attribution const& a) {
  double sum = a.higher_order_s + a.rest_s;
  for (auto const& cause : a.causes) sum += cause.cost_s;
  for (auto const& pair : a.interactions) sum += pair.cost_s;
  return sum;
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("causes that add cost what they add and do not interact") {
    model::Model m;
    m.global_batch = 64;
    auto& p = m.parameters;
    p.serial_s = 0.04;
    p.compute_per_sample_s = 0.01;
    p.gradient_bytes = 1e8;
    p.inter_bandwidth_Bps = 1e10;
    p.inter_latency_s = 1e-5;
    p.noise_cv = 0.1;
    auto const a = attribute(m, {32, 64});
    double const compute_s = 0.02;
    CHECK_CLOSE(cost_of(a, "serial"), 0.04, 1e-12);
    CHECK_CLOSE(cost_of(a, "latency"), 62 * 1e-5, 1e-10);
    CHECK_CLOSE(cost_of(a, "bandwidth"), 62.0 / 32.0 * 1e8 / 1e10, 1e-12);
    CHECK_CLOSE(cost_of(a, "noise"),
                compute_s * (model::maximum_moments(model::factor_law(p.noise_shape, 0.1), 32).mean - 1.0), 1e-9);
    CHECK(a.interactions.empty());
    CHECK_CLOSE(a.ideal_s, (0.04 + 0.64) / 32, 1e-6);  // one worker waits for none; its mean factor is 1
    CHECK_CLOSE(sum_of(a), a.mean_s - a.ideal_s, 1e-12);
    CHECK_CLOSE(a.rest_s, compute_s - a.ideal_s, 1e-6);  // the baseline pays the serial part too
  }

  TEST_CASE("noise and stragglers hide each other and overlap hides bandwidth: interactions make up the sum") {
    model::Model m;
    m.global_batch = 1024;
    auto& p = m.parameters;
    p.compute_per_sample_s = 1e-3;
    p.noise_cv = 0.05;
    p.straggler_probability = 0.05;
    p.straggler_slowdown = 1.3;
    p.imbalance_cv = 0.1;
    p.gradient_bytes = 1e9;
    p.inter_bandwidth_Bps = 1e11;
    p.inter_latency_s = 1e-4;
    p.overlap_fraction = 0.6;
    p.overlap_buckets = 8;
    auto const a = attribute(m, {64, 1024});
    CHECK_CLOSE(sum_of(a), a.mean_s - a.ideal_s, 1e-12);
    double noise_and_stragglers = 0.0;
    for (auto const& pair : a.interactions)
      if (pair.first == "noise" && pair.second == "stragglers") noise_and_stragglers = pair.cost_s;
    // each cause alone costs less than it would by itself: the slowest is slow for either reason
    CHECK(noise_and_stragglers > 0.0);
  }
}
