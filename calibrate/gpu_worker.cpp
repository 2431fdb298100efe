// SPDX-License-Identifier: Apache-2.0
#include "calibrate/gpu_worker.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>

#include "calibrate/cuda_kernels.hpp"

namespace kurve::calibrate::cuda {
namespace {

using Clock = std::chrono::steady_clock;
double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

enum : std::uint64_t { parameter_seed, gradient_seed, activation_seed, ceiling_seed };

// Left free by training: cuBLASLt's workspace and its kernels, NCCL's buffers and a message of 1 GiB, 1 GiB of operands
// for the card's best rates.
constexpr std::int64_t reserved_bytes = std::int64_t{3} << 30;

// A wait in the stream long enough for the host to queue what follows. Queuing takes some 5 to 10 us a collective.
constexpr std::int64_t delay_ns = 50'000, delay_each_ns = 15'000, longest_delay_ns = 50'000'000;

cudaDeviceProp properties_of(int device) {
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, device), "cudaGetDeviceProperties");
  return properties;
}

}  // namespace

void use_device(int device) { check(cudaSetDevice(device), "cudaSetDevice"); }

std::string pci_bus_id(int device) {
  char text[32] = "";
  check(cudaDeviceGetPCIBusId(text, sizeof text, device), "cudaDeviceGetPCIBusId");
  return text;
}

std::int64_t usable_bytes(int device) {
  use_device(device);
  std::size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
  return std::max<std::int64_t>(0, static_cast<std::int64_t>(free) - reserved_bytes);
}

Worker::Worker(int device, TrainingJob const& job)
    : device_((use_device(device), device)),
      job_(job),
      name_(properties_of(device).name),
      layout_(training_step(job, 1)),
      buckets_(gradient_buckets(layout_.gradient_elements, bytes_per_element(job.precision))),
      nvml_(pci_bus_id(device)),
      ready_(buckets_.size()),
      parameters_(static_cast<std::size_t>(layout_.gradient_bytes())),
      gradient_(static_cast<std::size_t>(layout_.gradient_bytes())),
      master_(static_cast<std::size_t>(layout_.padded_parameters()) * sizeof(float)),
      first_moment_(static_cast<std::size_t>(layout_.padded_parameters()) * sizeof(float)),
      second_moment_(static_cast<std::size_t>(layout_.padded_parameters()) * sizeof(float)),
      flush_(static_cast<std::size_t>(properties_of(device).l2CacheSize)),
      wrong_(sizeof(unsigned long long)),
      read_back_(sizeof(unsigned long long)),
      matrices_(job.precision) {
  reset(1);
}

void Worker::make_current() const { use_device(device_); }

void Worker::reset(std::uint64_t seed) {
  auto const elements = layout_.padded_parameters();
  auto* const stream = compute_.get();
  fill(parameters_.data(), elements, job_.precision, seed + parameter_seed, stream);
  fill(gradient_.data(), elements, job_.precision, seed + gradient_seed, stream);
  fill(master_.data(), elements, NumberFormat::fp32, seed + parameter_seed, stream);
  check(cudaGetLastError(), "filling parameters");
  for (auto* moment : {&first_moment_, &second_moment_})
    check(cudaMemsetAsync(moment->data(), 0, moment->bytes(), stream), "cudaMemsetAsync");
  check(cudaStreamSynchronize(stream), "filling parameters");
  updates_ = 0;
}

void* Worker::address(Tensor const& tensor) const {
  DeviceMemory const& arena = tensor.arena == Arena::parameters ? parameters_
                              : tensor.arena == Arena::gradient ? gradient_
                                                                : activations_;
  return static_cast<char*>(arena.data()) + tensor.offset * bytes_per_element(job_.precision);
}

Worker::Prepared& Worker::prepare(int local_batch) {
  auto const found = prepared_.find(local_batch);
  if (found != prepared_.end()) return found->second;
  Prepared fresh{training_step(job_, local_batch), {}};
  auto const bytes = static_cast<std::size_t>(fresh.step.activation_bytes());
  if (bytes > activations_.bytes()) {
    for (auto& [batch, prepared] : prepared_) prepared.graph = {};  // they hold addresses of the old arena
    activations_.clear();
    activations_ = DeviceMemory(bytes);
    fill(activations_.data(), fresh.step.activation_elements, job_.precision, activation_seed, compute_.get());
    check(cudaGetLastError(), "filling activations");
  }
  for (auto const* side : {&fresh.step.forward, &fresh.step.backward})
    for (auto const& operation : *side)
      if (auto const* product = std::get_if<MatrixProduct>(&operation.work))
        matrices_.prepare(*product, address(product->a), address(product->b), address(product->out), compute_.get());
  return prepared_.emplace(local_batch, std::move(fresh)).first->second;
}

void Worker::enqueue(StepOperation const& operation) {
  if (auto const* product = std::get_if<MatrixProduct>(&operation.work)) {
    matrices_.multiply(*product, address(product->a), address(product->b), address(product->out), compute_.get());
    return;
  }
  auto const& p = std::get<ElementwisePass>(operation.work);
  pass(address(p.out), {address(p.in[0]), address(p.in[1]), address(p.in[2])}, p.inputs, p.out.elements, job_.precision,
       compute_.get());
}

template <typename Ready>
void Worker::enqueue_forward_backward(TrainingStep const& step, Ready&& gradient_ready) {
  for (auto const& operation : step.forward) enqueue(operation);
  for (auto const& operation : step.backward) {
    enqueue(operation);
    if (operation.finishes_gradient >= 0) gradient_ready(operation.finishes_gradient);
  }
  check(cudaGetLastError(), "starting forward and backward");
}

void Worker::enqueue_compute(TrainingStep const& step) {
  enqueue_forward_backward(step, [](int) {});
}

/// The optimizer, and the loss that a job reads back to log it.
void Worker::enqueue_update(float gradient_scale) {
  adam(adam_step(++updates_, gradient_scale), gradient_.data(), static_cast<float*>(master_.data()),
       static_cast<float*>(first_moment_.data()), static_cast<float*>(second_moment_.data()), parameters_.data(),
       layout_.padded_parameters(), job_.precision, compute_.get());
  check(cudaGetLastError(), "starting the optimizer");
  check(cudaMemcpyAsync(read_back_.data(), master_.data(), sizeof(float), cudaMemcpyDeviceToHost, compute_.get()),
        "reading the loss back");
}

/// Between two uses of the same tensor a step touches far more than the cache holds, so a timing starts without it.
void Worker::flush_cache() {
  if (flush_.bytes() > 0) check(cudaMemsetAsync(flush_.data(), 0, flush_.bytes(), compute_.get()), "cudaMemsetAsync");
  check(cudaStreamSynchronize(compute_.get()), "flushing the cache");
}

template <typename Body>
WorkerResult Worker::timed(Task const& task, Ring& ring, Body&& body) {
  WorkerResult result;
  flush_cache();
  ring.meet();
  auto const started = Clock::now();
  check(cudaEventRecord(start_.get(), compute_.get()), "cudaEventRecord");
  for (int i = 0; i < task.repeats; ++i) body();
  check(cudaEventRecord(end_.get(), compute_.get()), "cudaEventRecord");
  check(cudaEventSynchronize(end_.get()), "cudaEventSynchronize");
  result.host_s = since(started);
  result.times.step_s = seconds_between(start_, end_);
  nvml_.observe(result);
  return result;
}

void Worker::reserve_message(std::int64_t bytes) {
  if (static_cast<std::size_t>(bytes) <= message_.bytes()) return;
  message_.clear();
  message_ = DeviceMemory(static_cast<std::size_t>(bytes));
}

WorkerResult Worker::timed_allreduce(Task const& task, Ring& ring) {
  WorkerResult result;
  reserve_message(task.bytes);
  std::int64_t const elements = task.bytes / static_cast<std::int64_t>(sizeof(float));
  // Zeros stay zero however often they are summed.
  check(cudaMemsetAsync(message_.data(), 0, static_cast<std::size_t>(task.bytes), communicate_.get()),
        "cudaMemsetAsync");
  ring.allreduce(message_.data(), elements, NumberFormat::fp32, task.algorithm, communicate_.get());
  check(cudaStreamSynchronize(communicate_.get()), "all-reduce before the timing");
  ring.meet();
  auto const started = Clock::now();
  std::int64_t const wait_ns = std::min(longest_delay_ns, delay_ns + delay_each_ns * task.repeats);
  delay(wait_ns, communicate_.get());
  check(cudaEventRecord(start_.get(), communicate_.get()), "cudaEventRecord");
  for (int i = 0; i < task.repeats; ++i)
    ring.allreduce(message_.data(), elements, NumberFormat::fp32, task.algorithm, communicate_.get());
  check(cudaEventRecord(end_.get(), communicate_.get()), "cudaEventRecord");
  check(cudaEventSynchronize(end_.get()), "all-reduce");
  result.host_s = since(started) - 1e-9 * static_cast<double>(wait_ns);
  result.times.step_s = seconds_between(start_, end_);
  nvml_.observe(result);
  return result;
}

double Worker::count_wrong_sums(Task const& task, Ring& ring) {
  auto* const stream = communicate_.get();
  reserve_message(task.bytes);
  std::int64_t const elements = task.bytes / static_cast<std::int64_t>(sizeof(float));
  auto* const values = static_cast<float*>(message_.data());
  auto* const wrong = static_cast<unsigned long long*>(wrong_.data());
  check(cudaMemsetAsync(wrong, 0, wrong_.bytes(), stream), "cudaMemsetAsync");
  fill_verification(values, elements, ring.rank(), stream);
  check(cudaGetLastError(), "filling a message");
  ring.meet();
  ring.allreduce(values, elements, NumberFormat::fp32, task.algorithm, stream);
  count_wrong(values, elements, task.ranks, wrong, stream);
  check(cudaGetLastError(), "checking sums");
  check(cudaMemcpyAsync(read_back_.data(), wrong, wrong_.bytes(), cudaMemcpyDeviceToHost, stream), "cudaMemcpyAsync");
  check(cudaStreamSynchronize(stream), "checking sums");
  unsigned long long count = 0;
  std::memcpy(&count, read_back_.data(), sizeof count);
  return static_cast<double>(count);
}

/// As DistributedDataParallel does it: a bucket of the gradient is summed on a stream of its own as soon as backward
/// has finished it; the optimizer waits for the last.
WorkerResult Worker::timed_step(Task const& task, Ring& ring) {
  WorkerResult result;
  auto const& step = prepare(task.local_batch).step;
  bool const together = task.ranks > 1;
  check(cudaStreamSynchronize(compute_.get()), "before a step");
  ring.meet();
  auto const started = Clock::now();
  check(cudaEventRecord(start_.get(), compute_.get()), "cudaEventRecord");
  std::size_t next = 0;
  enqueue_forward_backward(step, [&](int tensor) {
    if (!together || tensor != buckets_[next].last_tensor) return;
    auto const& bucket = buckets_[next];
    check(cudaEventRecord(ready_[next].get(), compute_.get()), "cudaEventRecord");
    check(cudaStreamWaitEvent(communicate_.get(), ready_[next].get(), 0), "cudaStreamWaitEvent");
    ring.allreduce(address({Arena::gradient, bucket.first, bucket.elements}), bucket.elements, job_.precision,
                   task.algorithm, communicate_.get());
    ++next;
  });
  check(cudaEventRecord(computed_.get(), compute_.get()), "cudaEventRecord");
  if (together) {
    check(cudaEventRecord(summed_.get(), communicate_.get()), "cudaEventRecord");
    check(cudaStreamWaitEvent(compute_.get(), summed_.get(), 0), "cudaStreamWaitEvent");
  }
  check(cudaEventRecord(joined_.get(), compute_.get()), "cudaEventRecord");
  enqueue_update(1.0f / static_cast<float>(task.ranks));
  check(cudaEventRecord(end_.get(), compute_.get()), "cudaEventRecord");
  check(cudaEventSynchronize(end_.get()), "a training step");
  result.host_s = since(started);
  result.times.compute_s = seconds_between(start_, computed_);
  // Differences of times since one event: sums of single intervals would round to more than the whole.
  result.times.comm_s = together ? std::max(0.0, seconds_between(start_, joined_) - result.times.compute_s) : 0.0;
  result.times.step_s = std::max(seconds_between(start_, end_), result.times.compute_s + result.times.comm_s);
  nvml_.observe(result);
  return result;
}

WorkerResult Worker::run(Task const& task, Ring& ring) {
  use_device(device_);
  bool const graph = task.launch == 1;
  switch (task.kind) {
    case Task::Kind::stop:
      return {};
    case Task::Kind::begin_run:
      reset(task.seed);
      return {};
    case Task::Kind::sleep: {
      ring.meet();
      auto const started = Clock::now();
      std::this_thread::sleep_for(std::chrono::duration<double>(task.sleep_s));
      return {.times = {.step_s = since(started)}};
    }
    case Task::Kind::serial:
      if (graph && update_graph_.empty()) update_graph_ = Graph::capture(compute_.get(), [&] { enqueue_update(1.0f); });
      return timed(task, ring, [&] { graph ? update_graph_.launch(compute_.get()) : enqueue_update(1.0f); });
    case Task::Kind::compute: {
      auto& prepared = prepare(task.local_batch);
      if (graph && prepared.graph.empty())
        prepared.graph = Graph::capture(compute_.get(), [&] { enqueue_compute(prepared.step); });
      return timed(task, ring, [&] { graph ? prepared.graph.launch(compute_.get()) : enqueue_compute(prepared.step); });
    }
    case Task::Kind::allreduce:
      return timed_allreduce(task, ring);
    case Task::Kind::verify:
      return {.times = {.step_s = count_wrong_sums(task, ring)}};
    case Task::Kind::step:
      return timed_step(task, ring);
  }
  return {};
}

Ceilings Worker::measure_ceilings() {
  use_device(device_);
  auto* const stream = compute_.get();
  message_.clear();  // its gigabyte is reserved for either
  Ceilings best;
  auto seconds_of = [&](int times, auto&& body) {
    check(cudaEventRecord(start_.get(), stream), "cudaEventRecord");
    for (int i = 0; i < times; ++i) body();
    check(cudaEventRecord(end_.get(), stream), "cudaEventRecord");
    check(cudaEventSynchronize(end_.get()), "measuring the card's best rates");
    return seconds_between(start_, end_) / times;
  };
  constexpr int batches = 5, warm = 3, each = 10;
  std::int64_t const size = bytes_per_element(job_.precision);
  for (auto const& [m, n, k] :
       {std::array<std::int64_t, 3>{4096, 4096, 4096}, {8192, 8192, 4096}, {8192, 8192, 8192}}) {
    DeviceMemory const a(static_cast<std::size_t>(m * k * size)), b(static_cast<std::size_t>(k * n * size)),
        out(static_cast<std::size_t>(m * n * size));
    fill(a.data(), m * k, job_.precision, ceiling_seed, stream);
    fill(b.data(), k * n, job_.precision, ceiling_seed + 1, stream);
    check(cudaGetLastError(), "filling operands");
    MatrixProduct const product{.m = m, .n = n, .k = k, .scale = 1.0 / 64.0};
    matrices_.prepare(product, a.data(), b.data(), out.data(), stream);
    auto multiply = [&] { matrices_.multiply(product, a.data(), b.data(), out.data(), stream); };
    seconds_of(warm, multiply);
    for (int i = 0; i < batches; ++i) {
      double const flop = 2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
      best.matrix_flop_per_s = std::max(best.matrix_flop_per_s, flop / seconds_of(each, multiply));
    }
  }
  constexpr std::size_t copied = std::size_t{1} << 29;
  DeviceMemory const from(copied), to(copied);
  check(cudaMemsetAsync(from.data(), 1, copied, stream), "cudaMemsetAsync");
  auto copy = [&] {
    check(cudaMemcpyAsync(to.data(), from.data(), copied, cudaMemcpyDeviceToDevice, stream), "cudaMemcpyAsync");
  };
  seconds_of(warm, copy);
  for (int i = 0; i < batches; ++i)
    best.memory_Bps = std::max(best.memory_Bps, 2.0 * static_cast<double>(copied) / seconds_of(each, copy));
  return best;
}

}  // namespace kurve::calibrate::cuda
