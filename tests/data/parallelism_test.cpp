// SPDX-License-Identifier: Apache-2.0
#include "data/parallelism.hpp"

#include <sstream>

#include "data/parameter_text.hpp"
#include "model/error.hpp"
#include "tests/support/checks.hpp"

using namespace kurve;
using namespace kurve::data;

namespace {

std::vector<double> cuts(std::string const& text) {
  std::istringstream in("# kurve: study/1\n" + text);
  return replica_workers(read_study_csv(in, "s.csv"));
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("parallelism: workers of a replica in the words people use") {
    for (auto const* words : {"TP4PP8CP1mbs1", "TP 4, PP 8", "tp=4 pp=8", "TP: 4 PP: 8", "DP16 PP8 TP4 ZeRO-1",
                              "tensor parallel 4, pipeline parallel 8", "tensor_model_parallel_size=4 pp8"})
      CHECK_MESSAGE(parallelism_of(words).workers_per_replica == 32.0, words);
    CHECK(parallelism_of("TP2 CP4").workers_per_replica == 8.0);
    CHECK(parallelism_of("TP2").told);
    CHECK_FALSE(parallelism_of("data parallel, vpp 8").told);
  }

  TEST_CASE("parallelism: a Study tells its cuts by column and by header") {
    CHECK(cuts("# configuration: tp,pp\nK,step_time_s,tp,pp\n64,1,8,4\n128,0.6,8,4\n") == std::vector<double>{32});
    CHECK(cuts("# parallelism: TP8 PP2\nK,step_time_s\n64,1\n128,0.6\n") == std::vector<double>{16});
    CHECK(cuts("# configuration: tp\nK,step_time_s,tp\n24,1,3\n64,0.5,8\n") == std::vector<double>{3, 8});
    CHECK(cuts("# configuration: tp\nK,step_time_s,tp\n24,1,1\n64,0.5,8\n").empty());  // one worker can hold it
    CHECK(cuts("# parallelism: data parallel\nK,step_time_s\n64,1\n128,0.6\n").empty());
    // What is told cannot be true of K = 64: it says nothing of it.
    CHECK(cuts("# parallelism: TP8 PP16\nK,step_time_s\n64,1\n256,0.6\n") == std::vector<double>{128});
  }

  TEST_CASE("parameters: any unit of their kind and the name that was meant") {
    model::StepParameters p;
    data::set_parameter(p, "network.inter.bandwidth_Bps", "100Gbit/s");
    CHECK(p.inter_bandwidth_Bps == 12.5e9);
    data::set_parameter(p, "network.inter.latency", "5us");
    CHECK(p.inter_latency_s == 5e-6);
    data::set_parameter(p, "variability.noise.cv", "2%");
    CHECK(p.noise_cv == 0.02);
    data::set_parameter(p, "network.allreduce", "tree");
    CHECK(p.allreduce == model::AllreduceAlgorithm::double_binary_tree);
    auto const message = [&](char const* name, char const* value) {
      return test::message_of<InputError>([&] {
        data::set_parameter(p, name, value);
        return 0;
      });
    };
    CHECK(message("network.inter.bandwith_Bps", "1").ends_with("Did you mean 'network.inter.bandwidth_Bps'?"));
    CHECK(message("stragglers.probability", "1").ends_with("Did you mean 'variability.stragglers.probability'?"));
    CHECK(message("network.allreduce", "rings").ends_with("Did you mean 'ring'?"));
    CHECK(message("overlap.fraction", "170%") == "overlap.fraction=1.7 (must be from 0 to 1)");
  }
}
