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

inline std::array<char const*, 25> constexpr labelled_kinds{"communication",
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
                                                            "changed problem",
                                                            "communication, outlier",
                                                            "communication, noisy",
                                                            "communication, cache",
                                                            "communication, node step",
                                                            "communication, rack step",
                                                            "communication, overlap",
                                                            "communication, first steps",
                                                            "serial, outlier",
                                                            "serial, noisy",
                                                            "serial, one value",
                                                            "communication+serial",
                                                            "communication+straggler",
                                                            "imbalance+serial"};

/// The sizes of one labelled study and the costs that its kind puts together.
struct Draft {
  Dice* dice;
  Shape shape;
  double effect = dice->between(0.15, 0.6);
  double largest = shape.largest();
  double cost_s = effect / (1.0 - effect) * shape.work(largest);  ///< takes `effect` of the step at the largest K
  double rank_cost = effect / (1.0 - effect);                     ///< the same relative to the compute of a worker
  int variant = dice->pick(4);
  int steps = dice->pick(2) == 0 ? 1 : 20;                                  ///< that a value averages
  double hit = dice->log_between(0.4, 3.0) / largest;                       ///< p of one worker and step
  double joins = shape.ranks[2 + static_cast<std::size_t>(dice->pick(3))];  ///< K from which something is there
  double cache = dice->between(0.02, 0.1);                                  ///< gained where the work of a worker fits

  [[nodiscard]] double communication(double k) const { return cost_s * communication_s(variant, k, largest); }
  /// Of the steps that a value averages, those that a slow worker hits, relative to their mean at the largest K.
  [[nodiscard]] double hits(double k) const {
    double n = 0.0;
    for (int s = 0; s < steps; ++s) n += dice->uniform() < 1.0 - std::pow(1.0 - hit, k) ? 1.0 : 0.0;
    return n / steps / (1.0 - std::pow(1.0 - hit, largest));
  }
  [[nodiscard]] double unequal(double k) const {
    return shape.work(k) * rank_cost * largest_share(variant % 3, k) / largest_share(variant % 3, largest) *
           (1.0 + 0.2 / std::sqrt(20.0) * dice->normal());
  }
  [[nodiscard]] double cached(double k) const { return -shape.work(k) * cache * (1.0 - std::exp(-k / 8.0)); }
  /// Rows of work and `extra_s(k)`.
  template <typename Extra>
  [[nodiscard]] data::Study study(Extra const& extra_s) const {
    return rows_of(shape, *dice, [&](double k) { return shape.work(k) + extra_s(k); });
  }
};

inline data::Study with_outlier(data::Study study, Dice& dice) {
  auto& row = study.samples[static_cast<std::size_t>(dice.pick(static_cast<int>(study.samples.size())))];
  row.time_s *= dice.between(1.5, 7.0);
  return study;
}

/// Each run as 20 steps whose first `slow` take 1.5 to 3 times the others.
inline data::Study with_first_steps(data::Study const& study, Dice& dice) {
  data::Study steps = study;
  steps.set("warmup", "unknown");
  steps.samples.clear();
  double const slower = dice.between(1.5, 3.0);
  int const slow = 1 + dice.pick(2);
  for (auto const& run : study.samples)
    for (int step = 0; step < 20; ++step) {
      auto row = run;
      row.step = step;
      row.time_s *= (step < slow ? slower : 1.0) * (1.0 + 0.01 * dice.normal());
      steps.samples.push_back(row);
    }
  return steps;
}

/// A job whose cost is communication, in one of the ways of `kind`.
inline data::Study communicating_study(std::string const& kind, Draft const& draft) {
  auto& dice = *draft.dice;
  auto const ring = draft.study([&](double k) { return draft.communication(k); });
  if (kind.ends_with("outlier")) return with_outlier(ring, dice);
  if (kind.ends_with("first steps")) return with_first_steps(ring, dice);
  if (kind.ends_with("cache")) return draft.study([&](double k) { return draft.communication(k) + draft.cached(k); });
  if (kind.ends_with("node step") || kind.ends_with("rack step")) {  // a share of it is there before
    double const beyond = kind.ends_with("node step") ? 8.0 : 32.0, before = dice.between(0.0, 0.3);
    return draft.study([&](double k) { return draft.cost_s * (k > beyond ? 1.0 : k > 1.0 ? before : 0.0); });
  }
  if (kind.ends_with("overlap")) {  // what hides it shrinks with the work of a worker under strong scaling
    double const hides = dice.between(0.2, 0.6);
    auto const growth = [&](double k) {
      return draft.variant < 2 ? std::log2(k) / std::log2(draft.largest) : k / draft.largest;
    };
    double const needs_s = draft.cost_s + hides * draft.shape.work(draft.largest);
    return draft.study([&](double k) { return std::max(0.0, needs_s * growth(k) - hides * draft.shape.work(k)); });
  }
  return ring;
}

/// A job that loses nothing, or for a reason without a name.
inline data::Study uncaused_study(std::string const& kind, Draft& draft) {
  auto& dice = *draft.dice;
  if (kind == "superlinear") {
    double const gain = 0.3 * draft.effect;
    return draft.study([&](double k) { return -draft.shape.work(k) * gain * (1.0 - std::exp(-k / 8.0)); });
  }
  if (kind == "rounding") {
    draft.shape.batch = 1000.0;
    return rows_of(draft.shape, dice,
                   [&](double k) { return draft.shape.work(k) * std::ceil(1000.0 / k) * k / 1000.0; });
  }
  if (kind == "heat")
    return draft.study([&](double k) { return 0.25 * draft.effect * std::log2(k) / std::log2(draft.largest); });
  if (kind == "storage")  // of data that all read, prefetched under a part of compute; as an overlapped ring
    return draft.study([&](double k) { return std::max(0.0, (draft.cost_s + 0.5) * k / draft.largest - 0.5); });
  if (kind == "changed problem") {  // half of the work at the largest K, not said
    auto const halved = [&](double k) { return k == draft.largest ? 0.5 : 1.0; };
    return rows_of(draft.shape, dice,
                   [&](double k) { return draft.shape.work(k) * halved(k) + 0.5 * draft.communication(k); });
  }
  return draft.study([](double) { return 0.0; });
}

inline data::Study serial_study(std::string const& kind, Draft const& draft) {
  auto& dice = *draft.dice;
  if (kind == "floor") {
    double const q = dice.between(1.8, 5.0), work = draft.shape.work(draft.largest);
    double const floor = std::pow(std::pow(work + draft.cost_s, q) - std::pow(work, q), 1.0 / q);
    return rows_of(draft.shape, dice,
                   [&](double k) { return std::pow(std::pow(draft.shape.work(k), q) + std::pow(floor, q), 1.0 / q); });
  }
  auto const constant = draft.study([&](double) { return draft.cost_s; });
  return kind == "serial, outlier" ? with_outlier(constant, dice) : constant;
}

inline Shape shape_of(std::string const& kind, Dice& dice) {
  bool const strong_only = kind.find("serial") != std::string::npos || kind == "floor" || kind == "superlinear" ||
                           kind == "rounding" || kind == "communication, cache";
  bool const weak = kind == "storage" || kind == "heat" || (!strong_only && dice.uniform() < 0.4);
  auto shape = draw_shape(weak, dice);
  if (kind.ends_with("one value")) shape.repeats = 1;
  if (kind.ends_with("noisy")) {
    shape.noise = dice.between(0.03, 0.05);
    shape.repeats = 3;
  }
  // K0 > 1 hides what it already pays; a rack and a node are left on the way to 64.
  if (kind.find('+') != std::string::npos || kind.ends_with("step")) shape.ranks = doubling_to(64);
  return shape;
}

/// One study of `kind`; every draw another size, noise, set of K and number of repeats.
inline LabelledStudy labelled_study(std::string const& kind, Dice& dice) {
  using validate::Cause;
  Draft draft{.dice = &dice, .shape = shape_of(kind, dice)};
  auto const half = [&](auto const& first, auto const& second) {
    return draft.study([&](double k) { return 0.5 * first(k) + 0.5 * second(k); });
  };
  auto const serial = [&](double) { return draft.cost_s; };
  // Beside the latency of a ring a constant is the ring's bytes: T is the same. A tree has few bytes.
  auto const tree = [&](double k) { return draft.cost_s * communication_s(1, k, draft.largest); };
  auto const ring = [&](double k) { return draft.communication(k); };
  auto const unequal = [&](double k) { return draft.unequal(k); };
  auto const pauses = [&](double k) { return draft.cost_s * draft.hits(k); };
  if (kind == "communication+serial") return {kind, Cause::communication | Cause::serial, half(tree, serial)};
  if (kind == "communication+straggler") return {kind, Cause::communication | Cause::straggler, half(ring, pauses)};
  if (kind == "imbalance+serial") return {kind, Cause::imbalance | Cause::serial, half(unequal, serial)};
  if (kind.starts_with("communication")) return {kind, Cause::communication, communicating_study(kind, draft)};
  if (kind.starts_with("serial") || kind == "floor") return {kind, Cause::serial, serial_study(kind, draft)};
  if (kind == "straggler")
    return {kind, Cause::straggler,
            draft.study([&](double k) { return draft.shape.work(k) * draft.rank_cost * draft.hits(k); })};
  if (kind == "persistent") {
    double const slow = std::min(draft.rank_cost, 0.8);
    return {kind, Cause::straggler,
            draft.study([&](double k) { return k >= draft.joins ? draft.shape.work(k) * slow : 0.0; })};
  }
  if (kind == "imbalance") return {kind, Cause::imbalance, draft.study(unequal)};
  bool const nameless = kind == "heat" || kind == "storage" || kind == "changed problem";
  return {kind, nameless ? Cause::undetermined : Cause::none, uncaused_study(kind, draft)};
}

}  // namespace kurve::test
