// SPDX-License-Identifier: Apache-2.0
#include "calibrate/backend_cuda.hpp"

#include "calibrate/cuda_devices.hpp"
#include "calibrate/gpu_info.hpp"
#include "calibrate/gpu_worker.hpp"

namespace kurve::calibrate {
namespace {

class CudaBackend : public RankedBackend {
 public:
  CudaBackend(TrainingJob const& job, BackendInfo info) : job_(job), info_(std::move(info)), worker_(0, job) {
    info_.name = "cuda";
    info_.device = info_.accelerator = worker_.name();
    info_.notes.emplace_back("one GPU: serial work and compute are measured; an all-reduce needs two (--device nccl)");
    if (!worker_.conditions_unknown().empty())
      info_.notes.push_back("clock, power and throttling of the GPU are not known: " + worker_.conditions_unknown());
  }
  BackendInfo const& info() const override { return info_; }
  Observation observed() const override { return observation_of({&last_, 1}); }
  std::vector<Rating> rates(std::span<TimedPart const> parts) override {
    return judge_rates(job_, worker_.name(), worker_.measure_ceilings(), parts);
  }

 private:
  std::vector<RankResult> run(Task const& task) override {
    last_ = worker_.run(task, alone_);
    return {last_.times};
  }

  TrainingJob job_;
  BackendInfo info_;
  cuda::Worker worker_;
  cuda::Ring alone_;
  WorkerResult last_;
};

}  // namespace

std::unique_ptr<Backend> make_cuda_backend(std::string const& workload) {
  auto const job = training_job_from_text(workload);
  if (auto const presence = cuda_presence(); !presence.why_not.empty())
    throw DeviceError("cuda: " + presence.why_not + " (it measures on a GPU). See what there is: kurve devices?");
  return std::make_unique<CudaBackend>(job, gpu_info(job, cuda::usable_bytes(0)));
}

}  // namespace kurve::calibrate
