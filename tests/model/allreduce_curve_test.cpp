// SPDX-License-Identifier: Apache-2.0
#include "model/allreduce_curve.hpp"

#include <cmath>

#include "model/step.hpp"
#include "tests/support/checks.hpp"

using namespace kurve::model;

namespace {

/// A ring inside one node of 64.
StepParameters ring_parameters() {
  return {.workers_per_node = 64.0,
          .intra_latency_s = 5e-6,
          .intra_bandwidth_Bps = 100e9,
          .inter_latency_s = 9e-6,
          .inter_bandwidth_Bps = 20e9};
}

std::vector<SweepPoint> swept(StepParameters const& truth, std::vector<double> const& ranks) {
  std::vector<SweepPoint> points;
  for (double const k : ranks)
    for (double n = 1024; n <= 1 << 30; n *= 4) points.push_back({k, n, allreduce_law_s(truth, k, n)});
  return points;
}

}  // namespace

TEST_SUITE_BEGIN("unit");

TEST_CASE("all-reduce curve: a sweep of the ring law gives the ring law at every size and rank count") {
  auto p = ring_parameters();
  p.measured_allreduce = make_allreduce_curve(p, swept(p, {4, 8, 16}));
  for (double const k : {2.0, 4.0, 6.0, 8.0, 11.0, 16.0, 32.0, 64.0, 512.0})
    for (double const n : {8.0, 3000.0, 1e5, 1e6, 7e7, 1e10})
      CHECK_CLOSE(one_allreduce_s(p, k, n), allreduce_law_s(ring_parameters(), k, n), 1e-12);
  for (auto const& r : p.measured_allreduce->residuals()) CHECK(std::abs(r.log_error) < 1e-12);
  CHECK_CLOSE(p.measured_allreduce->size_log_sd(), 0.05 * std::sqrt(4.0 / (4.0 + 3 * 9)), 1e-9);  // 27 that miss by 0
}

TEST_CASE("all-reduce curve: one alpha and beta a piece whatever the law is") {
  // At one rank count T is affine in n: a chain of lines is exact, though the law has another latency and bandwidth.
  auto truth = ring_parameters(), law = ring_parameters();
  law.intra_latency_s *= 7.0;
  law.intra_bandwidth_Bps /= 3.0;
  law.measured_allreduce = make_allreduce_curve(law, swept(truth, {8}));
  for (double const n : {2048.0, 1e5, 1e6, 7e7, 1e9})
    CHECK_CLOSE(one_allreduce_s(law, 8, n), allreduce_law_s(truth, 8, n), 1e-12);
}

TEST_CASE("all-reduce curve: uncertainty grows with the distance from what was measured") {
  auto p = ring_parameters();
  p.workers_per_node = 4;
  p.allreduce = AllreduceAlgorithm::nccl;
  p.measured_allreduce = make_allreduce_curve(p, swept(p, {8, 16}));
  auto const sd = [&](double k, double n) { return p.measured_allreduce->at(k, n).high_log_sd; };
  CHECK(sd(16, 4096) < sd(16, 5000));
  CHECK(sd(16, 5000) < sd(32, 5000));
  CHECK(sd(32, 5000) < sd(64, 5000));
  CHECK(p.measured_allreduce->at(64, 5000).low_log_sd <
        p.measured_allreduce->at(68, 5000).low_log_sd);  // 17 nodes are no power of two
  CHECK(sd(16, 1 << 30) < sd(16, 16.0 * (1 << 30)));
  CHECK(sd(16, 1024) < sd(16, 8));
}

TEST_CASE("all-reduce curve: what was measured is known and slower beyond it is likelier than faster") {
  auto p = ring_parameters();
  p.workers_per_node = 4;
  auto const curve = make_allreduce_curve(p, swept(p, {8, 16, 32}));
  CHECK(curve->at(32, 4096).low_log_sd == 0.0);  // alpha and beta are drawn
  CHECK(curve->at(32, 4096).high_log_sd == 0.0);
  for (double const k : {64.0, 256.0, 1024.0}) {
    auto const beyond = curve->at(k, 1 << 30);
    // Half as slow again from the next rank count on, as a rack's uplinks may be, is inside a 90 % interval.
    CHECK(beyond.log_at(1.645) - beyond.log_factor > std::log(1.5));
    CHECK(beyond.log_factor - beyond.log_at(-1.645) < 0.5 * std::log(1.5));
  }
}

TEST_CASE("all-reduce curve: a law that growth does not rule out is inside the interval") {
  auto tree = ring_parameters();
  tree.workers_per_node = 4;
  auto ring = tree;
  tree.allreduce = AllreduceAlgorithm::double_binary_tree;
  constexpr double n = 1024;
  auto const beyond = [&](StepParameters const& truth, std::vector<double> const& ranks) {
    auto p = ring;
    p.measured_allreduce = make_allreduce_curve(ring, swept(truth, ranks));
    p.allreduce_error = -1.645;
    return one_allreduce_s(p, 1024, n);
  };
  // One rank count on several nodes: the tree through it, from what it took there.
  double const by_tree = allreduce_law_s(ring, 16, n) * allreduce_law_s(tree, 1024, n) / allreduce_law_s(tree, 16, n);
  CHECK(beyond(ring, {16}) < by_tree);
  CHECK(beyond(ring, {2, 4, 16}) < by_tree);         // growth inside a node tells nothing of it
  CHECK(beyond(ring, {8, 16, 32}) > 3.0 * by_tree);  // growth over nodes does
  CHECK(make_allreduce_curve(ring, swept(ring, {8, 16, 32}))->rival_probability(64) < 0.01);
  CHECK(make_allreduce_curve(ring, swept(tree, {8, 16, 32}))->rival_probability(64) > 0.99);
}

TEST_CASE("all-reduce curve: no all-reduce takes less time for more bytes") {
  // A noisy sweep by one law (every third size 10 % low), under another whose protocols bend elsewhere.
  auto truth = ring_parameters(), law = ring_parameters();
  truth.workers_per_node = law.workers_per_node = 8;
  law.allreduce = AllreduceAlgorithm::nccl;
  for (auto const& ranks : {std::vector<double>{16}, {8, 16, 32}, {2, 4, 8, 16}}) {
    auto points = swept(truth, ranks);
    for (std::size_t i = 0; i < points.size(); i += 3) points[i].time_s *= 0.9;
    law.measured_allreduce = make_allreduce_curve(law, points);
    for (double const error : {-1.6, 0.0, 1.6}) {
      law.allreduce_error = error;
      for (double const k : {2.0, 8.0, 16.0, 20.0, 64.0, 1024.0}) {
        double before_s = 0.0;
        for (double n = 600; n <= 1 << 30; n *= std::sqrt(2.0)) {
          double const time_s = one_allreduce_s(law, k, n);
          CHECK(time_s >= before_s);
          before_s = time_s;
        }
      }
    }
  }
}

TEST_CASE("all-reduce curve: the last trend goes on by halves") {
  // Every doubling of ranks takes a factor 1.1 over the law; of the 0.0953 of the last, 1 - 1/2^d goes on.
  auto p = ring_parameters();
  auto points = swept(p, {4, 8, 16});
  for (auto& at : points) at.time_s *= std::pow(1.1, std::log2(at.ranks / 4));
  p.measured_allreduce = make_allreduce_curve(p, points);
  double const at16 = 2 * std::log(1.1);
  CHECK_CLOSE(p.measured_allreduce->at(32, 1 << 20).log_factor, at16 + 0.5 * std::log(1.1), 1e-9);
  CHECK_CLOSE(p.measured_allreduce->at(64, 1 << 20).log_factor, at16 + 0.75 * std::log(1.1), 1e-9);
}

TEST_CASE("all-reduce curve: the step waits for what was measured and buckets are collectives") {
  StepParameters p = ring_parameters();
  p.compute_per_sample_s = 1e-3;
  p.gradient_bytes = 4e8;
  auto slow = swept(p, {8});
  for (auto& at : slow) at.time_s *= 3.0;
  double const before = step_time(p, 8, 8).exposed_comm_s;
  p.measured_allreduce = make_allreduce_curve(p, slow);
  CHECK_CLOSE(step_time(p, 8, 8).exposed_comm_s, 3.0 * before, 1e-12);
  p.overlap_buckets = 16;
  CHECK_CLOSE(step_time(p, 8, 8).allreduce_s, 16 * one_allreduce_s(p, 8, 2.5e7), 1e-12);
  p.allreduce_error = 1.0;
  double const sd = p.measured_allreduce->at(8, 2.5e7).high_log_sd;
  StepParameters const centre = [&] {
    auto c = p;
    c.allreduce_error = 0.0;
    return c;
  }();
  CHECK_CLOSE(step_time(p, 8, 8).allreduce_s, std::exp(sd) * step_time(centre, 8, 8).allreduce_s, 1e-12);
  p.intra_bandwidth_Bps *= 2.0;  // what if: the law moves, and the curve with it
  CHECK(step_time(p, 8, 8).allreduce_s < std::exp(sd) * step_time(centre, 8, 8).allreduce_s);
}

TEST_SUITE_END();
