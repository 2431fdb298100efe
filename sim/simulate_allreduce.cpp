// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <string>

#include "data/stats.hpp"
#include "model/elementary.hpp"
#include "model/error.hpp"
#include "model/ring_jitter.hpp"
#include "sim/draws.hpp"
#include "sim/simulate.hpp"

namespace kurve::sim {
namespace {

double allreduce_s(model::StepParameters p, double ranks, double bytes) {
  p.gradient_bytes = bytes;
  p.allreduces_per_step = p.barriers_per_step = p.overlap_buckets = 1.0;
  p.bucket_bytes = 0.0;
  return model::jittered_step_time(p, ranks, 1.0).allreduce_s;
}

void check(AllreduceOptions const& o) {
  for (double const k : o.ranks)
    if (!(k >= 1.0 && k <= 1e9)) throw InputError("ranks=" + std::to_string(k) + " (must be from 1 to 1e9)");
  for (double const n : o.bytes)
    if (!(n >= 0.0 && n <= 1e15)) throw InputError("bytes=" + std::to_string(n) + " (must be from 0 to 1e15)");
  if (!(o.confidence > 0.0 && o.confidence < 1.0))
    throw InputError("confidence=" + std::to_string(o.confidence) + " (must be above 0 and below 1)");
  if (o.draws < 1 || o.draws > 1'000'000)
    throw InputError("draws=" + std::to_string(o.draws) + " (must be from 1 to 1e6)");
}

}  // namespace

std::vector<AllreducePoint> simulate_allreduce(model::Model const& model, AllreduceOptions const& options) {
  check(options);
  std::vector<model::StepParameters> parameters;
  for (int d = 0; d < options.draws; ++d)
    parameters.push_back(draw_parameters(model, static_cast<std::uint32_t>(d), options.seed));
  std::vector<AllreducePoint> points;
  std::vector<double> times_s(parameters.size());
  for (double const ranks : options.ranks)
    for (double const bytes : options.bytes) {
      for (std::size_t d = 0; d < parameters.size(); ++d) times_s[d] = allreduce_s(parameters[d], ranks, bytes);
      double const time_s = data::median(times_s);
      points.push_back({.ranks = ranks,
                        .bytes = bytes,
                        .time_s = time_s,
                        .low_s = data::quantile(times_s, 0.5 - 0.5 * options.confidence),
                        .high_s = data::quantile(times_s, 0.5 + 0.5 * options.confidence),
                        .busbw_Bps = time_s > 0.0 ? bytes / time_s * 2.0 * (ranks - 1.0) / ranks : 0.0});
    }
  return points;
}

}  // namespace kurve::sim
