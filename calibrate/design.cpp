// SPDX-License-Identifier: Apache-2.0
#include "calibrate/design.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "calibrate/random.hpp"
#include "model/error.hpp"

namespace kurve::calibrate {
namespace {

using data::Operation;

void require_range(std::string const& what, std::int64_t value, std::int64_t low, std::int64_t high,
                   std::string const& why) {
  if (value >= low && value <= high) return;
  throw InputError(what + "=" + std::to_string(value) + " (must be " + std::to_string(low) + " to " +
                   std::to_string(high) + ": " + why + ")");
}

std::set<int> ranks_of(BackendInfo const& info, DesignOptions const& options) {
  std::set<int> ranks(options.ranks.begin(), options.ranks.end());
  for (int const k : ranks) require_range("ranks", k, 1, info.max_ranks, "what '" + info.name + "' has");
  if (ranks.empty()) {
    // Powers of two inside a node, then whole nodes: a partial node is a third kind of network, of no use to a job that
    // takes whole ones. Two numbers of nodes beyond one tell their growth law (docs/model.md).
    int const node = std::min(info.workers_per_node, info.max_ranks);
    for (int k = 1; k <= node; k *= 2) ranks.insert(k);
    for (int k = node; k <= info.max_ranks; k *= 2) ranks.insert(k);
    ranks.insert(info.max_ranks);
  }
  return ranks;
}

constexpr std::int64_t largest_message = std::int64_t{1} << 32;  // 1 Gi floats: MPI counts are int

std::set<std::int64_t> sizes_of(BackendInfo const& info, DesignOptions const& options) {
  std::set<std::int64_t> sizes;
  for (auto const bytes : options.message_bytes) {
    require_range("message bytes", bytes, 4, largest_message, "whole floats");
    sizes.insert((bytes + 3) / 4 * 4);
  }
  if (sizes.empty()) sizes.insert(info.message_bytes.begin(), info.message_bytes.end());
  if (sizes.empty()) {
    // Far below the gradient for the latency, and a few sizes around it for the bandwidth, in steps of 16 and 4.
    for (std::int64_t bytes = 64; bytes < info.gradient_bytes / 16; bytes *= 16) sizes.insert(bytes);
    for (std::int64_t const divisor : {4, 1})
      sizes.insert(std::max<std::int64_t>(info.gradient_bytes / divisor / 4 * 4, 4));
  }
  if (info.gradient_bytes >= 4) sizes.insert(info.gradient_bytes);
  return sizes;
}

/// Indices into the backend's algorithms.
std::set<int> algorithms_of(BackendInfo const& info, DesignOptions const& options) {
  std::set<int> chosen;
  auto const& known = info.algorithms;
  for (auto const& name : options.algorithms) {
    auto const at = std::find(known.begin(), known.end(), name);
    std::string names;
    for (auto const& n : known) names += (names.empty() ? "" : ", ") + n;
    if (at == known.end()) throw InputError("algorithm '" + name + "' (" + info.name + " has " + names + ")");
    chosen.insert(static_cast<int>(at - known.begin()));
  }
  if (options.algorithms.empty())
    for (int i = 0; i < static_cast<int>(known.size()); ++i) chosen.insert(i);
  if (!known.empty() && !chosen.contains(0))
    throw InputError("algorithms without '" + known[0] + "' (whole steps and the Model use it). Add it?");
  return chosen;
}

}  // namespace

std::string describe(Point const& point, BackendInfo const& info) {
  std::string const on = ", " + std::to_string(point.ranks) + (point.ranks == 1 ? " rank" : " ranks");
  std::string const how = info.launches.size() > 1 ? ", " + info.launches.at(point.launch) : "";
  switch (point.op) {
    case Operation::serial:
      return "serial" + how + on;
    case Operation::compute:
      return "compute, local batch " + std::to_string(point.local_batch) + how + on;
    case Operation::allreduce:
      return "all-reduce " + info.algorithms.at(point.algorithm) + ", " + std::to_string(point.bytes) + " bytes" + on;
    case Operation::step:
      return "whole step, local batch " + std::to_string(point.local_batch) + on;
  }
  return {};
}

Design make_design(BackendInfo const& info, DesignOptions const& options) {
  require_range("global batch", options.global_batch, 1, 1 << 30, "samples a step");
  if (options.regime == model::Regime::mixed)
    throw InputError("regime=mixed (whole steps are measured strong or weak: a mixed series has no rule)");
  auto const ranks = ranks_of(info, options);
  auto const batch_at = [&](int k) {
    if (options.regime == model::Regime::weak) return std::max(1, options.global_batch / *ranks.begin());
    return std::max(1, static_cast<int>(std::lround(static_cast<double>(options.global_batch) / k)));
  };

  std::set<Point> components;
  std::set<int> batches(options.local_batches.begin(), options.local_batches.end());
  int const largest = info.largest_local_batch > 0 ? info.largest_local_batch : 1 << 30;
  if (batches.empty())
    for (int const b : {4, 8, 16, 32, 64})
      if (b <= largest) batches.insert(b);
  for (int const k : ranks) batches.insert(batch_at(k));
  for (int const b : batches)
    require_range("local batch", b, 1, largest, largest == 1 << 30 ? "samples a worker" : info.largest_batch_is);
  auto const launches = static_cast<int>(info.launches.size());
  for (int launch = 0; launch < launches; ++launch) {
    for (int const b : batches)
      components.insert({.op = Operation::compute, .ranks = 1, .local_batch = b, .launch = launch});
    components.insert({.op = Operation::serial, .ranks = 1, .launch = launch});
  }
  auto const algorithms = algorithms_of(info, options);
  Design design;
  for (int const k : ranks) {
    design.steps.push_back({.op = Operation::step, .ranks = k, .local_batch = batch_at(k)});
    components.insert({.op = Operation::compute, .ranks = k, .local_batch = batch_at(k)});
    components.insert({.op = Operation::serial, .ranks = k});
    if (k == 1) continue;
    for (auto const bytes : sizes_of(info, options))
      for (int const algorithm : algorithms)
        components.insert({.op = Operation::allreduce, .ranks = k, .bytes = bytes, .algorithm = algorithm});
  }
  design.components.assign(components.begin(), components.end());
  return design;
}

std::vector<std::size_t> shuffled_order(std::size_t count, std::uint64_t seed, int round) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t i = count; i > 1; --i)  // Fisher and Yates; the modulo's bias at these counts is below 1e-15
    std::swap(order[i - 1], order[random_bits(seed, static_cast<std::uint64_t>(round), i) % i]);
  return order;
}

}  // namespace kurve::calibrate
