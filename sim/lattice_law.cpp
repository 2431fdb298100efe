// SPDX-License-Identifier: Apache-2.0
#include "sim/lattice_law.hpp"

#include <algorithm>
#include <cmath>

#include "model/contract.hpp"

namespace kurve::sim {
namespace {

/// Cumulative probabilities of `law` at lattice index j.
class Cumulative {
 public:
  explicit Cumulative(LatticeLaw const& law) : first_(law.first), sums_(law.mass.size()) {
    double sum = 0.0;
    for (std::size_t i = 0; i < sums_.size(); ++i) sums_[i] = sum += law.mass[i];
  }
  [[nodiscard]] double operator()(int j) const {
    if (j < first_) return 0.0;
    auto const i = static_cast<std::size_t>(j - first_);
    return i < sums_.size() ? sums_[i] : 1.0;
  }

 private:
  int first_;
  std::vector<double> sums_;
};

/// 1 - (1 - survival)^count, to rounding: by series where the functions of <cmath> are not needed, which is nearly all
/// of a lattice.
double chance_of_any(double survival, double count) {
  double const s = survival;
  double const x = count * (s < 1e-5 ? s * (1.0 + s * (0.5 + s * (1.0 / 3.0))) : -std::log1p(-s));
  return x < 1e-4 ? x * (1.0 - x * (0.5 - x * (1.0 / 6.0))) : -std::expm1(-x);
}

/// Calls visit(i, P(max of count > point(i)), the same at i - 1) from the highest point down until the maximum surely
/// exceeds it.
template <typename Visit>
void descend_maximum(LatticeLaw const& law, double count, Visit&& visit) {
  double survival = 0.0, above = 0.0;  // of one copy beyond point i, and of the maximum
  for (auto i = static_cast<int>(law.mass.size()) - 1; i >= 0; --i) {
    survival += law.mass[static_cast<std::size_t>(i)];
    double const reached = i == 0 || survival >= 1.0 ? 1.0 : chance_of_any(survival, count);
    visit(i, reached - above);
    above = reached;
    if (above >= 1.0) break;
  }
}

}  // namespace

double LatticeLaw::point(int i) const { return std::exp((first + i) * step); }

LatticeLaw on_lattice(std::function<double(double)> const& survival, double low, double high, double step) {
  KURVE_EXPECT(low > 0.0 && high >= low && step > 0.0);
  LatticeLaw law{.step = step, .first = static_cast<int>(std::floor(std::log(low) / step)), .mass = {}};
  auto const cells = static_cast<int>(std::ceil(std::log(high) / step)) - law.first;
  law.mass.resize(static_cast<std::size_t>(std::max(cells, 1)) + 1);
  double before = 1.0, x = law.point(0), at_x = survival(x);
  for (std::size_t i = 0; i + 1 < law.mass.size(); ++i) {
    double const next = law.point(static_cast<int>(i) + 1), at_next = survival(next);
    double const over_cell = (at_x + 4.0 * survival(0.5 * (x + next)) + at_next) / 6.0;  // Simpson
    law.mass[i] = std::max(before - over_cell, 0.0);
    before = std::min(before, over_cell);
    x = next;
    at_x = at_next;
  }
  law.mass.back() = before;
  return law;
}

LatticeLaw constant_on_lattice(double value, double step) {
  KURVE_EXPECT(value > 0.0);
  double const index = std::log(value) / step;
  LatticeLaw law{.step = step, .first = static_cast<int>(std::floor(index)), .mass = {}};
  if (std::abs(index - std::round(index)) < 1e-9) {
    law.first = static_cast<int>(std::lround(index));
    law.mass = {1.0};
    return law;
  }
  double const upper = (value - law.point(0)) / (law.point(1) - law.point(0));
  law.mass = {1.0 - upper, upper};
  return law;
}

LatticeLaw product(LatticeLaw const& a, LatticeLaw const& b) {
  KURVE_EXPECT(a.step == b.step);
  auto const& narrow = a.mass.size() < b.mass.size() ? a.mass : b.mass;
  auto const& wide = a.mass.size() < b.mass.size() ? b.mass : a.mass;
  LatticeLaw law{
      .step = a.step, .first = a.first + b.first, .mass = std::vector<double>(narrow.size() + wide.size() - 1)};
  for (std::size_t i = 0; i < narrow.size(); ++i) {
    if (narrow[i] == 0.0) continue;
    double* const to = law.mass.data() + i;
    for (std::size_t k = 0; k < wide.size(); ++k) to[k] += narrow[i] * wide[k];
  }
  return law;
}

LatticeLaw mixture(LatticeLaw const& x, LatticeLaw const& y, double weight) {
  KURVE_EXPECT(x.step == y.step);
  int const first = std::min(x.first, y.first);
  int const last = std::max(x.first + static_cast<int>(x.mass.size()), y.first + static_cast<int>(y.mass.size()));
  LatticeLaw law{.step = x.step, .first = first, .mass = std::vector<double>(static_cast<std::size_t>(last - first))};
  for (std::size_t i = 0; i < x.mass.size(); ++i)
    law.mass[i + static_cast<std::size_t>(x.first - first)] += (1.0 - weight) * x.mass[i];
  for (std::size_t i = 0; i < y.mass.size(); ++i)
    law.mass[i + static_cast<std::size_t>(y.first - first)] += weight * y.mass[i];
  return law;
}

LatticeLaw maximum(LatticeLaw const& law, double count) {
  KURVE_EXPECT(count > 0.0);
  LatticeLaw result{.step = law.step, .first = law.first, .mass = std::vector<double>(law.mass.size())};
  descend_maximum(law, count,
                  [&](int i, double probability) { result.mass[static_cast<std::size_t>(i)] = probability; });
  return result;
}

LatticeLaw trimmed(LatticeLaw law, double low, double high) {
  auto& mass = law.mass;
  double below = 0.0, above = 0.0;
  std::size_t first = 0, end = mass.size();
  while (first + 1 < end && below + mass[first] <= low) below += mass[first++];
  while (end - 1 > first && above + mass[end - 1] <= high) above += mass[--end];
  mass[first] += below;
  mass[end - 1] += above;
  mass.resize(end);
  mass.erase(mass.begin(), mass.begin() + static_cast<std::ptrdiff_t>(first));
  law.first += static_cast<int>(first);
  return law;
}

LatticeLaw larger(LatticeLaw const& a, LatticeLaw const& b) {
  KURVE_EXPECT(a.step == b.step);
  int const first = std::max(a.first, b.first);
  int const last = std::max(a.first + static_cast<int>(a.mass.size()), b.first + static_cast<int>(b.mass.size()));
  Cumulative const up_to_a(a), up_to_b(b);
  LatticeLaw law{.step = a.step, .first = first, .mass = std::vector<double>(static_cast<std::size_t>(last - first))};
  double before = 0.0;
  for (std::size_t i = 0; i < law.mass.size(); ++i) {
    int const j = first + static_cast<int>(i);
    double const level = up_to_a(j) * up_to_b(j);
    law.mass[i] = std::max(level - before, 0.0);
    before = level;
  }
  return law;
}

double mean(LatticeLaw const& law) {
  double sum = 0.0;
  for (std::size_t i = 0; i < law.mass.size(); ++i) sum += law.mass[i] * law.point(static_cast<int>(i));
  return sum;
}

double standard_deviation(LatticeLaw const& law) {
  double const centre = mean(law);
  double sum = 0.0;
  for (std::size_t i = 0; i < law.mass.size(); ++i) {
    double const delta = law.point(static_cast<int>(i)) - centre;
    sum += law.mass[i] * delta * delta;
  }
  return std::sqrt(sum);
}

double quantile(LatticeLaw const& law, double level) {
  KURVE_EXPECT(level > 0.0 && level < 1.0);
  double before = 0.0;
  std::size_t i = 0;
  while (i + 1 < law.mass.size() && before + law.mass[i] < level) before += law.mass[i++];
  bool const isolated = (i == 0 || law.mass[i - 1] == 0.0) && (i + 1 == law.mass.size() || law.mass[i + 1] == 0.0);
  double const within = isolated ? 0.0 : std::clamp((level - before) / law.mass[i], 0.0, 1.0) - 0.5;
  return std::exp((law.first + static_cast<double>(i) + within) * law.step);
}

double mean_of_maximum(LatticeLaw const& law, double count) {
  double sum = 0.0, x = law.point(static_cast<int>(law.mass.size()) - 1);
  double const ratio = std::exp(-law.step);  // points by recurrence: n roundings, 1e-12 at most
  descend_maximum(law, count, [&](int, double probability) {
    sum += probability * x;
    x *= ratio;
  });
  return sum;
}

}  // namespace kurve::sim
