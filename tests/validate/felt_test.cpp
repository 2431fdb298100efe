// SPDX-License-Identifier: Apache-2.0
#include "validate/felt.hpp"

#include "data/parameter_text.hpp"
#include "model/error.hpp"
#include "tests/support/checks.hpp"

using namespace kurve;
using namespace kurve::validate;

namespace {

/// As a fit to steps: no bytes, a growth in K, draws of it.
model::Model of_steps() {
  model::Model m;
  m.global_batch = 1024;
  m.parameters.serial_s = 0.04;
  m.parameters.compute_per_sample_s = 1e-3;
  m.parameters.extra_per_log2_s = 0.01;
  m.parameters.workers_per_node = 8;
  for (int i = 0; i < 20; ++i) {
    m.draws.push_back(m.parameters);
    m.draws.back().extra_per_log2_s = i % 2 == 0 ? 0.0 : 0.02;
    m.draws.back().extra_per_rank_s = i % 2 == 0 ? 1e-4 : 0.0;
  }
  return m;
}

/// As calibrated: a gradient over a network of two levels.
model::Model of_parts() {
  auto m = of_steps();
  m.draws.clear();
  auto& p = m.parameters;
  p.extra_per_log2_s = 0.0;
  p.gradient_bytes = 1e9;
  p.intra_bandwidth_Bps = 1e11;
  p.inter_bandwidth_Bps = 1e10;
  p.inter_latency_s = 1e-5;
  p.overlap_fraction = 0.5;
  return m;
}

using Settings = std::vector<Setting>;

model::Model set(model::Model m, Settings const& settings) {
  for (auto const& [name, value] : settings) {
    if (name == "global_batch") {
      m.global_batch = std::stod(value);
      continue;
    }
    if (name == "regime") {
      m.regime = model::regime_from_text(value);
      continue;
    }
    data::set_parameter(m.parameters, name, value);
    for (auto& draw : m.draws) data::set_parameter(draw, name, value);
  }
  return m;
}

Asked curve_at(std::vector<double> ranks) {
  sim::SimulateOptions options;
  options.ranks = std::move(ranks);
  return asked_curve(options);
}

/// Why settings are refused at these K; "" where they are not.
std::string refusal(model::Model const& m, Settings const& settings, std::vector<double> ranks = {8, 64}) {
  try {
    check_felt(m, set(m, settings), settings, curve_at(std::move(ranks)));
  } catch (InputError const& e) {
    return e.what();
  }
  return {};
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("felt: a network's parameter on a Model of steps says where its communication is") {
    auto const text = refusal(of_steps(), {{"network.inter.bandwidth_Bps", "1000"}});
    CHECK(
        text.starts_with("network.inter.bandwidth_Bps=1000 (changes nothing: this Model's communication is in terms "
                         "fitted to its steps, extra.per_log2, extra.per_rank, not in bytes over a network)"));
    CHECK(text.find("fit STEPS NETWORK") != std::string::npos);
    for (auto const* name :
         {"network.inter.latency", "network.intra.bandwidth_Bps", "network.reduce_s_per_byte", "overlap.fraction",
          "overlap.buckets", "network.nccl.latency_scale", "variability.hop_jitter.cv"})
      CHECK_MESSAGE(refusal(of_steps(), {{name, "1"}}).find("terms fitted to its steps") != std::string::npos, name);
    CHECK(refusal(of_steps(), {{"network.allreduce", "tree"}}).find("terms fitted to its steps") != std::string::npos);
  }

  TEST_CASE("felt: what moves a number is taken") {
    for (auto const& [name, value] : Settings{{"serial", "0.1"},
                                              {"compute.per_sample", "2e-3"},
                                              {"extra.per_log2", "0"},
                                              {"variability.noise.cv", "0.1"},
                                              {"variability.noise.step_cv", "0.1"},
                                              {"variability.noise.run_cv", "0.1"},
                                              {"variability.imbalance.cv", "0.1"},
                                              {"discrepancy.log_growth", "0.1"},
                                              {"global_batch", "2048"},
                                              {"regime", "weak"}})
      CHECK_MESSAGE(refusal(of_steps(), {{name, value}}).empty(), name);
    for (auto const& [name, value] : Settings{{"network.inter.bandwidth_Bps", "1e9"},
                                              {"network.intra.bandwidth_Bps", "1e9"},
                                              {"gradient_bytes", "2e9"},
                                              {"overlap.buckets", "4"},
                                              {"variability.hop_jitter.cv", "0.2"},
                                              {"network.allreduce", "tree"}})
      CHECK_MESSAGE(refusal(of_parts(), {{name, value}}).empty(), name);
    // Its own value asks for no change, and is felt at others.
    CHECK(refusal(of_steps(), {{"serial", "0.04"}}).empty());
  }

  TEST_CASE("felt: the parameter that is off beside it is named, and set too it is felt") {
    auto const slower = refusal(of_steps(), {{"variability.stragglers.slowdown", "4"}});
    CHECK(slower.find("changes nothing: variability.stragglers.probability is 0). Set it too") != std::string::npos);
    CHECK(refusal(of_steps(), {{"variability.stragglers.slowdown", "4"}, {"variability.stragglers.probability", "0.1"}})
              .empty());
    CHECK(refusal(of_steps(), {{"compute.floor_sharpness", "4"}}).find("compute.floor is 0") != std::string::npos);
    CHECK(refusal(of_steps(), {{"variability.noise.shape", "gumbel"}}).find("cv is 0") != std::string::npos);
    CHECK(refusal(of_parts(), {{"network.nccl.latency_scale", "2"}}).find("network.allreduce is ring") !=
          std::string::npos);
  }

  TEST_CASE("felt: another K is named where these do not feel it") {
    auto const text = refusal(of_parts(), {{"network.inter.bandwidth_Bps", "1e9"}}, {1, 2, 8});
    CHECK(text.find("changes nothing at K = 1, 2, 8). Ask for other K, such as 16.") != std::string::npos);
    CHECK(refusal(of_steps(), {{"extra.per_log2", "0.02"}}, {1}).find("such as 2.") != std::string::npos);
  }

  TEST_CASE("felt: a gradient is not counted beside terms that hold communication already") {
    auto const text = refusal(of_steps(), {{"gradient_bytes", "1e9"}, {"network.inter.bandwidth_Bps", "1e10"}});
    CHECK(text.starts_with("gradient_bytes=1e9 (would count communication twice"));
    CHECK(text.find("extra.per_log2, extra.per_rank") != std::string::npos);
    CHECK(refusal(of_steps(), {{"gradient_bytes", "1e9"},
                               {"network.inter.bandwidth_Bps", "1e10"},
                               {"extra.per_log2", "0"},
                               {"extra.per_rank", "0"}})
              .empty());
    CHECK(refusal(of_parts(), {{"gradient_bytes", "2e9"}}).empty());
    auto corrected = of_parts();  // parts, and what steps took beyond them: the gradient is in no term
    corrected.parameters.extra_per_log2_s = 1e-3;
    CHECK(refusal(corrected, {{"gradient_bytes", "2e9"}}).empty());
  }

  TEST_CASE("felt: one collective and a plan feel what they show") {
    auto const m = of_parts();
    sim::AllreduceOptions const options{.ranks = {16}, .bytes = {1e6}};
    auto const check = [&](Setting const& setting) {
      return test::message_of<InputError>([&] {
        check_felt(m, set(m, {setting}), {setting}, asked_allreduce(options));
        return 0;
      });
    };
    CHECK(check({"serial", "1"}).find("changes nothing") != std::string::npos);
    CHECK_NOTHROW(check_felt(m, set(m, {{"network.inter.latency", "1e-4"}}), {{"network.inter.latency", "1e-4"}},
                             asked_allreduce(options)));
    // Nodes of a Model without a network matter where nodes have a price.
    model::Model alone;
    alone.parameters.serial_s = 1.0;
    Settings const nodes{{"network.workers_per_node", "4"}};
    Offer offer{.name = "o", .model = alone, .price = data::price_from_text("10/node-hour"), .gpus = {}};
    PlanOptions plan{.job = {.steps = 1e6, .samples = {}, .least_steps = {}, .critical_batch = {}},
                     .failures = failures_from_text("none"),
                     .ranks = {8},
                     .global_batches = {},
                     .deadline_s = {},
                     .budget = {},
                     .value_per_s = {},
                     .watts = {}};
    CHECK_NOTHROW(check_felt(alone, set(alone, nodes), nodes, asked_plan(offer, plan)));
    offer.price = data::price_from_text("10/gpu-hour");
    CHECK_THROWS_AS(check_felt(alone, set(alone, nodes), nodes, asked_plan(offer, plan)), InputError);
  }
}
