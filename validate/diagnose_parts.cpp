// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>

#include "data/stats.hpp"
#include "model/contract.hpp"
#include "model/maxima.hpp"
#include "validate/diagnose_laws.hpp"

namespace kurve::validate::detail {
namespace {

/// A value may be the mean of this many steps when nobody says; the prior is that it is one step as often as not.
struct Averaging {
  int steps;
  double weight;
};
constexpr std::array<Averaging, 4> averagings{{{1, 0.5}, {4, 0.1}, {20, 0.2}, {100, 0.2}}};

/// A NIC is 4 to 20 times slower than NVLink a worker (FACTS A5).
constexpr std::array<double, 2> slower_between_nodes{4.0, 10.0};

/// Prior of all mixtures of one pair of causes, relative to one cause alone. Communication and serial work together
/// have the means of communication alone (a constant and the bytes of a ring differ by 1/K, as compute does), so that
/// points never speak for the pair: it stays small. Waiting shows in the spread.
constexpr double smooth_pair_weight = 0.2, waiting_pair_weight = 0.3;

using Growth = std::function<double(PointValues const&)>;

constexpr char const* latency_of_a_tree = "grows with log2 K, as the latency of a tree does";
constexpr char const* latency_of_a_ring = "grows with K - 1, as the latency of a ring does";
constexpr char const* bytes_of_a_ring = "grows with (K-1)/K, as the bytes of a ring do";
constexpr char const* leaving_the_node = "appears when the job leaves one node";

/// Bytes beside another growth of one all-reduce. A ring of many steps carries its bytes; where the latency of a tree
/// shows, messages are small and their bytes do not.
struct BytesBeside {
  char const* growth;
  double weight;
};
constexpr std::array<BytesBeside, 3> bytes_beside{
    {{latency_of_a_ring, 0.2}, {latency_of_a_tree, 0.008}, {leaving_the_node, 0.1}}};

void add_communication(std::vector<Part>& parts, std::vector<PointValues> const& points, double workers_per_node) {
  auto const add = [&](std::string const& how, double weight, Growth const& growth, Bend bend = Bend::smooth) {
    parts.push_back({.cause = Cause::communication,
                     .name = "a cost in seconds that " + how,
                     .weight = weight,
                     .growth = growth,
                     .bend = bend});
  };
  auto const tree = [](PointValues const& p) { return std::log2(p.ranks); };
  auto const ring = [](PointValues const& p) { return p.ranks - 1.0; };
  auto const bytes = [](PointValues const& p) { return 1.0 - 1.0 / p.ranks; };
  add(latency_of_a_tree, 0.2, tree);
  add(latency_of_a_ring, 0.12, ring);
  add(bytes_of_a_ring, 0.06, bytes);
  // Between nodes, where the slower links are: N = K / workers_per_node.
  auto const nodes = [workers_per_node](PointValues const& p) { return std::max(1.0, p.ranks / workers_per_node); };
  add(leaving_the_node, 0.07, [=](auto const& p) { return nodes(p) > 1.0 ? 1.0 : 0.0; });
  for (double const slower : slower_between_nodes)
    add("grows with the bytes of a ring, whose links between nodes are slower", 0.05,
        [=](auto const& p) { return bytes(p) * (nodes(p) > 1.0 ? slower : 1.0); });
  add("grows with the bytes between nodes", 0.06, [=](auto const& p) { return 1.0 - 1.0 / nodes(p); });
  add("grows with log2 of the nodes", 0.08, [=](auto const& p) { return std::log2(nodes(p)); });
  for (std::size_t i = 2; i < points.size(); ++i) {  // a rack, a pod: where the next level of switches begins
    double const from = points[i].ranks;
    if (from <= 2.0 * workers_per_node) continue;  // the node
    add("appears at K = " + std::to_string(static_cast<int>(from)) + ", as that of the next level of switches",
        0.03 / static_cast<double>(points.size()), [=](auto const& p) { return p.ranks >= from ? 1.0 : 0.0; });
  }
  add("grows with log2 K, once compute no longer hides it", 0.05, tree, Bend::hidden);
  add(
      "grows with K, once compute no longer hides it", 0.1, [](auto const& p) { return p.ranks; }, Bend::hidden);
  add("grows with (K-1)/K, once compute no longer hides it", 0.05, bytes, Bend::hidden);
}

void add_serial(std::vector<Part>& parts, bool strong) {
  auto const add = [&](std::string const& name, double weight, Growth const& growth, Bend bend = Bend::smooth) {
    parts.push_back({.cause = Cause::serial, .name = name, .weight = weight, .growth = growth, .bend = bend});
  };
  auto const constant = [](PointValues const&) { return 1.0; };
  if (strong) {
    add("a constant cost in seconds that no worker shares", 0.6, constant);
    add("compute that stops shrinking with the batch of a worker (launch-bound floor)", 0.4, constant, Bend::floor);
    return;
  }
  auto const batch = [](PointValues const& p) { return p.batch; };
  // As the latency of a ring, under weak scaling: neither is the likelier.
  add("a cost in seconds that grows with the whole batch", 0.12, batch);
  add("a cost in seconds that grows with the whole batch, once compute no longer hides it (shared storage)", 0.1, batch,
      Bend::hidden);
}

void add_straggler(std::vector<Part>& parts, std::vector<PointValues> const& points, bool single_steps) {
  for (auto const& [steps, weight] : averagings) {
    if (single_steps && steps > 1) break;
    double const prior = single_steps ? 1.0 : weight;
    parts.push_back({.cause = Cause::straggler,
                     .name = "some steps in which a worker computes slowly",
                     .weight = 0.6 * prior,
                     .growth = [](auto const& p) { return p.work; },
                     .hits_of_steps = steps});
    parts.push_back({.cause = Cause::straggler,
                     .name = "some steps in which a worker pauses",
                     .weight = 0.25 * prior,
                     .growth = [](auto const&) { return 1.0; },
                     .hits_of_steps = steps});
  }
  for (std::size_t i = 2; i < points.size(); ++i) {
    double const joins = points[i].ranks;
    parts.push_back({.cause = Cause::straggler,
                     .name = "a slow worker that joins the job at K = " + std::to_string(static_cast<int>(joins)),
                     .weight = 0.15 / static_cast<double>(points.size()),
                     .growth = [joins](auto const& p) { return p.ranks >= joins ? p.work : 0.0; }});
  }
}

/// The slowest of K unequal shares. Either each worker's work varies by itself (then K = 1 varies too), or a fixed
/// batch is shared out unequally (then one worker has it all).
void add_imbalance(std::vector<Part>& parts, bool single_steps) {
  static constexpr double cv = 0.1;  // sets the shape only; the amplitude is fitted
  for (auto const shape : {model::Shape::gumbel, model::Shape::normal}) {
    auto const factor = model::factor_law(shape, cv);
    auto const growth = [factor](PointValues const& p) {
      return p.work * (model::maximum_moments(factor, p.ranks).mean - 1.0);
    };
    auto const add = [&](double weight, double steps, bool shared) {
      parts.push_back({.cause = Cause::imbalance,
                       .name = "the slowest of K unequal shares of the work",
                       .weight = 0.5 * 0.45 * weight,
                       .growth = growth,
                       .spread = [factor, steps, shared](PointValues const& p) {
                         return shared && p.ranks == 1.0
                                    ? 0.0
                                    : p.work * model::maximum_moments(factor, p.ranks).sd / std::sqrt(steps);
                       }});
    };
    for (auto const& [steps, weight] : averagings) {
      if (single_steps && steps > 1) break;
      add(single_steps ? 1.0 : weight, steps, false);
      add(single_steps ? 1.0 : weight, steps, true);
    }
  }
  parts.push_back({.cause = Cause::imbalance,
                   .name = "a fixed unequal share of the work from the second worker on",
                   .weight = 0.1,
                   .growth = [](auto const& p) { return p.ranks > 1.0 ? p.work : 0.0; }});
}

/// Every worker slower the more there are: clocks and heat under a shared budget, memory shared in a node.
void add_unnamed(std::vector<Part>& parts) {
  parts.push_back({.cause = Cause::undetermined,
                   .name = "every worker computing more slowly the more there are",
                   .weight = 0.3,
                   .growth = [](auto const& p) { return p.work * std::log2(p.ranks); }});
}

/// Parts of one cause that may stand in a pair. Of stragglers only hits, not averaged away: those lend a second cause
/// any shape, as do costs that start late. Of hits in single steps, of hits in means of some, and of imbalance the best
/// one, because the spread tells them apart.
std::vector<Part const*> pairable(std::vector<LawFit> const& singles, Cause cause) {
  static constexpr int most_steps = 20;
  std::vector<Part const*> chosen;
  std::array<LawFit const*, 2> best{};
  for (auto const& fit : singles) {
    auto const& part = *fit.law.first;
    if (part.cause != cause || part.bend != Bend::smooth || part.hits_of_steps > most_steps) continue;
    if (cause != Cause::straggler && cause != Cause::imbalance) {
      chosen.push_back(&part);
    } else if ((part.hits_of_steps > 0) == (cause == Cause::straggler)) {
      auto& of_kind = best[part.hits_of_steps > 1 ? 1 : 0];
      if (of_kind == nullptr || fit.log_evidence > of_kind->log_evidence) of_kind = &fit;
    }
  }
  for (auto const* fit : best)
    if (fit != nullptr) chosen.push_back(fit->law.first);
  return chosen;
}

}  // namespace

bool spread_grows(std::vector<PointValues> const& points) {
  std::array<double, 2> variance{}, n{};
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (points[i].log_s.size() < 2) continue;
    std::size_t const half = 2 * i < points.size() ? 0 : 1;
    variance[half] += std::pow(data::summarize(points[i].log_s).sd, 2);
    n[half] += 1.0;
  }
  return n[0] > 0.0 && n[1] > 0.0 && variance[1] / n[1] > 2.0 * variance[0] / n[0];
}

std::vector<Part> candidate_parts(std::vector<PointValues> const& points, bool single_steps, double workers_per_node) {
  KURVE_EXPECT(points.size() >= 2);
  bool const strong = points.back().batch < points.back().ranks / points.front().ranks * 0.98;
  std::vector<Part> parts;
  add_communication(parts, points, workers_per_node);
  add_serial(parts, strong);
  add_straggler(parts, points, single_steps);
  add_imbalance(parts, single_steps);
  add_unnamed(parts);
  std::erase_if(parts, [&](Part const& part) { return part.growth(points.back()) <= 0.0; });
  return parts;
}

std::vector<Law> single_laws(std::vector<Part> const& parts) {
  std::vector<Law> laws;
  for (auto const& part : parts) laws.push_back({.first = &part, .weight = part.weight});
  return laws;
}

std::vector<Law> paired_laws(std::vector<Part> const& parts, std::vector<LawFit> const& singles,
                             std::vector<PointValues> const& points) {
  static constexpr std::array<Cause, 4> causes{Cause::straggler, Cause::communication, Cause::imbalance,
                                               Cause::serial};  // only the first has hits
  std::vector<Law> laws;
  auto const named = [&](std::string const& end) -> Part const* {
    auto const found =
        std::find_if(parts.begin(), parts.end(), [&](auto const& part) { return part.name.ends_with(end); });
    return found == parts.end() ? nullptr : &*found;
  };
  for (auto const& beside : bytes_beside)
    if (auto const* growth = named(beside.growth))
      laws.push_back({.first = growth, .second = named(bytes_of_a_ring), .weight = beside.weight});
  for (std::size_t a = 0; a < causes.size(); ++a)
    for (std::size_t b = a + 1; b < causes.size(); ++b) {
      if (causes[a] == Cause::straggler && !spread_grows(points)) continue;
      auto const firsts = pairable(singles, causes[a]), seconds = pairable(singles, causes[b]);
      bool const waiting = includes(causes[a] | causes[b], Cause::straggler | Cause::imbalance);
      double const pair_weight = waiting ? waiting_pair_weight : smooth_pair_weight;
      double total = 0.0;
      for (auto const* first : firsts)
        for (auto const* second : seconds) total += first->weight * second->weight;
      for (auto const* first : firsts)
        for (auto const* second : seconds)
          laws.push_back(
              {.first = first, .second = second, .weight = pair_weight * first->weight * second->weight / total});
    }
  return laws;
}

}  // namespace kurve::validate::detail
