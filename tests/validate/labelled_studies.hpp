// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "tests/validate/synthetic_jobs.hpp"

namespace kurve::test {

/// A study whose cause is known by construction.
struct LabelledStudy {
  std::string kind;
  validate::Cause truth = validate::Cause::none;  ///< undetermined: has no name, so any name is wrong
  data::Study study;
};

/// What a labelled study is drawn from; times relative to T(1) = 1, amplitudes by what they cost at the largest K.
struct Shape {
  bool weak = false;
  std::vector<int> ranks;
  double noise = 0.01;
  int repeats = 5;
  double batch = 4096.0;  ///< strong: of the job; weak: of a worker
  [[nodiscard]] double work(double k) const { return weak ? 1.0 : ranks.front() / k; }
  [[nodiscard]] double largest() const { return ranks.back(); }
};

inline Shape draw_shape(bool weak, Dice& dice) {
  Shape shape{.weak = weak, .ranks = doubling_to(64)};
  switch (dice.pick(6)) {
    case 0:
      shape.ranks = {1, 3, 6, 12, 24, 48};
      break;
    case 1:
      shape.ranks = {8, 16, 32, 64, 128};
      break;
    case 2:
      shape.ranks = doubling_to(256);
      break;
    default:
      break;
  }
  shape.noise = dice.log_between(0.003, 0.02);
  shape.repeats = 3 + dice.pick(3);
  shape.batch = weak ? 32.0 : 4096.0;
  return shape;
}

/// Rows of a job whose step takes step_s(k, dice) seconds, times noise.
template <typename StepTime>
data::Study rows_of(Shape const& shape, Dice& dice, StepTime const& step_s) {
  data::Study study;
  study.set("warmup", "excluded");
  study.set("workers_per_node", "8");
  double const scale_s = dice.log_between(0.05, 8.0);
  for (int const k : shape.ranks)
    for (int run = 0; run < shape.repeats; ++run) {
      auto row = row_at(k, scale_s * step_s(static_cast<double>(k)) * (1.0 + shape.noise * dice.normal()));
      row.global_batch = shape.weak ? shape.batch * k : shape.batch;
      row.run = run;
      study.samples.push_back(row);
    }
  return study;
}

/// Seconds at the largest K with which a cost takes `effect` of the step there.
inline double cost_of(Shape const& shape, double effect) {
  return effect / (1.0 - effect) * shape.work(shape.largest());
}

/// Mean of the largest of K unequal shares, in units of their spread: exponential, Gumbel or normal tails (FACTS D1).
inline double largest_share(int variant, double k) {
  if (variant == 0) return std::log(k) + 0.5772 * (1.0 - 1.0 / k);  // H_K - 1 to 4 % of it
  if (variant == 1) return std::log(k);
  return k == 1.0 ? 0.0 : std::sqrt(2.0 * std::log(k)) * (1.0 - 0.53 / (1.0 + std::log(k)));  // m_K to 4 %
}

/// A smooth cost by kind: the growth of each is 1 at the largest K.
inline double communication_s(int variant, double k, double largest) {
  double const nodes = std::max(1.0, k / 8.0);
  switch (variant) {
    case 0:  // a ring: bytes and latency
      return (0.4 * (1.0 - 1.0 / k) + 0.6 * (k - 1.0) / largest) / (1.0 - 0.4 / largest - 0.6 / largest);
    case 1:  // a tree
      return std::log2(k) / std::log2(largest);
    case 2:  // latency of a ring
      return (k - 1.0) / (largest - 1.0);
    default:  // a ring in a node, slower links between
      return ((nodes > 1.0 ? 4.0 : 1.0) * (1.0 - 1.0 / k)) / (4.0 * (1.0 - 1.0 / largest));
  }
}

inline std::array<char const*, 17> constexpr labelled_kinds{"communication",
                                                            "serial",
                                                            "floor",
                                                            "straggler",
                                                            "persistent",
                                                            "imbalance",
                                                            "none",
                                                            "superlinear",
                                                            "rounding",
                                                            "heat",
                                                            "storage",
                                                            "communication, outlier",
                                                            "serial, outlier",
                                                            "communication+serial",
                                                            "communication+straggler",
                                                            "serial+imbalance",
                                                            "one value a point"};

/// One study of `kind`; every draw another size, noise, set of K and number of repeats.
inline LabelledStudy labelled_study(std::string const& kind, Dice& dice) {
  using validate::Cause;
  bool const strong_only = kind == "serial" || kind == "floor" || kind.find("serial") != std::string::npos ||
                           kind == "superlinear" || kind == "rounding" || kind == "one value a point";
  bool const weak = kind == "storage" || kind == "heat" || (!strong_only && dice.uniform() < 0.4);
  auto shape = draw_shape(weak, dice);
  if (kind == "one value a point") shape.repeats = 1;
  if (kind.find('+') != std::string::npos) shape.ranks = doubling_to(64);  // K0 > 1 hides what it already pays
  double const effect = dice.between(0.15, 0.6), largest = shape.largest(), cost_s = cost_of(shape, effect);
  int const variant = dice.pick(4);
  auto const ring = [=](double k) { return communication_s(variant, k, largest); };
  double const p = dice.log_between(0.4, 3.0) / largest, rank_cost = effect / (1.0 - effect);
  int const steps = dice.pick(2) == 0 ? 1 : 20;
  auto const hit_share = [&](double k) {  // of the steps that a value averages
    double hits = 0.0;
    for (int s = 0; s < steps; ++s) hits += dice.uniform() < 1.0 - std::pow(1.0 - p, k) ? 1.0 : 0.0;
    return hits / steps / (1.0 - std::pow(1.0 - p, largest));
  };
  auto const extra = [&](auto const& s) {
    return rows_of(shape, dice, [&](double k) { return shape.work(k) + s(k); });
  };
  auto with_outlier = [&](data::Study study) {
    auto& row = study.samples[static_cast<std::size_t>(dice.pick(static_cast<int>(study.samples.size())))];
    row.time_s *= dice.between(1.5, 7.0);
    return study;
  };
  auto const serial = [&](double) { return cost_s; };
  auto const communication = [&](double k) { return cost_s * ring(k); };
  auto const unequal = [&](double k) {
    return shape.work(k) * rank_cost * largest_share(variant % 3, k) / largest_share(variant % 3, largest) *
           (1.0 + 0.2 / std::sqrt(20.0) * dice.normal());
  };
  if (kind == "communication") return {kind, Cause::communication, extra(communication)};
  if (kind == "serial" || kind == "one value a point") return {kind, Cause::serial, extra(serial)};
  if (kind == "floor") {
    double const q = dice.between(1.8, 5.0), work = shape.work(largest);
    double const floor = std::pow(std::pow(work + cost_s, q) - std::pow(work, q), 1.0 / q);
    return {kind, Cause::serial, rows_of(shape, dice, [&](double k) {
              return std::pow(std::pow(shape.work(k), q) + std::pow(floor, q), 1.0 / q);
            })};
  }
  if (kind == "straggler")
    return {kind, Cause::straggler, extra([&](double k) { return shape.work(k) * rank_cost * hit_share(k); })};
  if (kind == "persistent") {
    double const joins = shape.ranks[2 + static_cast<std::size_t>(dice.pick(3))];
    double const slow = std::min(rank_cost, 0.8);
    return {kind, Cause::straggler, extra([&](double k) { return k >= joins ? shape.work(k) * slow : 0.0; })};
  }
  if (kind == "imbalance") return {kind, Cause::imbalance, extra(unequal)};
  if (kind == "none") return {kind, Cause::none, extra([](double) { return 0.0; })};
  if (kind == "superlinear")
    return {kind, Cause::none,
            extra([&](double k) { return -shape.work(k) * 0.3 * effect * (1.0 - std::exp(-k / 8.0)); })};
  if (kind == "rounding") {
    shape.batch = 1000.0;
    return {kind, Cause::none,
            rows_of(shape, dice, [&](double k) { return shape.work(k) * std::ceil(1000.0 / k) * k / 1000.0; })};
  }
  if (kind == "heat")
    return {kind, Cause::undetermined,
            extra([&](double k) { return 0.25 * effect * std::log2(k) / std::log2(largest); })};
  if (kind == "storage")  // prefetched under a part of compute
    return {kind, Cause::serial, extra([&](double k) { return std::max(0.0, (cost_s + 0.5) * k / largest - 0.5); })};
  if (kind == "communication, outlier") return {kind, Cause::communication, with_outlier(extra(communication))};
  if (kind == "serial, outlier") return {kind, Cause::serial, with_outlier(extra(serial))};
  if (kind == "communication+serial")  // beside the latency of a ring a constant is the ring's bytes: T is the same
    return {kind, Cause::communication | Cause::serial,
            extra([&](double k) { return 0.5 * serial(k) + 0.5 * cost_s * communication_s(1, k, largest); })};
  if (kind == "communication+straggler")
    return {kind, Cause::communication | Cause::straggler,
            extra([&](double k) { return 0.5 * communication(k) + 0.5 * cost_s * hit_share(k); })};
  return {kind, Cause::imbalance | Cause::serial, extra([&](double k) { return 0.5 * serial(k) + 0.5 * unequal(k); })};
}

}  // namespace kurve::test
