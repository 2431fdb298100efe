// SPDX-License-Identifier: Apache-2.0
#include "model/bucket_pipeline.hpp"

#include <vector>

#include "data/philox.hpp"
#include "model/step.hpp"
#include "tests/support/checks.hpp"

using namespace kurve;
using namespace kurve::model;

namespace {

constexpr double MiB = 1048576.0;

/// Second implementation: one server, bucket by bucket, end_j = max(end_{j-1}, ready_j) + time_j.
double finish_one_by_one(Buckets const& b, double first_s, double middle_s, double last_s, double backward,
                         double compute_s) {
  std::vector<std::pair<double, double>> buckets{{b.first_bytes, first_s}};
  for (int i = 2; i < b.count; ++i) buckets.push_back({b.middle_bytes, middle_s});
  if (b.count > 1) buckets.push_back({b.last_bytes, last_s});
  double all = 0.0, filled = 0.0, end_s = 0.0;
  for (auto const& [bytes, time_s] : buckets) all += bytes;
  for (auto const& [bytes, time_s] : buckets) {
    filled += bytes;
    end_s = std::max(end_s, compute_s * (1.0 - backward * (1.0 - filled / all))) + time_s;
  }
  return end_s;
}

/// K = 2 on a link of 1 MiB/ms and 0.5 ms a message: a bucket of s MiB takes 1 + s ms.
StepParameters ddp() {
  return {.compute_per_sample_s = 0.051,
          .gradient_bytes = 102 * MiB,
          .inter_latency_s = 0.5e-3,
          .inter_bandwidth_Bps = MiB / 1e-3,
          .overlap_fraction = 1.0,
          .bucket_bytes = 25 * MiB,
          .first_bucket_bytes = 1 * MiB};
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("buckets as DDP makes them: 1 MiB then 25 the last holds the rest") {
    auto const b = buckets_of_size(102 * MiB, 1 * MiB, 25 * MiB);
    CHECK(b.count == 6);
    CHECK(b.first_bytes == 1 * MiB);
    CHECK(b.middle_bytes == 25 * MiB);
    CHECK(b.last_bytes == 1 * MiB);
    CHECK(buckets_of_size(100 * MiB, 0, 25 * MiB).count == 4);
    CHECK(buckets_of_size(100 * MiB, 0, 25 * MiB).last_bytes == 25 * MiB);
    CHECK(buckets_of_size(10 * MiB, 0, 25 * MiB).first_bytes == 10 * MiB);
    CHECK(buckets_of_size(10 * MiB, 25 * MiB, 1 * MiB).count == 1);
    CHECK(buckets_of_count(9 * MiB, 1 * MiB, 5).middle_bytes == 2 * MiB);
    CHECK(buckets_of_count(9 * MiB, 9 * MiB, 5).count == 1);
    CHECK(buckets_of_count(9 * MiB, 1 * MiB, 1).first_bytes == 9 * MiB);
  }

  TEST_CASE("the pipeline of six DDP buckets by hand") {
    // ready at 1, 26, 51, 76, 101, 102 ms of a backward of 102 ms; times 2, 26, 26, 26, 26, 2 ms, 108 in all.
    // ends: 3, 52, 78, 104, 130, 132: the second bucket begins a busy period that lasts to the end
    auto const t = step_time(ddp(), 2, 4);
    CHECK_CLOSE(t.allreduce_s, 0.108, 1e-12);
    CHECK_CLOSE(t.compute_s, 0.102, 1e-12);
    CHECK_CLOSE(t.exposed_comm_s, 0.030, 1e-12);
    CHECK_CLOSE(t.total_s(), 0.132, 1e-12);
    // a slowest worker of twice the compute: ready at 2, 52, 102, 152, 202, 204: 52 + 26, ..., 202 + 26 + 2 = 230
    CHECK_CLOSE(t.phase_s(2.0), 0.230, 1e-12);
    // of half: 0.5, 13, 25.5, 38, 50.5, 51: the second begins it, 13 + 106; of a twentieth: 0.05, 1.3, ...: the first
    CHECK_CLOSE(t.phase_s(0.5), 0.119, 1e-12);
    CHECK_CLOSE(t.phase_s(0.05), 0.10805, 1e-12);
    // without the small first bucket: 25, 50, 75, 100, 102; the first is ready at 25: 25 + 26*4 + 3 = 132
    auto alike = ddp();
    alike.first_bucket_bytes = 0.0;
    CHECK_CLOSE(step_time(alike, 2, 4).total_s(), 0.132, 1e-12);
    // half of compute is backward: ready at 51.5, 64, ..., 102: 51.5 + 108 < 64 + 106 = 170
    auto half = ddp();
    half.overlap_fraction = 0.5;
    CHECK_CLOSE(step_time(half, 2, 4).total_s(), 0.170, 1e-12);
    half.overlap_fraction = 0.0;
    CHECK_CLOSE(step_time(half, 2, 4).total_s(), 0.210, 1e-12);
  }

  TEST_CASE("two barriers by hand: each phase has half the compute and half the gradient") {
    auto p = ddp();
    p.barriers_per_step = 2.0;
    // 51 MiB: 1, 25, 25 in 2, 26, 26 ms, ready at 1, 26, 51 of 51 ms: ends 3, 52, 78
    auto const t = step_time(p, 2, 4);
    CHECK_CLOSE(t.phase_s(1.0), 0.078, 1e-12);
    CHECK_CLOSE(t.total_s(), 0.156, 1e-12);
    CHECK_CLOSE(t.allreduce_s, 0.108, 1e-12);
    CHECK_CLOSE(t.exposed_comm_s, 0.054, 1e-12);
    CHECK_CLOSE(allreduce_time_s(p, 2), 0.108, 1e-12);
    CHECK(step_time(p, 1, 2).exposed_comm_s == 0.0);
  }

  TEST_CASE("collectives a step are at the least so many: a bucket of the gradient has its share of them") {
    auto p = ddp();
    p.bucket_bytes = p.first_bucket_bytes = 0.0;
    p.allreduces_per_step = 6.0;
    CHECK_CLOSE(step_time(p, 2, 4).allreduce_s, 0.108, 1e-12);  // 6 messages of 17 MiB
    p.overlap_buckets = 3.0;
    CHECK_CLOSE(step_time(p, 2, 4).allreduce_s, 0.108, 1e-12);  // 2 in each of 3 buckets
    p.overlap_buckets = 12.0;
    CHECK_CLOSE(step_time(p, 2, 4).allreduce_s, 0.114, 1e-12);  // 12 buckets
  }

  TEST_CASE("the buckets that may decide are enough: bucket by bucket on a thousand pipelines") {
    for (std::uint32_t i = 0; i < 1000; ++i) {
      auto const u = [&](std::uint32_t draw) { return data::uniforms(1, i, 0, draw, data::Stream::noise); };
      double const bytes = 100.0 * u(0).first, first = u(1).first < 0.3 ? 0.0 : 20.0 * u(1).second;
      auto const b = u(0).second < 0.5 ? buckets_of_size(bytes, first, 0.5 + 20.0 * u(2).first)
                                       : buckets_of_count(bytes, first, std::ceil(12.0 * u(2).first));
      double const of_byte = u(3).first, of_bucket = u(3).second, backward = u(4).first, compute_s = 80.0 * u(4).second;
      auto const time_of = [&](double n) { return of_bucket + of_byte * n; };
      auto const pipeline =
          BucketPipeline::of(b, time_of(b.first_bytes), time_of(b.middle_bytes), time_of(b.last_bytes), backward);
      double const finish = finish_one_by_one(b, time_of(b.first_bytes), time_of(b.middle_bytes), time_of(b.last_bytes),
                                              backward, compute_s);
      INFO("case ", i, " buckets ", b.count);
      CHECK_CLOSE(compute_s + pipeline.exposed_s(compute_s), finish, 1e-12);  // sums of up to 200 buckets
      CHECK_CLOSE(pipeline.stretched(2.0).total_s, 2.0 * pipeline.total_s, 1e-15);
    }
  }
}
