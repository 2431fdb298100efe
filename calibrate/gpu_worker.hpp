// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "calibrate/card_rates.hpp"
#include "calibrate/cublas_lt.hpp"
#include "calibrate/cuda_raii.hpp"
#include "calibrate/gradient_buckets.hpp"
#include "calibrate/nvml.hpp"
#include "calibrate/rank_task.hpp"
#include "calibrate/training_step.hpp"
#include "calibrate/worker_result.hpp"

namespace kurve::calibrate::cuda {

/// How a worker's ranks meet and sum; one object a rank and task.
class Ring {
 public:
  virtual ~Ring() = default;
  [[nodiscard]] virtual int rank() const { return 0; }
  /// Returns once all ranks of the task have called it.
  virtual void meet() {}
  /// Puts an in-place sum over all ranks on the stream.
  virtual void allreduce(void* /*buffer*/, std::int64_t /*elements*/, NumberFormat, int /*algorithm*/,
                         cudaStream_t /*stream*/) {}
};

/// One GPU's training job: parameters, gradient, optimizer and activations on the device, and the timings of them.
/// Calls may come from one thread at a time, any; each makes its device current.
class Worker {
 public:
  /// @throws DeviceError
  Worker(int device, TrainingJob const& job);

  /// One rank's part of a task: prepare, meet, time by events and by the host's clock. `verify` counts wrong elements
  /// in times.step_s.
  [[nodiscard]] WorkerResult run(Task const& task, Ring& ring);
  /// The best rates of large matrix products in the job's precision and of a device-to-device copy.
  [[nodiscard]] Ceilings measure_ceilings();

  void make_current() const;
  [[nodiscard]] std::string const& name() const { return name_; }
  /// Why clock and power are not known; "" where they are.
  [[nodiscard]] std::string const& conditions_unknown() const { return nvml_.why_not(); }

 private:
  /// A local batch's step: shapes, tuned products, its graph once there is one.
  struct Prepared {
    TrainingStep step;
    Graph graph;
  };

  void reset(std::uint64_t seed);
  Prepared& prepare(int local_batch);
  void reserve_message(std::int64_t bytes);
  [[nodiscard]] void* address(Tensor const& tensor) const;
  void enqueue(StepOperation const& operation);
  template <typename Ready>
  void enqueue_forward_backward(TrainingStep const& step, Ready&& gradient_ready);
  void enqueue_compute(TrainingStep const& step);
  void enqueue_update(float gradient_scale);
  void flush_cache();
  template <typename Body>
  WorkerResult timed(Task const& task, Ring& ring, Body&& body);
  WorkerResult timed_allreduce(Task const& task, Ring& ring);
  WorkerResult timed_step(Task const& task, Ring& ring);
  double count_wrong_sums(Task const& task, Ring& ring);

  int device_;
  TrainingJob job_;
  std::string name_;
  TrainingStep layout_;  // of one sample: parameters and gradient lie alike at every batch
  std::vector<Bucket> buckets_;
  Nvml nvml_;
  Stream compute_, communicate_;
  Event start_, computed_, joined_, end_, summed_;
  std::vector<Event> ready_;  // [n_buckets]
  DeviceMemory parameters_, gradient_, master_, first_moment_, second_moment_, activations_, message_, flush_, wrong_;
  PinnedMemory read_back_;
  MatrixLibrary matrices_;
  std::map<int, Prepared> prepared_;
  Graph update_graph_;
  int updates_ = 0;
};

/// Makes a device current for the calling thread, and says its PCI address. @throws DeviceError
void use_device(int device);
[[nodiscard]] std::string pci_bus_id(int device);
/// Device memory that training may take: what is free, less what communication, tuning and tests of the card's best
/// rates need.
[[nodiscard]] std::int64_t usable_bytes(int device);

}  // namespace kurve::calibrate::cuda
