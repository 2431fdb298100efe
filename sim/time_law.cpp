// SPDX-License-Identifier: Apache-2.0
#include "sim/time_law.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "model/contract.hpp"

namespace kurve::sim {
namespace {

constexpr double cell = 1.0 / 64.0;   // width of a cell over the larger of spread and distance from the median
constexpr double least_tail = 1e-12;  // what lies beyond is put at its mean
/// Over the range, where so much of the mass is one value that there is no spread: cells grow from next to nothing
/// beside it. Its logarithm alone counts.
constexpr double least_spread = 1e-10;

double mean(TimeLaw const& law) {
  return std::inner_product(law.time_s.begin(), law.time_s.end(), law.mass.begin(), 0.0);
}

/// The point at which the probability reaches `level`.
double point_at(TimeLaw const& law, double level) {
  double sum = 0.0;
  for (std::size_t i = 0; i < law.mass.size(); ++i)
    if ((sum += law.mass[i]) >= level) return law.time_s[i];
  return law.time_s.back();
}

bool is_isolated(TimeLaw const& law, std::size_t i) {
  return (i == 0 || law.mass[i - 1] == 0.0) && (i + 1 == law.mass.size() || law.mass[i + 1] == 0.0);
}

/// Of the narrower side, so that a far tail on the other does not coarsen it.
double spread_of(TimeLaw const& law) {
  double const median_s = point_at(law, 0.5);
  return std::min(median_s - point_at(law, 0.16), point_at(law, 0.84) - median_s);
}

/// Gathers masses in cells.
class Cells {
 public:
  Cells(double centre_s, double spread_s, double low_s, double high_s)
      : centre_s_(centre_s),
        spread_s_(spread_s > 0.0 ? spread_s : least_spread * (high_s - low_s)),
        first_(number_of(low_s)),
        mass_(static_cast<std::size_t>(number_of(high_s) - first_) + 1),
        moment_(mass_.size()) {
    for (std::size_t i = 0; i < mass_.size(); ++i)
      above_s_.push_back(spread_s_ * std::sinh((static_cast<double>(first_ + static_cast<long>(i)) + 0.5) * cell));
    above_s_.back() = HUGE_VAL;
  }

  /// `mass` times every point of a law, later by `by_s`. Calls with ever later times find their cells fastest.
  void add(TimeLaw const& law, double mass, double by_s) {
    double const offset_s = by_s - centre_s_;
    while (first_hit_ > 0 && law.time_s.front() + offset_s < above_s_[first_hit_ - 1]) --first_hit_;
    while (law.time_s.front() + offset_s >= above_s_[first_hit_]) ++first_hit_;
    std::size_t at = first_hit_;
    for (std::size_t k = 0; k < law.mass.size(); ++k) {
      double const distance_s = law.time_s[k] + offset_s, p = mass * law.mass[k];
      while (distance_s >= above_s_[at]) ++at;
      mass_[at] += p;
      moment_[at] += p * distance_s;
    }
  }

  /// Empty cells are kept within: they tell where values stand by themselves.
  [[nodiscard]] TimeLaw law() const {
    TimeLaw result{.time_s = {}, .mass = mass_};
    for (std::size_t i = 0; i < mass_.size(); ++i) {
      double const middle_s = spread_s_ * std::sinh(static_cast<double>(first_ + static_cast<long>(i)) * cell);
      result.time_s.push_back(centre_s_ + (mass_[i] > 0.0 ? moment_[i] / mass_[i] : middle_s));
    }
    return result;
  }

 private:
  [[nodiscard]] long number_of(double t_s) const {
    return std::lround(std::asinh((t_s - centre_s_) / spread_s_) / cell);
  }

  double centre_s_, spread_s_;
  long first_;  ///< number of cell 0; cell number 0 is around the centre
  std::size_t first_hit_ = 0;
  std::vector<double> above_s_, mass_, moment_;  ///< edges and moments are from the centre
};

/// The law with as much of each end as adds up to least_tail put at its mean.
TimeLaw trimmed(TimeLaw law) {
  auto const gather = [&law](std::size_t from, std::size_t step, std::size_t count) {
    double mass = 0.0, moment = 0.0;
    std::size_t i = from, n = 0;
    for (; n + 1 < count && mass + law.mass[i] <= least_tail; i += step, ++n) {
      mass += law.mass[i];
      moment += law.mass[i] * law.time_s[i];
    }
    if (mass > 0.0) {
      law.time_s[i] = (moment + law.mass[i] * law.time_s[i]) / (mass + law.mass[i]);
      law.mass[i] += mass;
    }
    return n;
  };
  std::size_t const size = law.mass.size(), below = gather(0, 1, size),
                    above = gather(size - 1, static_cast<std::size_t>(-1), size - below);
  auto const cut = [&](std::vector<double>& v) {
    v.resize(size - above);
    v.erase(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(below));
  };
  cut(law.time_s);
  cut(law.mass);
  return law;
}

TimeLaw sum(TimeLaw const& a, TimeLaw const& b) {
  Cells cells(point_at(a, 0.5) + point_at(b, 0.5), std::hypot(spread_of(a), spread_of(b)),
              a.time_s.front() + b.time_s.front(), a.time_s.back() + b.time_s.back());
  for (std::size_t i = 0; i < a.mass.size(); ++i)
    if (a.mass[i] > 0.0) cells.add(b, a.mass[i], a.time_s[i]);
  return trimmed(cells.law());
}

/// The law in fewer points.
TimeLaw in_cells(TimeLaw const& law) {
  Cells cells(point_at(law, 0.5), spread_of(law), law.time_s.front(), law.time_s.back());
  cells.add(law, 1.0, 0.0);
  return trimmed(cells.law());
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
  double const at_s = law.time_s[i];
  if (is_isolated(law, i)) return at_s;
  double const within = std::clamp((level - before) / m[i], 0.0, 1.0) - 0.5;
  double const next_s =
      within < 0.0 ? (i > 0 ? law.time_s[i - 1] : at_s) : (i + 1 < m.size() ? law.time_s[i + 1] : at_s);
  return at_s + std::abs(within) * (next_s - at_s);
}

TimeLaw later(TimeLaw law, double by_s) {
  for (double& t : law.time_s) t += by_s;
  return law;
}

TimeLaw sum_of(TimeLaw law, int count) {
  KURVE_EXPECT(count >= 1);
  if (count == 1) return law;
  if (!(law.time_s.back() - law.time_s.front() > 1e-12 * law.time_s.back())) return {{count * mean(law)}, {1.0}};
  TimeLaw power = in_cells(law), total{{0.0}, {1.0}};
  for (int left = count; left > 0; left >>= 1) {
    if ((left & 1) != 0) total = total.mass.size() == 1 ? power : sum(power, total);
    if (left > 1) power = sum(power, power);
  }
  return total;
}

TimeDistribution::TimeDistribution(TimeLaw const& law) {
  auto const& m = law.mass;
  auto const knot = [this](double time_s, double level) {
    time_s_.push_back(time_s);
    level_.push_back(std::min(level, 1.0));
  };
  double before = 0.0;
  for (std::size_t i = 0; i < m.size(); before += m[i++]) {
    if (m[i] == 0.0) continue;
    double const at_s = law.time_s[i];
    bool const isolated = is_isolated(law, i);
    knot(isolated || i == 0 ? at_s : 0.5 * (law.time_s[i - 1] + at_s), before);
    knot(at_s, before + 0.5 * m[i]);
    knot(isolated || i + 1 == m.size() ? at_s : 0.5 * (at_s + law.time_s[i + 1]), before + m[i]);
  }
  level_.back() = 1.0;
}

double TimeDistribution::Descent::operator()(double t) {
  auto const& time_s = of_.time_s_;
  while (above_ > 0 && time_s[above_ - 1] > t) --above_;
  if (above_ == 0) return 0.0;
  if (above_ == time_s.size()) return 1.0;
  double const run_s = time_s[above_] - time_s[above_ - 1];  // > 0: the one is beyond t
  return of_.level_[above_ - 1] + (of_.level_[above_] - of_.level_[above_ - 1]) * (t - time_s[above_ - 1]) / run_s;
}

}  // namespace kurve::sim
