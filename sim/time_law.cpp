// SPDX-License-Identifier: Apache-2.0
#include "sim/time_law.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "model/contract.hpp"

namespace kurve::sim {
namespace {

constexpr std::size_t most_points = 4096;
constexpr double least_tail = 1e-12;  // what lies beyond is put at the ends

/// mass[i] at (first + i) step.
struct Grid {
  double step;
  long first = 0;
  std::vector<double> mass{1.0};
};

double mean(TimeLaw const& law) {
  return std::inner_product(law.time_s.begin(), law.time_s.end(), law.mass.begin(), 0.0);
}

/// Each value between its two neighbours so that the mean stays.
Grid on_grid(TimeLaw const& law, double step) {
  Grid grid{.step = step, .first = static_cast<long>(std::floor(law.time_s.front() / step)), .mass = {}};
  grid.mass.resize(static_cast<std::size_t>(std::ceil(law.time_s.back() / step)) - grid.first + 2, 0.0);
  for (std::size_t i = 0; i < law.mass.size(); ++i) {
    double const place = law.time_s[i] / step - static_cast<double>(grid.first), below = std::floor(place);
    grid.mass[static_cast<std::size_t>(below)] += law.mass[i] * (1.0 - (place - below));
    grid.mass[static_cast<std::size_t>(below) + 1] += law.mass[i] * (place - below);
  }
  return grid;
}

void trim(Grid& grid) {
  auto const& m = grid.mass;
  std::size_t low = 0, high = m.size() - 1;
  double below = 0.0, above = 0.0;
  while (low < high && below + m[low] < least_tail) below += m[low++];
  while (high > low && above + m[high] < least_tail) above += m[high--];
  grid.mass = {m.begin() + static_cast<std::ptrdiff_t>(low), m.begin() + static_cast<std::ptrdiff_t>(high) + 1};
  grid.mass.front() += below;
  grid.mass.back() += above;
  grid.first += static_cast<long>(low);
}

/// Twice the step: every other point in halves to its neighbours.
Grid coarser(Grid const& fine) {
  Grid grid{.step = 2.0 * fine.step, .first = fine.first >> 1, .mass = {}};
  grid.mass.resize(fine.mass.size() / 2 + 3, 0.0);
  for (std::size_t i = 0; i < fine.mass.size(); ++i) {
    long const j = fine.first + static_cast<long>(i);
    auto const at = static_cast<std::size_t>((j >> 1) - grid.first);
    grid.mass[at] += (j & 1) != 0 ? 0.5 * fine.mass[i] : fine.mass[i];
    if ((j & 1) != 0) grid.mass[at + 1] += 0.5 * fine.mass[i];
  }
  return grid;
}

Grid sum(Grid a, Grid b) {
  while (a.step < b.step) a = coarser(a);
  while (b.step < a.step) b = coarser(b);
  Grid grid{.step = a.step, .first = a.first + b.first, .mass = {}};
  grid.mass.resize(a.mass.size() + b.mass.size() - 1, 0.0);
  for (std::size_t i = 0; i < a.mass.size(); ++i)
    for (std::size_t k = 0; k < b.mass.size(); ++k) grid.mass[i + k] += a.mass[i] * b.mass[k];
  trim(grid);
  while (grid.mass.size() > most_points) grid = coarser(grid);
  return grid;
}

}  // namespace

double standard_deviation(TimeLaw const& law) {
  double const centre = mean(law);
  double squares = 0.0;
  for (std::size_t i = 0; i < law.mass.size(); ++i)
    squares += law.mass[i] * (law.time_s[i] - centre) * (law.time_s[i] - centre);
  return std::sqrt(squares);
}

double quantile(TimeLaw const& law, double level) {
  KURVE_EXPECT(level > 0.0 && level < 1.0);
  auto const& m = law.mass;
  double before = 0.0;
  std::size_t i = 0;
  while (i + 1 < m.size() && before + m[i] < level) before += m[i++];
  bool const isolated = (i == 0 || m[i - 1] == 0.0) && (i + 1 == m.size() || m[i + 1] == 0.0);
  if (isolated) return law.time_s[i];
  double const within = std::clamp((level - before) / m[i], 0.0, 1.0) - 0.5, at = law.time_s[i];
  double const next = within < 0.0 ? (i > 0 ? law.time_s[i - 1] : at) : (i + 1 < m.size() ? law.time_s[i + 1] : at);
  return at + std::abs(within) * (next - at);
}

TimeLaw later(TimeLaw law, double by_s) {
  for (double& t : law.time_s) t += by_s;
  return law;
}

TimeLaw sum_of(TimeLaw law, int count) {
  KURVE_EXPECT(count >= 1);
  double const spread = standard_deviation(law);
  if (count == 1) return law;
  if (!(spread > 1e-12 * law.time_s.back())) return {{count * mean(law)}, {1.0}};
  double const width = law.time_s.back() - law.time_s.front();
  Grid power = on_grid(law, std::max(spread / 50.0, width / (most_points - 3.0)));
  trim(power);
  Grid total{.step = power.step};
  for (int left = count; left > 0; left >>= 1) {
    if ((left & 1) != 0) total = sum(total, power);
    if (left > 1) power = sum(power, power);
  }
  TimeLaw result{.time_s = {}, .mass = total.mass};
  for (std::size_t i = 0; i < total.mass.size(); ++i)
    result.time_s.push_back(static_cast<double>(total.first + static_cast<long>(i)) * total.step);
  return result;
}

}  // namespace kurve::sim
