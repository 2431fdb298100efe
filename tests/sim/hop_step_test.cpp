// SPDX-License-Identifier: Apache-2.0
#include "sim/hop_step.hpp"

#include <algorithm>

#include "model/error.hpp"
#include "sim/expected.hpp"
#include "sim/step.hpp"
#include "tests/support/checks.hpp"
#include "tests/support/instruction_sets.hpp"

using namespace kurve;
using namespace kurve::sim;
using model::AllreduceAlgorithm;
using model::StepParameters;

namespace {

StepParameters network() {
  StepParameters p{.serial_s = 0.01, .compute_per_sample_s = 1e-3, .gradient_bytes = 1e8, .workers_per_node = 8};
  p.intra_latency_s = 1e-6;
  p.intra_bandwidth_Bps = 1e11;
  p.inter_latency_s = 5e-6;
  p.inter_bandwidth_Bps = 1e10;
  p.extra_multi_s = 1e-3;
  return p;
}

constexpr AllreduceAlgorithm algorithms[] = {AllreduceAlgorithm::ring, AllreduceAlgorithm::double_binary_tree,
                                             AllreduceAlgorithm::hierarchical_ring};

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("hop by hop without randomness a step is the formula with any algorithm and overlap") {
    for (auto const algorithm : algorithms)
      for (double const buckets : {1.0, 4.0})
        for (double const batch : {128.0, 65536.0})  // communication outlasts backward, and the other way
          for (double const k : {1.0, 2.0, 8.0, 20.0, 64.0}) {
            auto p = network();
            p.allreduce = algorithm;
            p.overlap_fraction = 0.6;
            p.overlap_buckets = buckets;
            HopStepSampler const sampler(p, k, batch, 1);
            auto const step = sampler.draw(0);
            INFO("algorithm ", static_cast<int>(algorithm), " buckets ", buckets, " K ", k);
            // sums of up to 4 * 126 hops, each rounding by half an ulp of the whole
            CHECK_CLOSE(step.time_s, model::step_time(p, k, batch).total_s(), 504 * 1.2e-16);
            CHECK_CLOSE(step.jitter_tax, 1.0, 1e-9);
          }
  }

  TEST_CASE("one late rank delays a collective of any algorithm by exactly its lateness") {
    // max-plus with equal hops: a ring of 2(K-1) hops hears of every rank; a tree delays by it, from a deepest leaf
    for (auto const algorithm : algorithms)
      for (std::uint32_t const late : {0u, 9u, 15u}) {
        auto p = network();
        p.allreduce = algorithm;
        HopCollective const collective(p, 16, 1.0, 0.25, 1);
        std::vector<double> finish_s(16, 0.0);
        finish_s[late] = 4.0;
        JitteredRing::Workspace workspace;
        collective.run(0, 0, finish_s, workspace);
        double const last = *std::max_element(finish_s.begin(), finish_s.end());
        // a late root, or a leaf less deep, saves the way up to it: two trees, 4 levels of 1/8 s each way
        if (algorithm == AllreduceAlgorithm::double_binary_tree)
          CHECK((last >= 4.5 && last <= 5.0));
        else
          CHECK_CLOSE(last, 5.0, 1e-14);
      }
  }

  TEST_CASE("steps hop by hop are the same on every instruction set") {
    for (auto const algorithm : algorithms) {
      auto p = network();
      p.allreduce = algorithm;
      p.noise_cv = 0.1;
      p.hop_jitter_cv = 0.3;
      p.overlap_fraction = 0.5;
      p.overlap_buckets = 3;
      HopStepSampler const sampler(p, 37, 1024, 3);
      auto const first = sampler.draw(5);
      test::on_each_instruction_set([&](char const* name) {
        INFO(name);
        CHECK(sampler.draw(5).time_s == first.time_s);
      });
      CHECK(sampler.draw(6).time_s != first.time_s);
    }
    CHECK_THROWS_AS(HopStepSampler(network(), 1e7, 1024, 3), InputError);
  }
}

TEST_SUITE("stat") {
  TEST_CASE("without overlap and jitter a step hop by hop has the law of a step by workers") {
    auto p = network();
    p.noise_cv = 0.1;
    p.straggler_probability = 0.02;
    p.straggler_slowdown = 1.5;
    HopStepSampler const sampler(p, 24, 1024, 3);
    StepSampler const by_workers(p, 24, 1024, 3);
    std::vector<double> steps_s(200);
    by_workers.by_workers_s(0, steps_s);
    for (std::uint32_t t = 0; t < 200; ++t) CHECK_CLOSE(sampler.draw(t).time_s, steps_s[t], 1e-13);  // the very workers
  }

  TEST_CASE("the jitter tax is the factor of last-passage percolation") {
    auto p = network();
    p.hop_jitter_cv = 0.1;
    HopStepSampler const sampler(p, 64, 1024, 3);
    std::vector<double> tax;
    for (std::uint32_t t = 0; t < 400; ++t) tax.push_back(sampler.draw(t).jitter_tax);
    // PEERS 2.5 has 1.0895 for normal hops; lognormal ones of the same cv differ by a few per cent of the excess
    CHECK(std::abs(test::moments(tax).mean - 1.0895) < 0.05 * 0.0895);
  }
}
