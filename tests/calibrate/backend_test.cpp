// SPDX-License-Identifier: Apache-2.0
#include <numeric>

#include "calibrate/backend_host.hpp"
#include "calibrate/backend_mpi.hpp"
#include "calibrate/make_backend.hpp"
#include "calibrate/rank_task.hpp"
#include "model/error.hpp"
#include "tests/support/backend_suite.hpp"
#include "tests/support/checks.hpp"

using namespace kurve;
using namespace kurve::calibrate;

namespace {

constexpr char const* small = "mlp: widths=8-12-5,pool=32";

SyntheticTruth some_truth() {
  SyntheticTruth truth;
  truth.parameters.serial_s = 1e-3;
  truth.parameters.compute_per_sample_s = 1e-4;
  truth.parameters.gradient_bytes = 1e6;
  truth.parameters.workers_per_node = 8;
  truth.parameters.intra_latency_s = 1e-6;
  truth.max_ranks = 3;
  return truth;
}

/// A communicator of one rank whose all-reduce forgets the last element.
class ForgetfulCommunicator : public Communicator {
 public:
  int rank() const override { return 0; }
  int ranks() const override { return 2; }
  void barrier() override {}
  void allreduce(std::span<float> values, int) override {
    for (std::size_t i = 0; i + 1 < values.size(); ++i) values[i] += values[i] + 1.0f;
  }
};

}  // namespace

TEST_SUITE_BEGIN("unit");

TEST_CASE("host backend keeps every backend's promises and sums exactly more ranks than cores included") {
  for (int const ranks : {1, 2, 5}) test::check_backend(*make_host_backend(ranks, small));
}

TEST_CASE("synthetic backend keeps every backend's promises") {
  test::check_backend(*make_synthetic_backend(some_truth()));
}

TEST_CASE("a wrong sum is seen and counted") {
  // The peer's value is ours plus one, so 2 v + 1 is the right sum; one element of four lacks it.
  auto const workload = make_workload(small);
  ForgetfulCommunicator communicator;
  Task const task{.kind = Task::Kind::verify, .ranks = 2, .bytes = 16};
  CHECK(run_task(task, *workload, communicator).step_s == 1.0);
}

TEST_CASE("ring moves the optimal number of elements: each rank sends n/K in each of 2(K-1) steps") {
  std::vector<float> values(12, 1.0f), incoming(12);
  std::size_t sent = 0, exchanges = 0;
  ring_allreduce(1, 4, values, incoming, [&](std::span<float const> out, std::span<float> in) {
    sent += out.size();
    ++exchanges;
    std::fill(in.begin(), in.end(), 0.0f);
  });
  CHECK(exchanges == 6);
  CHECK(sent == 2 * 3 * 12 / 4);
}

TEST_CASE("devices: all six are listed and what is not available says why") {
  auto const devices = list_devices();
  std::string names;
  for (auto const& device : devices) {
    names += device.name + " ";
    CHECK(device.available == device.reason.empty());
  }
  CHECK(names == "host mpi cuda nccl synthetic replay ");
}

TEST_CASE("a backend that does not exist or is not built says so") {
  CHECK(test::message_of<InputError>([] { return make_backend("tpu"); }) ==
        "unknown device 'tpu' (expected auto, host, mpi, cuda, nccl, synthetic or replay)");
  CHECK(test::message_of<InputError>([] { return make_host_backend(-1, small); }) ==
        "ranks=-1 (must be at least 1, or 0 for all cores)");
}

TEST_CASE("a GPU backend that is not available says why as kurve devices does") {
  for (auto const& device : list_devices()) {
    if (device.available || (device.name != "cuda" && device.name != "nccl")) continue;
    std::string message;
    try {
      static_cast<void>(make_backend(device.name));
    } catch (NotBuilt const& error) {
      message = error.what();
    } catch (DeviceError const& error) {
      message = error.what();
    }
    CAPTURE(message);
    CHECK(message.find(device.reason) != std::string::npos);
  }
}

TEST_CASE("synthetic: same seed and calls same times and another seed others") {
  auto truth = some_truth();
  auto times = [&] { return make_synthetic_backend(truth)->time_compute(3, 4, 1); };
  auto const first = times();
  CHECK(first == times());
  truth.parameters.noise_cv = 0.01;
  auto const noisy = times();
  truth.seed = 2;
  CHECK(noisy != times());
}

TEST_CASE("replay gives a recording back in order and says what it lacks") {
  data::Study study;
  study.path = "r.csv";
  for (double const t : {1.0, 2.0}) {
    data::Sample row;
    row.op = data::Operation::serial;
    row.time_s = t;
    study.samples.push_back(row);
  }
  BackendOptions options;
  options.recording = study;
  auto const replay = make_backend("replay", options);
  CHECK(replay->time_serial(1, 1) == std::vector<double>{1.0});
  CHECK(replay->time_serial(1, 1) == std::vector<double>{2.0});
  CHECK(replay->time_serial(1, 1) == std::vector<double>{1.0});
  CHECK(test::message_of<DataError>([&] { return replay->time_compute(1, 8, 1); }) ==
        "r.csv: no recorded compute of local batch 8 on 1 ranks");
  CHECK(test::message_of<DataError>([] { return make_backend("replay"); }).find("no component rows") !=
        std::string::npos);
}

TEST_SUITE_END();
