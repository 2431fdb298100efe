// SPDX-License-Identifier: Apache-2.0
// As the workload: a rank is one core.
#define EIGEN_DONT_PARALLELIZE
#include "calibrate/cpu_ratings.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <chrono>

#include "calibrate/card_rates.hpp"

namespace kurve::calibrate {
namespace {

/// Operations a second of a large product of floats by the same library, the best of several.
double best_product_flop_per_s() {
  using Clock = std::chrono::steady_clock;
  constexpr int n = 512;
  Eigen::MatrixXf const a = Eigen::MatrixXf::Constant(n, n, 0.5f), b = Eigen::MatrixXf::Constant(n, n, 0.25f);
  Eigen::MatrixXf c(n, n);
  double best_s = 1e9;
  for (int i = 0; i < 8; ++i) {
    auto const start = Clock::now();
    c.noalias() = a * b;
    best_s = std::min(best_s, std::chrono::duration<double>(Clock::now() - start).count());
  }
  return 2.0 * n * n * n / best_s;
}

}  // namespace

void describe_workload(BackendInfo& info, Workload& workload) {
  info.workload = workload.description();
  info.gradient_bytes = workload.gradient_bytes();
  info.accelerator = workload.accelerator();
  info.largest_local_batch = workload.largest_batch();
  info.largest_batch_is = "the samples that the workload has. Raise pool= in --workload?";
}

std::vector<model::Rating> cpu_ratings(Workload const& workload, std::span<TimedPart const> parts) {
  std::vector<model::Rating> ratings;
  if (!(workload.flop(1) > 0.0)) return ratings;
  double const best = best_product_flop_per_s();
  for (auto const& part : parts)
    if (part.local_batch > 0) {
      ratings.push_back(product_rating(part, workload.flop(part.local_batch), best));
      if (ratings.back().verdict != "good")
        ratings.back().verdict += ": products of few samples reach less; or does something else run on the core?";
    }
  return ratings;
}

}  // namespace kurve::calibrate
