// SPDX-License-Identifier: Apache-2.0
#include "calibrate/fit_inputs.hpp"

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
    auto const beside =
        fit_model(sort_inputs({of(network, "n.log", "nccl-tests"), of(steps, "steps.csv")}), {.draws = 20});
    CHECK(beside.points.size() == 3);
    auto const alone = fit_model(sort_inputs({of(network, "n.log", "nccl-tests")}), {.draws = 20});
    CHECK(alone.points.empty());
  }

  TEST_CASE("fit inputs: ranks that disagree on their collectives leave the overlap open") {
    auto const fit = fit_model(sort_inputs({trace("# collectives_per_step: 4; 5\n")}), {.draws = 20});
    CHECK(fit.model.parameters.overlap_fraction == 0.0);
  }
}
