// SPDX-License-Identifier: Apache-2.0
#include "calibrate/card_rates.hpp"

#include <algorithm>

#include "calibrate/gpu_info.hpp"
#include "model/error.hpp"
#include "tests/support/checks.hpp"

using namespace kurve;
using namespace kurve::calibrate;

namespace {
TrainingJob const job{TransformerShape{.layers = 2, .width = 128, .heads = 2, .sequence = 64, .vocabulary = 512}};
}

TEST_SUITE_BEGIN("unit");

TEST_CASE("published peaks: a card is found by its longest name and a stranger is not") {
  CHECK(published_peak("NVIDIA H100 80GB HBM3")->bf16_flop_per_s == 989e12);
  CHECK(published_peak("NVIDIA H100 PCIe")->memory_Bps == 2000e9);
  CHECK(published_peak("NVIDIA H200")->memory_Bps == 4800e9);
  CHECK(published_peak("NVIDIA GH200 480GB")->source == "NVIDIA GH200 data sheet, HBM3");
  CHECK(published_peak("NVIDIA A100-SXM4-80GB")->memory_Bps == 2039e9);
  CHECK(published_peak("NVIDIA A100-SXM4-40GB")->memory_Bps == 1555e9);
  CHECK(published_peak("NVIDIA A10")->memory_Bps == 600e9);
  CHECK(published_peak("NVIDIA L40S")->bf16_flop_per_s == 362e12);
  CHECK(!published_peak("NVIDIA GeForce GT 710"));
}

TEST_CASE("roofline: with endless memory it is the arithmetic and with endless arithmetic the traffic") {
  auto const step = training_step(job, 8);
  auto const work = step.compute();
  CHECK_CLOSE(roofline_s(step, {1e12, 1e30}), work.flop / 1e12, 1e-12);
  CHECK_CLOSE(roofline_s(step, {1e30, 1e9}), work.bytes / 1e9, 1e-12);
  // Between: some operations wait for memory, others compute. The sums round in some 100 additions.
  double const both = roofline_s(step, {1e12, 3e10}), flop_s = work.flop / 1e12, bytes_s = work.bytes / 3e10;
  CHECK(both > (1.0 + 1e-3) * std::max(flop_s, bytes_s));
  CHECK(both < (1.0 - 1e-3) * (flop_s + bytes_s));
}

TEST_CASE("rates: achieved over ceiling with where to look when it is low") {
  Ceilings const ceilings{700e12, 3000e9};
  auto const step = training_step(job, 8);
  double const least = roofline_s(step, ceilings);
  std::vector<TimedPart> const parts{{0, step.update().bytes / 2700e9, 0.0}, {8, 2.0 * least, 1.0 * least}};
  auto const rates = judge_rates(job, "NVIDIA H100 80GB HBM3", ceilings, parts);
  REQUIRE(rates.size() == 4);
  CHECK_CLOSE(rates[0].share(), 700.0 / 989.0, 1e-12);
  CHECK(rates[0].ceiling_is == "published, NVIDIA H100 data sheet, SXM");
  CHECK(rates[0].verdict.find("fair: is the card's power capped") == 0);
  CHECK(rates[1].verdict == "good");
  CHECK_CLOSE(rates[2].share(), 0.9, 1e-12);
  CHECK(rates[2].verdict == "good");
  CHECK_CLOSE(rates[3].achieved, step.compute().flop / (2.0 * least), 1e-12);
  CHECK(rates[3].verdict.find("50 % of what these operations can reach: a CUDA graph would save 50 %") !=
        std::string::npos);
}

TEST_CASE("rates: a card of unknown peak is still measured and says so") {
  auto const rates = judge_rates(job, "NVIDIA Unheard Of", {1e12, 1e11}, {});
  CHECK(rates[0].achieved == 1e12);
  CHECK(rates[0].ceiling == 0.0);
  CHECK(rates[0].verdict == "nothing to set it beside");
  auto const fp32 = judge_rates({job.shape, NumberFormat::fp32}, "NVIDIA H100 80GB HBM3", {5e13, 1e12}, {});
  CHECK(fp32[0].ceiling == 0.0);  // its peak is not that of tensor cores
  CHECK(fp32[1].ceiling == 3350e9);
}

TEST_CASE("GPU info: the job in words what it sums and what fits") {
  auto const info = gpu_info({TransformerShape{}}, std::int64_t{70} << 30);
  CHECK(info.workload ==
        "transformer: layers=12,width=768,heads=12,sequence=1024,vocabulary=50304,precision=bf16, Adam, "
        "124475904 parameters");  // GPT-2 small's 124439808 and 47 more rows of 768
  CHECK(info.gradient_bytes == training_step({TransformerShape{}}, 1).gradient_bytes());
  CHECK(info.largest_local_batch == largest_local_batch({TransformerShape{}}, std::int64_t{70} << 30));
  auto const message =
      test::message_of<DeviceError>([] { return gpu_info({TransformerShape{}}, std::int64_t{1} << 30); });
  CHECK(message.find("the step of one sample of 'transformer: layers=12") == 0);
  CHECK(message.find("(the device has 1.0 GiB for it). Take a smaller --workload?") != std::string::npos);
  auto const sizes = gpu_message_bytes();
  CHECK(sizes.front() == 8);
  CHECK(sizes.back() == std::int64_t{1} << 30);
  CHECK(std::is_sorted(sizes.begin(), sizes.end()));
}

TEST_SUITE_END();
