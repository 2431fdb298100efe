// SPDX-License-Identifier: Apache-2.0
#include "calibrate/fit_inputs.hpp"

#include <algorithm>
#include <array>
#include <sstream>

#include "model/error.hpp"
#include "tests/support/checks.hpp"

using namespace kurve;
using calibrate::fit_model;
using calibrate::sort_inputs;
using data::Operation;
using data::Study;

namespace {

Study of(std::string const& text, std::string const& path, std::string const& imported_from = "") {
  std::istringstream in("# kurve: study/1\n" + text);
  Study study = data::read_study_csv(in, path);
  if (!imported_from.empty()) study.set("imported_from", imported_from);
  return study;
}

/// Three steps of two ranks at K = 2: compute 80 ms and 82 ms, 6 ms of communication bare and 30 ms hidden.
Study trace(std::string const& more = "# collectives_per_step: 8\n") {
  std::string text = more + "K,global_batch,step,rank,compute_s,comm_s,hidden_comm_s,step_time_s\n";
  for (int step = 0; step < 3; ++step)
    for (int rank = 0; rank < 2; ++rank)
      text += "2,16," + std::to_string(step) + "," + std::to_string(rank) + "," + (rank == 0 ? "0.080" : "0.082") +
              ",0.006,0.030,0.100\n";
  return of(text, "trace.json", "PyTorch profiler trace");
}

constexpr char const* own_components =
    "op,ranks,local_batch,time_s\nserial,1,,0.010\nserial,1,,0.011\ncompute,1,4,0.040\ncompute,1,8,0.080\n"
    "compute,1,16,0.160\n";
constexpr char const* network = "op,ranks,bytes,time_s\nallreduce,2,1024,1e-5\nallreduce,2,1048576,1e-4\n";
constexpr char const* steps = "K,global_batch,step_time_s\n1,16,0.170\n2,16,0.100\n4,16,0.060\n";

model::Source source_of(model::Model const& model, std::string const& name) {
  auto const found = model.knowledge.find(name);
  return found == model.knowledge.end() ? model::Source::assumed : found->second.source;
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("fit inputs: own measurements stay measured and logs beside them are imported") {
    auto const inputs = sort_inputs({of(own_components, "c.csv"), of(network, "all_reduce.log", "nccl-tests")});
    CHECK(inputs.imported == std::set{Operation::allreduce});
    auto const fit = fit_model(inputs, {.draws = 20});
    CHECK(source_of(fit.model, "serial") == model::Source::measured);
    CHECK(source_of(fit.model, "compute.per_sample") == model::Source::measured);
    CHECK(source_of(fit.model, "network.intra.bandwidth_Bps") == model::Source::imported);
    CHECK_CLOSE(fit.model.parameters.compute_per_sample_s, 0.01, 1e-6);
  }

  TEST_CASE("fit inputs: a trace gives compute serial steps and the overlap that its exposed time follows from") {
    auto const inputs = sort_inputs({trace()});
    CHECK(inputs.steps.samples.size() == 3);
    CHECK(inputs.imported == std::set{Operation::serial, Operation::compute});
    auto components_alone = inputs;  // whole steps move compute by what they say of it
    components_alone.steps.samples.clear();
    auto const fit = fit_model(components_alone, {.draws = 20});
    auto const& p = fit.model.parameters;
    // one local batch, 8: all of compute's mean 81 ms is per sample
    CHECK_CLOSE(p.compute_per_sample_s, 0.081 / 8.0, 1e-6);
    CHECK(p.overlap_buckets == 8.0);
    CHECK_CLOSE(p.overlap_fraction, 0.030 / (0.081 * 0.875), 1e-9);
    CHECK(source_of(fit.model, "overlap.fraction") == model::Source::imported);
    CHECK(source_of(fit.model, "compute.per_sample") == model::Source::imported);
    // the model's own formula turns 36 ms of collectives back into 6 ms exposed
    auto const eight = model::buckets_of_count(8.0, 0.0, p.overlap_buckets);
    CHECK_CLOSE(model::BucketPipeline::of(eight, 0.0045, 0.0045, 0.0045, p.overlap_fraction).exposed_s(0.081), 0.006,
                1e-9);
  }

  TEST_CASE("fit inputs: measured steps replace a profiler's and a network joins steps") {
    auto const inputs = sort_inputs({trace(), of(steps, "steps.csv")});
    CHECK(inputs.steps.samples.size() == 3);
    CHECK(inputs.steps.samples[0].ranks == 1);
    auto const with_gradient = "# gradient_bytes: 1e6\n" + std::string(steps);
    auto const beside =
        fit_model(sort_inputs({of(network, "n.log", "nccl-tests"), of(with_gradient, "steps.csv")}), {.draws = 20});
    REQUIRE(beside.model.origin.fitted.size() == 3);
    CHECK_CLOSE(beside.model.origin.fitted[1].measured_s, 0.100, 1e-12);
    CHECK(source_of(beside.model, "network.inter.bandwidth_Bps") != model::Source::fitted);
    CHECK(beside.model.parameters.gradient_bytes == 1e6);
    auto const alone = fit_model(sort_inputs({of(network, "n.log", "nccl-tests")}), {.draws = 20});
    CHECK(alone.model.origin.fitted.empty());
  }

  TEST_CASE("fit inputs: a network beside steps moves the forecast and a what-if of it is felt") {
    // One node of 8 in the steps; between nodes the network alone says what it costs.
    auto const steps_of_node =
        of("# gradient_bytes: 4e8\n# workers_per_node: 8\nK,global_batch,step_time_s\n1,4096,4.10\n2,4096,2.06\n"
           "4,4096,1.045\n8,4096,0.528\n",
           "steps.csv");
    auto const network_of = [](double between_Bps) {
      std::string text = "# workers_per_node: 8\nop,ranks,bytes,time_s\n";
      for (int const k : {8, 16, 32})
        for (double n = 1e3; n < 1e9; n *= 10) {
          double const time_s = 2.0 * (k - 1) * 3e-6 + 2.0 * (k - 1) / k * n / (k > 8 ? between_Bps : 150e9);
          std::ostringstream row;
          row << "allreduce," << k << "," << static_cast<long>(n) << "," << time_s << "\n";
          text += row.str();
        }
      return of(text, "n.log", "nccl-tests");
    };
    auto const step_s = [](model::StepParameters const& p) { return model::step_time(p, 64, 4096).total_s(); };
    auto const fast = fit_model(sort_inputs({network_of(50e9), steps_of_node}), {.draws = 100}).model;
    auto const slow = fit_model(sort_inputs({network_of(5e9), steps_of_node}), {.draws = 100}).model;
    // 2 * 4e8 bytes at 5 GB/s are 160 ms, of which at most two thirds of 64 ms of compute hide.
    CHECK(step_s(slow.parameters) > step_s(fast.parameters) + 0.08);
    auto what_if = slow.parameters;
    what_if.inter_bandwidth_Bps *= 10.0;
    CHECK(step_s(what_if) < step_s(slow.parameters) - 0.08);
    // The fitted points keep their times: what the network takes is taken off the fit.
    for (auto const& draw : fast.draws) CHECK_CLOSE(model::step_time(draw, 8, 4096).total_s(), 0.528, 0.05);

    auto inputs = sort_inputs({steps_of_node});
    calibrate::add_network_model(inputs, fit_model(sort_inputs({network_of(5e9)}), {.draws = 10}).model);
    CHECK_CLOSE(step_s(fit_model(inputs, {.draws = 100}).model.parameters), step_s(slow.parameters), 1e-12);
  }

  TEST_CASE("fit inputs: a log that one node held shows at least how many workers a node has") {
    auto const log = [](int ranks, int workers, std::string const& system) {
      return of("# workers_per_node: " + std::to_string(workers) + "\n# system: " + system +
                    "\nop,ranks,bytes,time_s\nallreduce," + std::to_string(ranks) + ",1024,1e-5\n",
                std::to_string(ranks) + ".log", "nccl-tests");
    };
    for (auto const& order : {std::array{2, 4, 16}, {16, 4, 2}, {4, 16, 2}}) {
      std::vector<Study> logs;
      for (int const ranks : order)
        logs.push_back(log(ranks, std::min(ranks, 8), "cluster of " + std::to_string(ranks)));
      CHECK(sort_inputs(std::move(logs)).network.find("workers_per_node") == "8");
    }
    CHECK_THROWS_AS((void)sort_inputs({log(16, 4, "a"), log(16, 8, "b")}), DataError);
  }

  TEST_CASE("fit inputs: a network beside steps asks what a step sums") {
    auto const message = [](std::string const& header) {
      return test::message_of<DataError>([&] {
        return fit_model(sort_inputs({of(network, "n.log", "nccl-tests"), of(header + steps, "steps.csv")}),
                         {.draws = 20});
      });
    };
    CHECK(message("").find("Add --assume gradient_bytes=BYTES") != std::string::npos);
    CHECK(message("# parameters: 1e6\n").find("gradient_bytes=2e+06 for 2 bytes each") != std::string::npos);
    CHECK(message("# gradient_bytes: 1e12\n").find("a step is shorter than the network's all-reduce") !=
          std::string::npos);
    auto inputs = sort_inputs({of(steps, "steps.csv")});
    CHECK_THROWS_AS(calibrate::add_network_model(inputs, {}), InputError);
  }

  TEST_CASE("fit inputs: ranks that disagree on their collectives leave the overlap open") {
    auto const fit = fit_model(sort_inputs({trace("# collectives_per_step: 4; 5\n")}), {.draws = 20});
    CHECK(fit.model.parameters.overlap_fraction == 0.0);
  }
}
