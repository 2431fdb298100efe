// SPDX-License-Identifier: Apache-2.0
#include "model/ring_jitter.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include "model/collective.hpp"
#include "model/hop_schedule.hpp"

namespace kurve::model {
namespace {

constexpr std::array cvs{0.05, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0};
constexpr std::array ranks_of_rows{2.0, 3.0, 4.0, 6.0, 8.0, 16.0, 32.0, 64.0, 256.0, 1024.0, 4096.0};

/// Simulated, 4e7 hops or more for each (200 000 trials at most): excess / cv of 2(K-1) hops, then excess / cv, sd / cv
/// and skewness of K-1 hops, which a few hundred trials do not tell from 0.2 where they said less.
struct Knot {
  double full, half, sd, skewness;
};
constexpr std::array<std::array<Knot, cvs.size()>, ranks_of_rows.size()> knots{{
    {{{0.5637, 0.5637, 0.8499, 0.26},
      {0.5529, 0.5529, 0.9498, 0.82},
      {0.5233, 0.5233, 1.0506, 1.54},
      {0.4845, 0.4845, 1.1304, 2.37},
      {0.4439, 0.4439, 1.1926, 3.44},
      {0.3715, 0.3715, 1.2735, 5.88},
      {0.3152, 0.3152, 1.3465, 10.75},
      {0.2389, 0.2389, 1.3249, 17.19},
      {0.1596, 0.1596, 1.3184, 30.65}}},  // K = 2
    {{{0.7266, 0.7717, 0.5469, 0.26},
      {0.7305, 0.7756, 0.6344, 0.61},
      {0.7184, 0.7627, 0.7420, 1.11},
      {0.6864, 0.7279, 0.8335, 1.73},
      {0.6484, 0.6834, 0.9015, 2.35},
      {0.5679, 0.5984, 1.0176, 4.73},
      {0.4963, 0.5182, 1.0605, 6.46},
      {0.3955, 0.4098, 1.1764, 19.60},
      {0.2768, 0.2874, 1.2055, 28.61}}},  // K = 3
    {{{0.7927, 0.8507, 0.4164, 0.27},
      {0.8102, 0.8703, 0.4940, 0.55},
      {0.8090, 0.8691, 0.5901, 0.94},
      {0.7906, 0.8488, 0.6797, 1.47},
      {0.7576, 0.8106, 0.7573, 2.24},
      {0.6857, 0.7293, 0.8712, 3.82},
      {0.6118, 0.6465, 0.9408, 5.63},
      {0.5007, 0.5255, 1.0869, 17.41},
      {0.3607, 0.3747, 1.0212, 15.24}}},  // K = 4
    {{{0.8504, 0.9131, 0.2926, 0.29},
      {0.8812, 0.9505, 0.3532, 0.49},
      {0.8997, 0.9710, 0.4345, 0.81},
      {0.8951, 0.9660, 0.5127, 1.21},
      {0.8769, 0.9449, 0.5886, 1.77},
      {0.8206, 0.8798, 0.7099, 3.17},
      {0.7557, 0.8059, 0.8039, 4.76},
      {0.6388, 0.6789, 0.9055, 8.10},
      {0.4861, 0.5131, 1.1168, 26.94}}},  // K = 6
    {{{0.8759, 0.9381, 0.2308, 0.31},
      {0.9124, 0.9813, 0.2806, 0.46},
      {0.9396, 1.0135, 0.3493, 0.73},
      {0.9482, 1.0238, 0.4220, 1.08},
      {0.9408, 1.0135, 0.4906, 1.57},
      {0.8977, 0.9644, 0.6093, 2.51},
      {0.8407, 0.9016, 0.7177, 4.58},
      {0.7339, 0.7803, 0.8399, 7.94},
      {0.5651, 0.5996, 0.9374, 15.17}}},  // K = 8
    {{{0.9046, 0.9586, 0.1347, 0.37},
      {0.9506, 1.0114, 0.1636, 0.45},
      {0.9946, 1.0641, 0.2096, 0.64},
      {1.0200, 1.0952, 0.2611, 0.88},
      {1.0344, 1.1112, 0.3175, 1.25},
      {1.0260, 1.1041, 0.4268, 2.12},
      {0.9979, 1.0714, 0.5214, 3.19},
      {0.9132, 0.9759, 0.6581, 5.21},
      {0.7600, 0.8098, 0.8189, 10.24}}},  // K = 16
    {{{0.9114, 0.9537, 0.0799, 0.41},
      {0.9620, 1.0111, 0.0980, 0.45},
      {1.0133, 1.0699, 0.1252, 0.55},
      {1.0506, 1.1141, 0.1614, 0.77},
      {1.0755, 1.1439, 0.2022, 1.10},
      {1.1014, 1.1762, 0.2975, 1.89},
      {1.0987, 1.1766, 0.3896, 2.52},
      {1.0543, 1.1228, 0.5362, 4.84},
      {0.9325, 1.0020, 0.7553, 6.88}}},  // K = 32
    {{{0.9085, 0.9396, 0.0478, 0.45},
      {0.9605, 0.9977, 0.0597, 0.58},
      {1.0149, 1.0601, 0.0774, 0.59},
      {1.0591, 1.1109, 0.1007, 0.75},
      {1.0946, 1.1528, 0.1287, 0.89},
      {1.1376, 1.2050, 0.1986, 1.38},
      {1.1560, 1.2219, 0.2658, 2.26},
      {1.1453, 1.2268, 0.4033, 3.29},
      {1.0585, 1.1296, 0.5727, 4.48}}},  // K = 64
    {{{0.8990, 0.9155, 0.0175, 0.64},
      {0.9489, 0.9677, 0.0204, 0.63},
      {1.0039, 1.0253, 0.0291, 0.27},
      {1.0511, 1.0755, 0.0365, 0.55},
      {1.0916, 1.1224, 0.0485, 0.83},
      {1.1591, 1.2028, 0.0760, 0.58},
      {1.2049, 1.2487, 0.1213, 1.27},
      {1.2594, 1.3223, 0.2195, 1.31},
      {1.2490, 1.3289, 0.3394, 1.77}}},  // K = 256
    {{{0.8917, 0.8979, 0.0062, 0.89},
      {0.9403, 0.9500, 0.0065, 0.20},
      {0.9949, 1.0072, 0.0108, 0.21},
      {1.0409, 1.0535, 0.0109, 0.20},
      {1.0767, 1.0983, 0.0196, 0.54},
      {1.1552, 1.1834, 0.0277, 0.20},
      {1.2197, 1.2450, 0.0555, 0.73},
      {1.2923, 1.3432, 0.0984, 0.76},
      {1.3294, 1.3740, 0.1147, 0.50}}},  // K = 1024
    {{{0.8878, 0.8911, 0.0020, 1.32},
      {0.9359, 0.9409, 0.0035, 0.89},
      {0.9888, 0.9936, 0.0048, 0.44},
      {1.0319, 1.0359, 0.0022, 0.44},
      {1.0725, 1.0818, 0.0069, 0.45},
      {1.1410, 1.1547, 0.0139, 1.24},
      {1.1947, 1.2141, 0.0210, 0.36},
      {1.2923, 1.3432, 0.0984, 0.76},
      {1.3294, 1.3740, 0.1147, 0.50}}},  // K = 4096
}};

/// Where x lies among ascending knots: at + share, held at the ends.
struct Place {
  std::size_t at;
  double share;
};
Place place_of(std::span<double const> values, double x) {
  std::size_t at = 0;
  while (at + 2 < values.size() && values[at + 1] <= x) ++at;
  return {at, std::clamp((x - values[at]) / (values[at + 1] - values[at]), 0.0, 1.0)};
}

struct SpreadKnot {
  double x, y;
};

/// Line between the knots, constant beyond them.
double interpolated(std::span<SpreadKnot const> line, double x) {
  double y = line.front().y;
  for (std::size_t i = 1; i < line.size(); ++i) {
    double const part = std::clamp((x - line[i - 1].x) / (line[i].x - line[i - 1].x), 0.0, 1.0);
    y += part * (line[i].y - line[i - 1].y);
  }
  return y;
}

}  // namespace

RingJitter ring_jitter_of(double ranks, double cv) {
  if (ranks <= 1.0 || cv <= 0.0) return {};
  std::array<double, ranks_of_rows.size()> log_ranks;
  std::transform(ranks_of_rows.begin(), ranks_of_rows.end(), log_ranks.begin(), [](double k) { return std::log2(k); });
  auto const [row, down] = place_of(log_ranks, std::log2(ranks));
  auto const [column, right] = place_of(cvs, cv);
  auto const between = [&, row = row, down = down, column = column, right = right](double Knot::*value) {
    auto const in_row = [&](std::size_t r) {
      return (1.0 - right) * knots[r][column].*value + right * knots[r][column + 1].*value;
    };
    return (1.0 - down) * in_row(row) + down * in_row(row + 1);
  };
  double const scale = std::min(cv, cvs.back());
  return {.excess = scale * between(&Knot::full),
          .half_excess = scale * between(&Knot::half),
          .half_sd = scale * between(&Knot::sd),
          .half_skewness = between(&Knot::skewness)};
}

StepTime jittered_step_time(StepParameters const& p, double ranks, double global_batch) {
  if (p.hop_jitter_cv == 0.0 && p.hop_jitter_s == 0.0) return step_time(p, ranks, global_batch);
  return step_time(p, ranks, global_batch, [](StepParameters const& q, double k, double bytes) {
    double const collectives = collectives_of_bucket(q, bytes);
    return collectives *
           jittered_s(schedule_of(q, k, bytes / collectives), q, bucket_time_s(q, k, bytes) / collectives);
  });
}

double ring_jitter_spread(double ranks) {
  constexpr SpreadKnot log2_spread[] = {{1, .1743},  {2, 1.4678}, {3, 2.3003}, {4, 2.9600},
                                        {6, 4.0382}, {8, 4.9604}, {10, 5.7865}};
  return std::exp2(interpolated(log2_spread, std::log2(ranks)));
}

}  // namespace kurve::model
