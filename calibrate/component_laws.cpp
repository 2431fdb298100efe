// SPDX-License-Identifier: Apache-2.0
#include "calibrate/component_laws.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <limits>

#include "model/contract.hpp"

namespace kurve::calibrate {
namespace {

struct Solution {
  Eigen::VectorXd value;
  Eigen::MatrixXd covariance;
  double chi2 = std::numeric_limits<double>::infinity();
};

double variance_of(Equation const& e, double misfit) {
  double const error = e.exact ? 0.0 : misfit * e.y.value;
  double const rounding = 1e-9 * e.y.value;  // a series without any spread still has a finite weight
  return e.y.standard_error * e.y.standard_error + error * error + rounding * rounding;
}

/// Least squares on the columns of `set`, the others 0; chi2 infinite where singular or negative.
Solution solve(std::vector<Equation> const& equations, unsigned set, double misfit) {
  auto const columns = equations.front().x.size();
  std::vector<Eigen::Index> active;
  for (Eigen::Index c = 0; c < columns; ++c)
    if ((set >> c & 1u) != 0) active.push_back(c);
  auto const n = static_cast<Eigen::Index>(equations.size());
  Eigen::MatrixXd design(n, static_cast<Eigen::Index>(active.size()));
  Eigen::VectorXd target(n);
  for (Eigen::Index row = 0; row < n; ++row) {
    double const sd = std::sqrt(variance_of(equations[row], misfit));
    for (std::size_t c = 0; c < active.size(); ++c)
      design(row, static_cast<Eigen::Index>(c)) = equations[row].x(active[c]) / sd;
    target(row) = equations[row].y.value / sd;
  }
  Solution s{.value = Eigen::VectorXd::Zero(columns), .covariance = Eigen::MatrixXd::Zero(columns, columns)};
  if (active.empty()) return s;
  // Columns differ by ten orders of magnitude (latency, seconds per byte): scale before judging rank.
  Eigen::VectorXd const scale = design.colwise().norm();
  if ((scale.array() <= 0.0).any()) return s;
  Eigen::MatrixXd const scaled = design * scale.cwiseInverse().asDiagonal();
  Eigen::LDLT<Eigen::MatrixXd> const normal(scaled.transpose() * scaled);
  if (normal.info() != Eigen::Success || normal.vectorD().minCoeff() < 1e-10) return s;
  Eigen::VectorXd const solution = normal.solve(scaled.transpose() * target);
  if ((solution.array() < 0.0).any()) return s;
  Eigen::MatrixXd const inverse = normal.solve(Eigen::MatrixXd::Identity(scaled.cols(), scaled.cols()));
  for (std::size_t i = 0; i < active.size(); ++i) {
    auto const a = static_cast<Eigen::Index>(i);
    s.value(active[i]) = solution(a) / scale(a);
    for (std::size_t j = 0; j < active.size(); ++j) {
      auto const b = static_cast<Eigen::Index>(j);
      s.covariance(active[i], active[j]) = inverse(a, b) / (scale(a) * scale(b));
    }
  }
  s.chi2 = (scaled * solution - target).squaredNorm();
  return s;
}

Solution best_solution(std::vector<Equation> const& equations, double misfit) {
  Solution best;
  for (unsigned set = 1; set < 1u << equations.front().x.size(); ++set) {
    auto candidate = solve(equations, set, misfit);
    if (candidate.chi2 < best.chi2 || best.value.size() == 0) best = std::move(candidate);
  }
  return best;
}

int used_columns(Solution const& s) { return static_cast<int>((s.value.array() > 0.0).count()); }

}  // namespace

Estimate fit_nonnegative(std::vector<Equation> const& equations) {
  KURVE_EXPECT(!equations.empty() && equations.front().x.size() <= 8);
  auto best = best_solution(equations, 0.0);
  double const degrees = static_cast<double>(equations.size()) - used_columns(best);
  double misfit = 0.0;
  if (degrees > 0.0 && best.chi2 > degrees) {
    double low = 0.0, high = 2.0;  // chi2 falls as the misfit grows; 2 makes every point worthless
    for (int i = 0; i < 50; ++i) {
      misfit = (low + high) / 2.0;
      (best_solution(equations, misfit).chi2 > degrees ? low : high) = misfit;
    }
    best = best_solution(equations, misfit);
    if (best.chi2 > 1.01 * degrees) best.covariance *= best.chi2 / degrees;
  }
  return {.value = best.value, .covariance = best.covariance, .misfit = misfit};
}

namespace {

double rms_relative_error(std::map<double, Mean> const& means, Eigen::VectorXd const& law, double q) {
  double sum = 0.0;
  for (auto const& [b, mean] : means) {
    double const fitted = law(0) + std::pow(std::pow(law(2), q) + std::pow(b * law(1), q), 1.0 / q);
    sum += std::pow(fitted / mean.value - 1.0, 2.0);
  }
  return std::sqrt(sum / static_cast<double>(means.size()));
}

Estimate fit_line(std::map<double, Mean> const& means) {
  std::vector<Equation> equations;
  for (auto const& [b, mean] : means) equations.push_back({.x = Eigen::Vector3d(1.0, b, 0.0), .y = mean});
  return fit_nonnegative(equations);
}

/// Gauss and Newton on the p-norm: each round is a linear fit to its tangents.
Estimate fit_floor(std::map<double, Mean> const& means, double q) {
  Estimate law{
      .value = Eigen::Vector3d(0.0, means.rbegin()->second.value / means.rbegin()->first, means.begin()->second.value),
      .covariance = {}};
  for (int round = 0; round < 50; ++round) {
    std::vector<Equation> tangents;
    for (auto const& [b, mean] : means) {
      double const line = b * law.value(1), floor = law.value(2);
      double const norm = std::pow(std::pow(line, q) + std::pow(floor, q), 1.0 / q);
      // d norm / d line = (line / norm)^(q-1), and the same for the floor; the p-norm is homogeneous, so tangents pass
      // through 0.
      tangents.push_back(
          {.x = Eigen::Vector3d(0.0, b * std::pow(line / norm, q - 1.0), std::pow(floor / norm, q - 1.0)), .y = mean});
    }
    auto next = fit_nonnegative(tangents);
    bool const settled = (next.value - law.value).norm() <= 1e-12 * law.value.norm();
    law = std::move(next);
    if (settled || law.value(1) <= 0.0 || law.value(2) <= 0.0) break;
  }
  return law;
}

}  // namespace

ComputeLaw fit_compute(std::map<double, Mean> const& means, double q) {
  KURVE_EXPECT(!means.empty());
  if (means.size() == 1) {
    auto const& [b, mean] = *means.begin();
    return {.estimate = fit_nonnegative({{.x = Eigen::Vector3d(0.0, b, 0.0), .y = mean}}),
            .identified = false,
            .note = "one local batch only: fixed cost and cost per sample cannot be told apart"};
  }
  ComputeLaw law{.estimate = fit_line(means),
                 .note = "line through " + std::to_string(means.size()) + " local batches"};
  double const line_error = rms_relative_error(means, law.estimate.value, q);
  if (means.size() < 4 || line_error < 0.02 || law.estimate.misfit <= 0.0) return law;
  auto floor = fit_floor(means, q);
  if (rms_relative_error(means, floor.value, q) < 0.5 * line_error)
    return {.estimate = std::move(floor),
            .note = "floor and line over " + std::to_string(means.size()) + " local batches: a line alone misses them"};
  return law;
}

namespace {

using model::AllreduceAlgorithm;

/// What one all-reduce pays of each value of fit_allreduce.
Eigen::Vector4d allreduce_terms(AllreduceAlgorithm algorithm, AllreduceKey const& key, int workers_per_node) {
  int const nodes = (key.ranks + workers_per_node - 1) / workers_per_node,
            inside = std::min(key.ranks, workers_per_node);
  double const k = key.ranks, g = inside, n = nodes, bytes = static_cast<double>(key.bytes);
  double const moved = 2.0 * (k - 1.0) / k * bytes, between = 2.0 * (n - 1.0);
  switch (algorithm) {
    case AllreduceAlgorithm::hierarchical_ring:
      return {2.0 * (g - 1.0), 2.0 * (g - 1.0) / g * bytes, between, between / n * bytes / g};
    case AllreduceAlgorithm::double_binary_tree:
      if (nodes > 1) return {2.0 * std::log2(g), 0.0, 2.0 * std::log2(n), 2.0 * bytes};
      return {2.0 * std::log2(k), 2.0 * bytes, 0.0, 0.0};
    default:
      return {2.0 * (k - 1.0) - between, nodes == 1 ? moved : 0.0, between, nodes == 1 ? 0.0 : moved};
  }
}

/// Two latencies of a tree that is the same in and between nodes differ by less than this: it decides only where one
/// number of nodes leaves them apart. A choice.
constexpr Mean levels_alike{0.0, 10e-6};

}  // namespace

Estimate fit_allreduce(std::map<AllreduceKey, Mean> const& means, int workers_per_node, std::int64_t step_bytes,
                       AllreduceAlgorithm algorithm, std::optional<Mean> alpha) {
  bool const tree = algorithm == AllreduceAlgorithm::double_binary_tree;
  bool const several_nodes = means.rbegin()->first.ranks > workers_per_node;
  std::vector<Equation> equations;
  bool has_inside = false, has_between = false;
  for (auto const& [key, mean] : means) {
    if (tree && several_nodes && key.ranks <= workers_per_node) continue;
    Equation e{.x = allreduce_terms(algorithm, key, workers_per_node), .y = mean, .exact = key.bytes == step_bytes};
    has_inside |= e.x(0) > 0.0;
    has_between |= e.x(2) > 0.0;
    equations.push_back(std::move(e));
  }
  if (tree && several_nodes && has_inside)
    equations.push_back({.x = Eigen::Vector4d(1.0, 0.0, -1.0, 0.0), .y = levels_alike, .exact = true});
  if (alpha && has_inside) equations.push_back({.x = Eigen::Vector4d::Unit(0), .y = *alpha, .exact = true});
  if (alpha && has_between) equations.push_back({.x = Eigen::Vector4d::Unit(2), .y = *alpha, .exact = true});
  return fit_nonnegative(equations);
}

AllreduceFit fit_allreduce_algorithm(std::map<AllreduceKey, Mean> const& means, int workers_per_node,
                                     std::int64_t step_bytes) {
  std::vector<model::SweepPoint> points;
  for (auto const& [key, mean] : means)
    if (key.bytes > 0) points.push_back({static_cast<double>(key.ranks), static_cast<double>(key.bytes), mean.value});
  auto const law_of = [&](AllreduceFit const& fit) -> model::AllreduceLaw {
    model::StepParameters p;
    p.workers_per_node = workers_per_node;
    p.allreduce = fit.algorithm;
    set_links(p, fit.links.value);
    return [p](double ranks, double bytes) { return std::max(1e-12, model::allreduce_law_s(p, ranks, bytes)); };
  };
  AllreduceFit best{AllreduceAlgorithm::ring, fit_allreduce(means, workers_per_node, step_bytes)};
  for (auto const algorithm : {AllreduceAlgorithm::double_binary_tree, AllreduceAlgorithm::hierarchical_ring}) {
    AllreduceFit rival{algorithm, fit_allreduce(means, workers_per_node, step_bytes, algorithm)};
    auto const evidence = model::growth_evidence(points, workers_per_node, law_of(rival), law_of(best));
    bool const several_nodes = means.rbegin()->first.ranks > workers_per_node;
    if ((several_nodes ? evidence.over_nodes : evidence.in_node) > 1.0) best = std::move(rival);
  }
  return best;
}

bool shows_links_between_nodes(Eigen::VectorXd const& links) { return links(2) > 0.0 || links(3) > 0.0; }

namespace {

/// Links between nodes that no one measured. GPUs in a node move 150 to 480 GB/s and one node sends another 10 to 50
/// (100 Gbit/s to 400 Gbit/s a NIC): 4 to 20 times less; over PCIe or shared memory the two are closer. So: half way,
/// in log, between the links inside and 2 GB/s. Latency: NCCL's hops over a network take 4 times those in a node
/// (src/graph/tuning.cc: ring Simple 14 against 3.4 us, LL 2.7 against 0.6). Choices, as wide as assumed_link_log_sd.
constexpr double slowest_usual_Bps = 2e9, latency_between_over_inside = 4.0;

double bandwidth_of(double beta) { return beta > 0.0 ? 1.0 / beta : 0.0; }

}  // namespace

void set_links(model::StepParameters& p, Eigen::VectorXd const& links) {
  p.intra_latency_s = links(0);
  p.intra_bandwidth_Bps = bandwidth_of(links(1));
  if (!shows_links_between_nodes(links)) {
    p.inter_latency_s = latency_between_over_inside * p.intra_latency_s;
    p.inter_bandwidth_Bps = std::min(p.intra_bandwidth_Bps, std::sqrt(p.intra_bandwidth_Bps * slowest_usual_Bps));
    return;
  }
  p.inter_latency_s = links(2);
  p.inter_bandwidth_Bps = bandwidth_of(links(3));
  if (links(0) <= 0.0 && links(1) <= 0.0) p.intra_latency_s = p.inter_latency_s;
  if (links(1) <= 0.0) p.intra_bandwidth_Bps = p.inter_bandwidth_Bps;
}

}  // namespace kurve::calibrate
