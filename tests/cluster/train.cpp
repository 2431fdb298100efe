// SPDX-License-Identifier: Apache-2.0
// A training program as users have one, to be timed from outside: `mpirun -n 4 train --batch 16 --steps 50` runs whole
// steps of a workload over MPI ranks, each with a local batch of 16, and prints a line `step_time_s=...` for each.
#include <cstdio>
#include <map>
#include <string>

#include "calibrate/make_backend.hpp"
#include "calibrate/record.hpp"
#include "model/error.hpp"

using namespace kurve;

int main(int argc, char** argv) {
  std::map<std::string, std::string> options{
      {"--batch", "16"}, {"--steps", "50"}, {"--seed", "1"}, {"--workload", "wait"}};
  try {
    for (int i = 1; i + 1 < argc; i += 2) options.at(argv[i]) = argv[i + 1];
    if (argc % 2 == 0) throw InputError("an option without a value");
    int const batch = std::stoi(options["--batch"]), steps = std::stoi(options["--steps"]);
    calibrate::BackendOptions machine;
    machine.workload = options["--workload"];
    auto const backend = calibrate::make_backend("mpi", machine);
    if (!backend->drives()) {
      backend->follow();
      return 0;
    }
    backend->begin_run(std::stoull(options["--seed"]));
    for (int step = 0; step < steps; ++step) {
      calibrate::StepRow const row{.ranks = backend->time_step(backend->info().max_ranks, batch)};
      std::printf("step_time_s=%.9f\n", calibrate::last_end_s(row));
    }
    return 0;
  } catch (std::exception const& error) {
    std::fprintf(stderr, "train: %s\nusage: mpirun -n K train [--batch B] [--steps N] [--seed S] [--workload TEXT]\n",
                 error.what());
    return 2;
  }
}
