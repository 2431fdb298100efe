// SPDX-License-Identifier: Apache-2.0
#include "calibrate/backend_replay.hpp"

#include <algorithm>
#include <map>
#include <tuple>

#include "model/error.hpp"

namespace kurve::calibrate {
namespace {

using data::Operation;

struct Key {
  Operation op = Operation::serial;
  int ranks = 1;
  std::int64_t size = 0;  ///< bytes or local batch
  std::string algorithm;
  auto operator<=>(Key const&) const = default;
};

std::string text_of(Key const& key) {
  std::string const ranks = " on " + std::to_string(key.ranks) + " ranks";
  switch (key.op) {
    case Operation::compute:
      return "compute of local batch " + std::to_string(key.size) + ranks;
    case Operation::allreduce:
      return "all-reduce of " + std::to_string(key.size) + " bytes" + ranks;
    case Operation::serial:
      return "serial" + ranks;
    case Operation::step:
      return "step" + ranks;
  }
  return {};
}

class ReplayBackend : public Backend {
 public:
  explicit ReplayBackend(data::Study const& study) : path_(study.path.empty() ? "recording" : study.path) {
    auto const& columns = study.configuration_columns;
    auto const column = std::find(columns.begin(), columns.end(), "algorithm") - columns.begin();
    for (auto const& sample : data::last_ranks(study)) {
      if (sample.op == Operation::step) continue;
      Key key{.op = sample.op,
              .ranks = sample.ranks,
              .size = sample.bytes.value_or(static_cast<std::int64_t>(sample.local_batch.value_or(0.0))),
              .algorithm = {}};
      if (sample.op == Operation::allreduce) {
        if (static_cast<std::size_t>(column) < sample.configuration.size())
          key.algorithm = sample.configuration[column];
        if (std::find(info_.algorithms.begin(), info_.algorithms.end(), key.algorithm) == info_.algorithms.end())
          info_.algorithms.push_back(key.algorithm);
      }
      info_.max_ranks = std::max(info_.max_ranks, sample.ranks);
      series_[key].times.push_back(sample.time_s);
    }
    if (series_.empty()) throw DataError(path_, 0, "no component rows to replay (op serial, compute or allreduce)");
    info_.name = "replay";
    info_.device = path_;
    info_.workload = study.find("workload").value_or("unknown");
    info_.workers_per_node = static_cast<int>(study.find_number("workers_per_node").value_or(info_.max_ranks));
    info_.gradient_bytes = static_cast<std::int64_t>(study.find_number("gradient_bytes").value_or(0.0));
  }

  BackendInfo const& info() const override { return info_; }
  void begin_run(std::uint64_t) override {}
  double time_sleep(Seconds length) override { return pass(length.count()); }
  std::vector<double> time_serial(int ranks, int repeats) override {
    return on_ranks(next({.op = Operation::serial, .ranks = ranks, .size = 0, .algorithm = {}}), ranks, repeats);
  }
  std::vector<double> time_compute(int ranks, int local_batch, int repeats) override {
    Key const key{.op = Operation::compute, .ranks = ranks, .size = local_batch, .algorithm = {}};
    std::vector<double> times;  // recordings hold one row a rank
    for (int rank = 0; rank < ranks; ++rank) times.push_back(repeats * next(key));
    pass(*std::max_element(times.begin(), times.end()));
    return times;
  }
  std::vector<double> time_allreduce(Collective const& c, int repeats) override {
    return on_ranks(next({.op = Operation::allreduce,
                          .ranks = c.ranks,
                          .size = c.message.count,
                          .algorithm = info_.algorithms.at(c.algorithm)}),
                    c.ranks, repeats);
  }
  void verify_allreduce(Collective const&) override {}
  std::vector<RankStep> time_step(int ranks, int local_batch) override {
    auto const compute = time_compute(ranks, local_batch, 1);
    double const slowest = *std::max_element(compute.begin(), compute.end());
    double const comm =
        ranks == 1 ? 0.0 : time_allreduce({.ranks = ranks, .message = {info_.gradient_bytes}}, 1).front();
    double const total = time_serial(ranks, 1).front() + slowest + comm;
    std::vector<RankStep> result;
    for (double const c : compute) result.push_back({.step_s = total, .compute_s = c, .comm_s = slowest - c + comm});
    return result;
  }
  double now_s() const override { return now_; }

 private:
  struct Series {
    std::vector<double> times;
    std::size_t next = 0;
  };

  double next(Key const& key) {
    auto const found = series_.find(key);
    if (found == series_.end()) throw DataError(path_, 0, "no recorded " + text_of(key));
    auto& series = found->second;
    return series.times[series.next++ % series.times.size()];
  }
  double pass(double seconds) {
    now_ += seconds;
    return seconds;
  }
  std::vector<double> on_ranks(double seconds, int ranks, int repeats) {
    return std::vector<double>(static_cast<std::size_t>(ranks), pass(seconds * repeats));
  }

  std::string path_;
  BackendInfo info_;
  std::map<Key, Series> series_;
  double now_ = 0.0;
};

}  // namespace

std::unique_ptr<Backend> make_replay_backend(data::Study const& components) {
  return std::make_unique<ReplayBackend>(components);
}

}  // namespace kurve::calibrate
