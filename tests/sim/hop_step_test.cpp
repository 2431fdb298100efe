// SPDX-License-Identifier: Apache-2.0
#include "sim/hop_step.hpp"

#include <algorithm>

#include "model/collective.hpp"
#include "model/error.hpp"
#include "sim/expected.hpp"
#include "sim/step.hpp"
#include "tests/support/checks.hpp"
#include "tests/support/instruction_sets.hpp"

using namespace kurve;
using namespace kurve::sim;
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

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("hop by hop without randomness a step is the formula with any algorithm and overlap") {
    for (auto const& [algorithm, name, description, source, own_choice, rival, law_s, schedule] : model::collectives())
      for (double const buckets : {1.0, 4.0})
        for (double const batch : {128.0, 65536.0})  // communication outlasts backward, and the other way
          for (double const k : {1.0, 2.0, 8.0, 20.0, 64.0}) {
            auto p = network();
            p.allreduce = algorithm;
            p.overlap_fraction = 0.6;
            p.overlap_buckets = buckets;
            HopStepSampler const sampler(p, k, batch, 1);
            auto const step = sampler.draw(0);
            INFO("algorithm ", name, " buckets ", buckets, " K ", k);
            // sums of up to 4 * 126 hops, each rounding by half an ulp of the whole
            CHECK_CLOSE(step.time_s, model::step_time(p, k, batch).total_s(), 504 * 1.2e-16);
            CHECK_CLOSE(step.jitter_tax, 1.0, 1e-9);
          }
  }

  TEST_CASE("one late rank delays a collective of any algorithm by exactly its lateness") {
    // max-plus with equal hops: a ring of 2(K-1) hops hears of every rank; a tree delays by it, from a deepest leaf
    struct Case {
      model::HopSchedule schedule;
      double least_s;
    };
    // A late root, or a leaf less deep, saves the way up to it: two trees, half of the time each way.
    for (auto const& [schedule, least_s] : {Case{model::ring_schedule(16), 5.0},
                                            {model::hierarchy_schedule(4, 4, 0.25), 5.0},
                                            {model::tree_schedule(16, 1, false), 4.5},
                                            {model::tree_schedule(4, 4, false), 4.5},
                                            {model::tree_schedule(1, 16, false), 4.5},
                                            {model::tree_schedule(4, 4, true), 4.5},
                                            {model::tree_schedule(1, 16, true), 5.0}})
      for (std::uint32_t const late : {0u, 9u, 15u}) {
        HopCollective const collective(schedule, network(), 16, 1.0, 1);
        std::vector<double> finish_s(16, 0.0);
        finish_s[late] = 4.0;
        JitteredRing::Workspace workspace;
        collective.run(0, 0, finish_s, workspace);
        double const last = *std::max_element(finish_s.begin(), finish_s.end());
        CHECK((last >= least_s - 1e-13 && last <= 5.0 + 1e-13));
      }
  }

  TEST_CASE("steps hop by hop are the same on every instruction set") {
    for (auto const& collective : model::collectives()) {
      auto p = network();
      p.allreduce = collective.algorithm;
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

  TEST_CASE("hop jitter costs the closed form what it costs hop by hop with every algorithm") {
    struct Network {
      double ranks, bytes, fixed_s;
    };
    for (auto const& collective : model::collectives())
      for (auto const& [ranks, bytes, fixed_s] : {Network{2, 1e8, 0.0},
                                                  {3, 1e4, 0.0},
                                                  {8, 1e3, 1e-6},
                                                  {8, 3e8, 0.0},
                                                  {12, 1e6, 0.0},
                                                  {16, 1e5, 0.0},
                                                  {16, 1e9, 1e-3},
                                                  {64, 1e3, 0.0},
                                                  {64, 1e9, 0.0},
                                                  {104, 3e7, 2e-5}})
        for (double const cv : {0.1, 0.5, 1.0}) {
          auto p = network();
          p.serial_s = p.compute_per_sample_s = p.extra_multi_s = 0.0;
          p.allreduce = collective.algorithm;
          p.gradient_bytes = bytes;
          auto const schedule = model::schedule_of(p, ranks, bytes);
          double const calm_s = model::step_time(p, ranks, 1).total_s();
          // some of it of fixed size, and not more than the cv in all
          p.hop_jitter_s = std::min(fixed_s, 0.5 * cv * calm_s / schedule.hops());
          p.hop_jitter_cv = std::sqrt(std::max(0.0, cv * cv - 0.25 * cv * cv * (fixed_s > 0.0 ? 1.0 : 0.0)));
          if (schedule.kind == model::HopSchedule::Kind::hierarchy) p.hop_jitter_s = 0.0;  // hops of two lengths
          HopStepSampler const sampler(p, ranks, 1, 5);
          std::vector<double> steps_s;
          for (std::uint32_t t = 0; t < (ranks > 20 ? 800 : 6000); ++t) steps_s.push_back(sampler.draw(t).time_s);
          auto const m = test::moments(steps_s);
          double const expected_s = expected_step(p, ranks, 1, {}).mean_s;
          INFO(collective.name, " K ", ranks, " bytes ", bytes, " cv ", cv, " without ", calm_s, " hop by hop ", m.mean,
               " +- ", m.standard_error, " formula ", expected_s);
          CHECK(std::abs(m.mean - expected_s) <= 4.0 * m.standard_error + 0.01 * m.mean);
          CHECK(expected_s > calm_s);
        }
  }

  TEST_CASE("hop jitter beside noise overlap and barriers costs what the closed form says with every algorithm") {
    for (auto const& collective : model::collectives())
      for (double const ranks : {6.0, 32.0})
        for (double const barriers : {1.0, 3.0})
          for (double const overlap : {0.0, 0.6})
            for (double const cv : {0.4, 1.0}) {
              auto p = network();
              p.serial_s = 0.0;
              p.compute_per_sample_s = 0.03;
              p.noise_cv = 0.1;
              p.noise_shape = cv < 1.0 ? model::Shape::pareto : model::Shape::weibull;
              p.gradient_bytes = 3e8;
              p.allreduce = collective.algorithm;
              p.barriers_per_step = barriers;
              p.overlap_fraction = overlap;
              p.overlap_buckets = 4;
              p.hop_jitter_cv = cv;
              HopStepSampler const sampler(p, ranks, ranks, 8);
              std::vector<double> steps_s;
              for (std::uint32_t t = 0; t < 1500; ++t) steps_s.push_back(sampler.draw(t).time_s);
              auto const m = test::moments(steps_s);
              double const expected_s = expected_step(p, ranks, ranks, {}).mean_s;
              INFO(collective.name, " K ", ranks, " barriers ", barriers, " overlap ", overlap, " cv ", cv,
                   " hop by hop ", m.mean, " +- ", m.standard_error, " formula ", expected_s);
              CHECK(std::abs(m.mean - expected_s) <= 4.0 * m.standard_error + 0.01 * m.mean);
            }
  }

  TEST_CASE("trees by hand where hops are nearly normal") {
    // K = 2: two hops there and back, the later of two trees: E max of two normals of mean 2 and sd sqrt(2) cv
    StepParameters p;
    p.hop_jitter_cv = 0.003;
    CHECK_CLOSE(model::jittered_s(model::tree_schedule(2, 1, false), p, 2.0), 2.0 + std::sqrt(2.0 / M_PI) * 0.003,
                1e-6);
    // eight ranks at a switch: the latest of 8 there and back, mean 1.42360 and sd 0.61065 of a normal's (Teichroew,
    // Ann. Math. Stat. 27, 1956), the later of two such sums; lognormal hops of this cv differ by 7e-6
    CHECK_CLOSE(model::jittered_s(model::tree_schedule(1, 8, true), p, 2.0),
                2.0 * (1.0 + 1.42360 * 0.003) + std::sqrt(2.0 / M_PI) * 0.61065 * 0.003, 2e-5);
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
