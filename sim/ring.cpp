// SPDX-License-Identifier: Apache-2.0
#include "sim/ring.hpp"

#include <algorithm>
#include <cmath>

#include "data/philox.hpp"

namespace kurve::sim {

double ring_makespan_s(RingOptions const& options, std::uint32_t trial) {
  KURVE_EXPECT(options.ranks >= 1);
  std::vector<double> finish_s(static_cast<std::size_t>(options.ranks), 0.0);
  if (options.jitter.scale == 0.0)
    run_ring(finish_s, [&](int, int) { return options.hop_s; });
  else
    run_ring(finish_s, [&](int step, int rank) {
      double const u = data::uniforms(options.seed, trial, static_cast<std::uint32_t>(rank),
                                      static_cast<std::uint32_t>(step), data::Stream::hop)
                           .first;
      return options.hop_s * std::max(0.0, model::quantile(options.jitter, u, 1.0 - u));
    });
  return *std::max_element(finish_s.begin(), finish_s.end());
}

double ring_jitter_factor(double ranks, double cv) {
  constexpr struct {
    double log2_ranks, excess;
  } table[] = {{1, .565}, {2, .787}, {3, .865}, {4, .891}, {6, .895}, {8, .886}, {10, .879}};
  if (ranks <= 1.0) return 1.0;
  double const x = std::log2(ranks);
  double excess = table[0].excess;
  for (std::size_t i = 1; i < std::size(table); ++i) {
    double const part =
        std::clamp((x - table[i - 1].log2_ranks) / (table[i].log2_ranks - table[i - 1].log2_ranks), 0.0, 1.0);
    excess += part * (table[i].excess - table[i - 1].excess);
  }
  return 1.0 + excess * cv;
}

}  // namespace kurve::sim
