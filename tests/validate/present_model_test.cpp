// SPDX-License-Identifier: Apache-2.0
#include "validate/present_model.hpp"

#include "tests/support/checks.hpp"

using namespace kurve;

TEST_SUITE_BEGIN("unit");

TEST_CASE("ratings: a sentence each with value share of the ceiling and verdict in units one can read") {
  using Sentences = std::vector<std::string>;
  CHECK(
      validate::rating_sentences({{"compute, local batch 32", "FLOP/s", 350e12, 700e12, "the best product", "fair"},
                                  {"compute, local batch 4", "FLOP/s", 20e9, 80e9, "the best product", "low"},
                                  {"bus bandwidth in a node", "B/s", 360e9, 450e9, "NVLink", "good"},
                                  {"alpha between nodes", "s", 5.4e-6, 2.7e-6, "NCCL's own", "good"},
                                  {"bus bandwidth between nodes", "B/s", 5e6, 0.0, "", "nothing to set it beside"}}) ==
      Sentences{"compute, local batch 32: 350 TFLOP/s, 50 % of 700 TFLOP/s (the best product): fair",
                "compute, local batch 4: 20 GFLOP/s, 25 % of 80 GFLOP/s (the best product): low",
                "bus bandwidth in a node: 360 GB/s, 80 % of 450 GB/s (NVLink): good",
                "alpha between nodes: 5.4 us beside 2.7 us (NCCL's own): good",
                "bus bandwidth between nodes: 0.005 GB/s: nothing to set it beside"});
}

TEST_SUITE_END();
