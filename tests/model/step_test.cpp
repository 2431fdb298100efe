// SPDX-License-Identifier: Apache-2.0
#include "model/step.hpp"

#include "model/error.hpp"
#include "model/model.hpp"
#include "tests/support/checks.hpp"

using namespace kurve;
using namespace kurve::model;

TEST_SUITE("unit") {
  TEST_CASE("step: compute hides growing communication up to a bend") {
    StepParameters p{.workers_per_node = 8, .extra_per_log2_s = 0.1, .extra_hidden_per_sample_s = 0.05};
    CHECK(extra_time_s(p, 4, 8.0) == 0.0);                      // 0.2 s against 0.4 s that hide it
    CHECK_CLOSE(extra_time_s(p, 16, 2.0), 0.4 - 0.1, 1e-14);    // strong: a quarter of the batch hides a quarter
    CHECK_CLOSE(extra_time_s(p, 1024, 8.0), 1.0 - 0.4, 1e-14);  // weak
    p.extra_in_node_s = 0.8;                                    // what is not growing communication stays exposed
    CHECK_CLOSE(extra_time_s(p, 4, 8.0), 0.75 * 0.8, 1e-14);
  }

  TEST_CASE("step: samples of batches that outgrow a fast memory cost more") {
    StepParameters p{.compute_per_sample_s = 1.0, .compute_spill_per_sample_s = 0.5, .compute_spill_batch = 100};
    CHECK_CLOSE(compute_time_s(p, 100), 100 * 1.25, 1e-13);  // half of it at that batch
    CHECK_CLOSE(compute_time_s(p, 10), 10.0, 1e-7);          // (1/10)^8 of it
    CHECK_CLOSE(compute_time_s(p, 1000), 1500.0, 1e-7);
    p.compute_spill_batch = 0.0;
    CHECK(compute_time_s(p, 1000) == 1000.0);
  }

  TEST_CASE("compute law: a line without a floor the floor at batch zero the line at large batches") {
    StepParameters p{.compute_fixed_s = 2e-3, .compute_per_sample_s = 1e-3};
    CHECK_CLOSE(compute_time_s(p, 16), 18e-3, 1e-15);
    p.compute_floor_s = 10e-3;
    CHECK_CLOSE(compute_time_s(p, 0), 12e-3, 1e-15);
    CHECK_CLOSE(compute_time_s(p, 1e6), 2e-3 + 1e3, 1e-9);  // (1 + (1e-5)^2.5)^(1/2.5) - 1 is under 1e-12
    // at the knee b = floor / per_sample both are equal: 2^(1/q)
    CHECK_CLOSE(compute_time_s(p, 10), 2e-3 + 10e-3 * std::pow(2.0, 1 / 2.5), 1e-12);
  }

  TEST_CASE("overlap: none exposes all full overlap exposes the last bucket") {
    auto const pipeline = [](double all_s, double buckets, double backward) {
      return BucketPipeline::of(buckets_of_count(1e9, 0.0, buckets), all_s / buckets, 0.0, 0.0, backward);
    };
    CHECK(pipeline(0.5, 1, 0.0).exposed_s(10.0) == 0.5);
    CHECK(pipeline(0.5, 1, 1.0).exposed_s(10.0) == 0.5);               // one bucket is ready when backward ends
    CHECK_CLOSE(pipeline(0.5, 10, 1.0).exposed_s(10.0), 0.05, 1e-15);  // backward is long: one bucket of ten
    // communication is long: starts after the first bucket
    CHECK_CLOSE(pipeline(20.0, 10, 1.0).exposed_s(10.0), 20.0 - 9.0, 1e-15);
    // a fit draws numbers of buckets between whole ones: max(T_c/n, T_c - T_b + T_b/n)
    CHECK_CLOSE(pipeline(20.0, 2.5, 0.5).exposed_s(10.0), 20.0 - 5.0 + 2.0, 1e-15);
  }

  TEST_CASE("the chapter's timing model is one point of the step model") {
    // 0.04 + 0.96/K + 0.010 log2 K
    StepParameters const p{.serial_s = 0.04, .compute_per_sample_s = 0.96, .extra_per_log2_s = 0.010};
    CHECK_CLOSE(step_time(p, 1, 1).total_s(), 1.0, 1e-15);
    CHECK_CLOSE(step_time(p, 64, 1).total_s(), 0.04 + 0.96 / 64 + 0.06, 1e-15);
  }

  TEST_CASE("terms of a fit: none at one worker and each by hand at K = 16 on nodes of 8") {
    StepParameters p{.workers_per_node = 8,
                     .extra_in_node_s = 0.8,
                     .extra_in_node_per_sample_s = 0.08,
                     .extra_cross_node_s = 0.2,
                     .extra_cross_node_per_sample_s = 0.02,
                     .extra_per_log2_nodes_s = 0.1};
    CHECK(extra_time_s(p, 1, 4) == 0.0);
    CHECK_CLOSE(extra_time_s(p, 16, 4), 0.875 * (0.8 + 0.32) + 0.5 * (0.2 + 0.08) + 0.1, 1e-14);
    StepParameters const skew{.skew_normal_per_sample_s = 1.0};
    CHECK_CLOSE(extra_time_s(skew, 64, 1), 2.3437 - 0.007, 0.0005);  // Blom at 64 against the exact 2.3437
  }

  TEST_CASE("discrepancy: nothing inside the measured range and a power of the distance beyond") {
    StepParameters const p{.discrepancy_log_growth = -0.1,
                           .discrepancy_power = 0.5,
                           .discrepancy_from_ranks = 8,
                           .discrepancy_from_batch = 32,
                           .discrepancy_batch_weight = 0.5};
    CHECK(discrepancy_log(p, 8, 32) == 0.0);
    CHECK_CLOSE(discrepancy_log(p, 64, 32), -0.1 * std::sqrt(3.0), 1e-14);
    CHECK_CLOSE(discrepancy_log(p, 64, 16), -0.1 * std::sqrt(3.5), 1e-14);
    // 1 s of serial work and compute, 0.25 s exposed: a fifth of the step doubles over one doubling of K
    StepParameters const exposed{.serial_s = 0.4,
                                 .compute_per_sample_s = 0.6,
                                 .extra_multi_s = 0.25,
                                 .discrepancy_exposed_log_growth = std::log(2.0),
                                 .discrepancy_from_ranks = 8};
    CHECK(discrepancy_log(exposed, 8, 1) == 0.0);
    CHECK_CLOSE(discrepancy_log(exposed, 16, 1), std::log(1.2), 1e-14);
  }

  TEST_CASE("doubling every time doubles the step") {
    StepParameters p{.serial_s = 1e-3,
                     .compute_per_sample_s = 1e-4,
                     .compute_floor_s = 2e-3,
                     .gradient_bytes = 1e8,
                     .workers_per_node = 8,
                     .intra_latency_s = 1e-5,
                     .intra_bandwidth_Bps = 1e11,
                     .inter_latency_s = 1e-5,
                     .inter_bandwidth_Bps = 1e10,
                     .overlap_fraction = 0.6,
                     .overlap_buckets = 8,
                     .extra_per_rank_s = 1e-6};
    double const once = step_time(p, 64, 4096).total_s();
    for (double* t : {&p.serial_s, &p.compute_per_sample_s, &p.compute_floor_s, &p.intra_latency_s, &p.inter_latency_s,
                      &p.extra_per_rank_s})
      *t *= 2;
    p.intra_bandwidth_Bps /= 2;
    p.inter_bandwidth_Bps /= 2;
    CHECK_CLOSE(step_time(p, 64, 4096).total_s(), 2 * once, 1e-12);
  }

  TEST_CASE("every parameter and choice can be set by its name and read back") {
    StepParameters p;
    for (auto const& info : parameter_table()) {
      set_parameter(p, info.name, "1");
      CHECK(p.*(info.member) == 1.0);
    }
    for (auto const& info : choice_table())
      for (auto const value : info.values) {
        set_parameter(p, info.name, value);
        CHECK(info.get(p) == value);
      }
  }

  TEST_CASE("bad parameters: range name with the near miss choice with its values") {
    StepParameters p;
    CHECK(test::message_of<InputError>([&] {
            set_parameter(p, "variability.stragglers.probability", "2");
            return 0;
          }) == "variability.stragglers.probability=2 (must be from 0 to 1)");
    CHECK(test::message_of<InputError>([&] {
            set_parameter(p, "inter.bandwidth_Bps", "1");
            return 0;
          }).find("network.inter.bandwidth_Bps") != std::string::npos);
    CHECK(test::message_of<InputError>([&] {
            set_parameter(p, "network.allreduce", "star");
            return 0;
          }) == "network.allreduce='star' (must be one of ring tree hierarchical nccl nccl_nvls nccl_ring)");
    CHECK_THROWS_AS(set_parameter(p, "serial", "fast"), InputError);
    CHECK_THROWS_AS(set_parameter(p, "serial", "nan"), InputError);
    CHECK_THROWS_AS(static_cast<void>(step_time(p, 0, 1)), InputError);
    p.barriers_per_step = 2.5;
    CHECK(test::message_of<InputError>([&] {
            check(p);
            return 0;
          }) == "network.barriers_per_step=2.5 (must be a whole number)");
    p.serial_s = -1;
    CHECK_THROWS_AS(check(p), InputError);
  }

  TEST_CASE("a Model's batch follows its regime") {
    Model m{.workload = "w",
            .regime = Regime::strong,
            .global_batch = 256,
            .baseline_ranks = 2,
            .parameters = {},
            .knowledge = {},
            .draws = {}};
    CHECK(m.batch_at(8) == 256);
    m.regime = Regime::weak;
    CHECK(m.batch_at(8) == 1024);
    CHECK(source_from_text("published") == Source::published);
    CHECK_THROWS_AS(static_cast<void>(regime_from_text("super")), InputError);
  }
}
