// SPDX-License-Identifier: Apache-2.0
#include "sim/interrupted_run.hpp"

#include <algorithm>
#include <cmath>

#include "data/philox.hpp"
#include "model/elementary.hpp"

namespace kurve::sim {
namespace {

constexpr double most_followed = 64.0;  // failures of a run, and attempts at one restart, drawn one by one

/// The uniforms of one run, one after another.
class Uniforms {
 public:
  Uniforms(std::uint64_t seed, std::uint32_t run, std::uint32_t ranks) : seed_(seed), run_(run), ranks_(ranks) {}
  double operator()() { return data::uniforms(seed_, run_, ranks_, draw_++, data::Stream::failures).first; }
  double exponential(double mean) {
    double const u = (*this)();
    return mean * model::elementary::minus_log(u, 1.0 - u);
  }

 private:
  std::uint64_t seed_;
  std::uint32_t run_, ranks_, draw_ = 0;
};

/// From a failure to the end of its restart. A sum of very many failed attempts is exponential.
double restart(model::Failures const& f, double attempts, Uniforms& uniforms) {
  if (attempts > most_followed) {
    double const mean_s = f.mean_between_s * (attempts - 1.0) - f.restart_s;  // M (e^(R/M) - 1) less the success
    return f.restart_s + uniforms.exponential(mean_s);
  }
  double wall_s = 0.0;
  for (;;) {
    double const again_s = uniforms.exponential(f.mean_between_s);
    if (again_s >= f.restart_s) return wall_s + f.restart_s;
    wall_s += again_s;
  }
}

double follow(model::Failures const& f, double piece_s, double segments, Uniforms& uniforms) {
  double const attempts = std::exp(f.restart_s / f.mean_between_s);
  double const busy_s = piece_s + f.checkpoint_s;
  double wall_s = 0.0, done = 0.0;
  for (;;) {
    double const left_s = (segments - done - 1.0) * busy_s + piece_s;
    double const until_s = uniforms.exponential(f.mean_between_s);
    if (until_s >= left_s) return wall_s + left_s;
    done = std::min(segments - 1.0, done + std::floor(until_s / busy_s));
    wall_s += until_s + restart(f, attempts, uniforms);
  }
}

double normal(double u) {
  return u < 0.5 ? -model::elementary::normal_upper(u) : model::elementary::normal_upper(1.0 - u);
}

/// A gamma variate, shifted and scaled to the three cumulants, by the cube of a normal (Wilson & Hilferty, PNAS 17
/// (1931) 684-688): its shape 4/skewness^2 is above 16 wherever this is used.
double pearson(model::SegmentMoments const& m, double u) {
  double const sd = std::sqrt(m.variance_s2), skewness = m.third_s3 / (sd * m.variance_s2);
  double const shape = 4.0 / (skewness * skewness);
  double const root = 1.0 - 1.0 / (9.0 * shape) + normal(u) / (3.0 * std::sqrt(shape));
  return m.mean_s + sd * (shape * root * root * root - shape) / std::sqrt(shape);
}

}  // namespace

double interrupted_run_s(model::Failures const& f, double work_s, double segments, std::uint64_t seed,
                         std::uint32_t run, std::uint32_t ranks) {
  double const piece_s = work_s / segments;
  if (std::isinf(f.mean_between_s)) return work_s + (segments - 1.0) * f.checkpoint_s;
  auto sum = model::segment_moments(f, piece_s);
  if (segments > 1.0) {
    auto const inner = model::segment_moments(f, piece_s + f.checkpoint_s);
    double const n = segments - 1.0;
    sum = {sum.mean_s + n * inner.mean_s, sum.variance_s2 + n * inner.variance_s2, sum.third_s3 + n * inner.third_s3,
           sum.failures + n * inner.failures};
  }
  if (std::isinf(sum.mean_s)) return sum.mean_s;
  Uniforms uniforms(seed, run, ranks);
  if (sum.failures < most_followed) return follow(f, piece_s, segments, uniforms);
  return std::max(work_s, pearson(sum, uniforms()));
}

}  // namespace kurve::sim
