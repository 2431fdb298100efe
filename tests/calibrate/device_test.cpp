// SPDX-License-Identifier: Apache-2.0
// What GPU code does, as far as it needs no GPU.
#include <cmath>
#include <set>

#include "calibrate/device_math.hpp"
#include "calibrate/nccl_log.hpp"
#include "calibrate/nvml.hpp"
#include "calibrate/worker_result.hpp"
#include "tests/support/checks.hpp"

using namespace kurve;
using namespace kurve::calibrate;

TEST_SUITE_BEGIN("unit");

TEST_CASE("Adam: a thread's update is algorithm 1 of Kingma and Ba") {
  // The reference in double, by the paper's lines, over ten steps of a changing gradient. Float rounds some ten
  // operations a step: 10 steps * 10 * 6e-8 of the parameter's travel, which is of order rate * steps = 0.01.
  float parameter = 0.5f, first = 0.0f, second = 0.0f;
  double theta = 0.5, m = 0.0, v = 0.0;
  for (int t = 1; t <= 10; ++t) {
    double const g = 0.25 * std::sin(t) / 4.0;  // summed over 4 ranks, then scaled
    adam_update(adam_step(t, 0.25f), static_cast<float>(4.0 * g), parameter, first, second);
    m = 0.9 * m + 0.1 * g;
    v = 0.999 * v + 0.001 * g * g;
    double const m_hat = m / (1.0 - std::pow(0.9, t)), v_hat = v / (1.0 - std::pow(0.999, t));
    theta -= 0.001 * m_hat / (std::sqrt(v_hat) + 1e-8);
  }
  // unbias2 at t = 1 is 1 / (1 - 0.999f), and 1 - 0.999f is exact to 6e-8 / 1e-3 = 6e-5: half of that in its root.
  CHECK(std::abs(static_cast<double>(parameter) - theta) <= 0.01 * 1e-4);
  CHECK(std::abs(static_cast<double>(first) - m) <= 1e-7);
}

TEST_CASE("verification: sums of all ranks are exact in float at any size") {
  for (int const ranks : {1, 2, 7, 4096})
    for (std::size_t const i : {std::size_t{0}, std::size_t{250}, std::size_t{251}, std::size_t{1} << 28}) {
      double sum = 0.0;
      for (int rank = 0; rank < ranks; ++rank) sum += static_cast<double>(verification_value(i, rank));
      CHECK(static_cast<double>(verification_sum(i, ranks)) == sum);
    }
}

TEST_CASE("filling: mean 0 and variance 1 and no two neighbours alike") {
  std::vector<double> values;
  std::set<float> distinct;
  constexpr int n = 40'000;
  for (std::uint64_t i = 0; i < n; ++i) {
    values.push_back(static_cast<double>(filling_value(7, i)));
    distinct.insert(filling_value(7, i));
  }
  CHECK_MEAN(values, 0.0);
  auto const m = test::moments(values);
  // The variance of a uniform's sample variance is (kurtosis - 1) / n = 0.8 / n at variance 1.
  CHECK(std::abs(m.sd * m.sd - 1.0) <= 4.0 * std::sqrt(0.8 / n));
  CHECK(distinct.size() > n - 100);  // 2^24 values: n^2 / 2^25 = 48 collisions expected, standard deviation 7
  CHECK(filling_value(7, 3) != filling_value(8, 3));
}

TEST_CASE("elementwise passes: independent inputs of variance 1 give variance 1 and nothing grows for ever") {
  CHECK(passed_value(3.0f, 1) == 3.0f);
  CHECK(std::abs(passed_value(2.0f, 2) - std::sqrt(2.0f)) < 1e-6f);
  CHECK(std::abs(passed_value(3.0f, 3) - std::sqrt(3.0f)) < 1e-6f);
  float value = 1.0f;
  for (int i = 0; i < 100; ++i) value = passed_value(value + value + value, 3);
  CHECK(value == 8.0f);
  CHECK(passed_value(-100.0f, 1) == -8.0f);
}

TEST_CASE("worker results: the slowest clock the most power and every reason") {
  CHECK(!observation_of({}).sm_clock_Hz);
  WorkerResult const unknown{.host_s = 1.0};
  WorkerResult const cool{.host_s = 2.0, .sm_clock_Hz = 1.9e9, .power_W = 500.0, .knows_reasons = true};
  WorkerResult const hot{
      .host_s = 3.0, .sm_clock_Hz = 1.2e9, .power_W = 400.0, .clock_reasons = 0x40, .knows_reasons = true};
  WorkerResult const capped{.host_s = 4.0, .clock_reasons = 0x4, .knows_reasons = true};
  auto const all = observation_of(std::vector{unknown, cool, hot, capped});
  CHECK(all.host_s == std::vector<double>{1.0, 2.0, 3.0, 4.0});
  CHECK(all.sm_clock_Hz == 1.2e9);
  CHECK(all.power_W == 500.0);
  CHECK(all.clock_reasons == 0x44);
  auto const nothing = observation_of(std::vector{unknown});
  CHECK(!nothing.sm_clock_Hz);
  CHECK(!nothing.power_W);
  CHECK(!nothing.clock_reasons);
}

TEST_CASE("management library: what it says arrives in SI units under the old name of the reasons too") {
  Nvml const nvml("0000:1b:00.0", KURVE_FAKE_NVML);
  CHECK(nvml.why_not().empty());
  WorkerResult result;
  nvml.observe(result);
  CHECK(result.sm_clock_Hz == 1.755e9);
  CHECK_CLOSE(result.power_W, 612.345, 1e-12);
  CHECK(result.knows_reasons);
  CHECK(result.clock_reasons == 0x44);
}

TEST_CASE("management library: absent or without the device nothing is known and nothing fails") {
  Nvml const absent("0000:1b:00.0", "libkurve-no-such-library.so.1"), stranger("x", KURVE_FAKE_NVML);
  for (Nvml const* nvml : {&absent, &stranger}) {
    CHECK(!nvml->why_not().empty());
    WorkerResult result;
    nvml->observe(result);
    CHECK(!result.knows_reasons);
    CHECK(result.sm_clock_Hz == 0.0);
  }
}

TEST_CASE("NCCL's log: the last choice for a size is found among other lines and none where it does not say") {
  std::string const log =
      "node1:71:71 [0] NCCL INFO NCCL version 2.28.9+cuda13.0\n"
      "node1:71:71 [0] NCCL INFO AllReduce: 8 Bytes -> Algo TREE proto LL channel{Lo..Hi}={0..0}\n"
      "node1:71:71 [0] NCCL INFO AllReduce: 1048576 Bytes -> Algo TREE proto LL128 channel{Lo..Hi}={0..7}\n"
      "node1:71:71 [0] NCCL INFO AllGather: 1048576 Bytes -> Algo NVLS proto SIMPLE channel{Lo..Hi}={0..7}\n"
      "node1:71:71 [0] NCCL INFO AllReduce: 1048576 Bytes -> Algo RING proto SIMPLE channel{Lo..Hi}={0..23}\n"
      "node1:71:71 [0] NCCL INFO AllReduce: 4194304 Bytes -> Algo";
  CHECK(nccl_choice(log, 8) == "TREE/LL");
  CHECK(nccl_choice(log, 1 << 20) == "RING/SIMPLE");
  CHECK(nccl_choice(log, 104857) == "");   // not the head of a longer number
  CHECK(nccl_choice(log, 4 << 20) == "");  // cut off
  CHECK(nccl_choice("", 8) == "");
  CHECK(nccl_version_text(22809) == "2.28.9");
  CHECK(nccl_version_text(2804) == "2.8.4");
}

TEST_SUITE_END();
