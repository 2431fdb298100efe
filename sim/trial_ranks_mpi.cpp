// SPDX-License-Identifier: Apache-2.0
#include <mpi.h>

#include <chrono>
#include <climits>
#include <exception>
#include <numeric>
#include <string>
#include <thread>

#include "data/mpi_error.hpp"
#include "model/contract.hpp"
#include "sim/trial_ranks.hpp"

namespace kurve::sim {
namespace {

using data::check_mpi;

/// Asleep between looks: a rank that waits leaves its core to the threads of those that draw.
bool done_within(MPI_Request& request, std::chrono::steady_clock::duration limit) {
  auto const start = std::chrono::steady_clock::now();
  for (int done = 0;;) {
    check_mpi(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
    if (done != 0) return true;
    if (std::chrono::steady_clock::now() - start > limit) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
}

void await(MPI_Request& request) { done_within(request, std::chrono::hours(24 * 365)); }

class MpiRanks : public TrialRanks {
 public:
  MpiRanks() {
    check_mpi(MPI_Init(nullptr, nullptr), "MPI_Init");
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &size_);
  }
  ~MpiRanks() override {
    MPI_Request request = MPI_REQUEST_NULL;
    bool const all_end = std::uncaught_exceptions() == 0 ||
                         (MPI_Ibarrier(MPI_COMM_WORLD, &request) == MPI_SUCCESS && ended_within_5_s(request));
    if (all_end) MPI_Finalize();
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }

  std::vector<double> join(std::vector<double> own) const override {
    KURVE_EXPECT(own.size() <= INT_MAX);
    int const count = static_cast<int>(own.size());
    std::vector<int> counts(static_cast<std::size_t>(size_)), starts(counts.size());
    MPI_Request request = MPI_REQUEST_NULL;
    check_mpi(MPI_Iallgather(&count, 1, MPI_INT, counts.data(), 1, MPI_INT, MPI_COMM_WORLD, &request),
              "MPI_Iallgather");
    await(request);
    std::exclusive_scan(counts.begin(), counts.end(), starts.begin(), 0);
    std::vector<double> all(static_cast<std::size_t>(starts.back() + counts.back()));
    check_mpi(MPI_Iallgatherv(own.data(), count, MPI_DOUBLE, all.data(), counts.data(), starts.data(), MPI_DOUBLE,
                              MPI_COMM_WORLD, &request),
              "MPI_Iallgatherv");
    await(request);
    return all;
  }

 private:
  static bool ended_within_5_s(MPI_Request& request) {
    try {
      return done_within(request, std::chrono::seconds(5));
    } catch (std::exception const&) {
      return false;
    }
  }
  int rank_ = 0, size_ = 1;
};

}  // namespace

std::unique_ptr<TrialRanks> join_mpi_ranks() { return std::make_unique<MpiRanks>(); }

}  // namespace kurve::sim
