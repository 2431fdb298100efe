// SPDX-License-Identifier: Apache-2.0
#include "data/logs/nccl_tests_json.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "data/csv.hpp"
#include "data/input_stream.hpp"
#include "data/json_text.hpp"
#include "data/open_file.hpp"
#include "data/quantity_text.hpp"
#include "model/error.hpp"

namespace kurve::data {
namespace {

using nlohmann::json;

json const& member(json const& object, char const* key) {
  static json const absent;
  if (!object.is_object()) return absent;
  auto const found = object.find(key);
  return found == object.end() ? absent : *found;
}

/// A number, or text that is one.
std::optional<double> number_of(json const& value) {
  if (value.is_number()) return value.get<double>();
  if (value.is_string()) return number_from_text(value.get_ref<std::string const&>());
  return std::nullopt;
}

std::string text_of(json const& value) { return value.is_string() ? value.get<std::string>() : std::string{}; }

/// A whole number in a range; 0 for anything else.
int count_of(json const& value, int most) {
  auto const number = number_of(value);
  return number && *number >= 1.0 && *number <= most && *number == std::floor(*number) ? static_cast<int>(*number) : 0;
}

class Rows {
 public:
  Rows(Study& study, long& wrong, long& without_bytes) : study_(study), wrong_(wrong), without_bytes_(without_bytes) {}

  void set_gpus_per_process(int gpus) { gpus_per_process_ = gpus; }

  /// @param half  {time | cpu_time, nwrong}; null where it was not run
  void add(json const& size, json const& half, json const& per_iteration, int run, long line) {
    auto const bytes = number_of(size);
    if (!bytes || !(*bytes >= 0.0 && *bytes <= 1e18) || *bytes != std::floor(*bytes))
      fail(line, "size " + size.dump().substr(0, 64) + " (must be a whole number of bytes)");
    json const& plain = member(half, "time");
    auto const time_us = number_of(plain.is_null() ? member(half, "cpu_time") : plain);
    if (!time_us || std::isnan(*time_us)) return;  // this half was not run
    if (*bytes == 0.0) {
      ++without_bytes_;
      return;
    }
    if (auto const wrong = number_of(member(half, "nwrong")); wrong && *wrong != 0.0) {
      ++wrong_;
      return;
    }
    Sample sample;
    sample.op = Operation::allreduce;
    sample.bytes = static_cast<std::int64_t>(*bytes);
    sample.run = run;
    sample.line = line;
    json const& iterations = member(per_iteration, "times_us");
    json const& processes = member(per_iteration, "per_process_max_times_us");
    if (processes.is_array() && !processes.empty())
      add_processes(sample, processes);
    else if (iterations.is_array() && !iterations.empty())
      add_iterations(sample, iterations);
    else
      add_time(sample, plain.is_null() ? member(half, "cpu_time") : plain);
  }

 private:
  [[noreturn]] void fail(long line, std::string const& what) const { throw DataError(study_.path, line, what); }

  void add_iterations(Sample& sample, json const& times) {
    for (std::size_t i = 0; i < times.size(); ++i) {
      sample.step = static_cast<int>(i);
      add_time(sample, times[i]);
    }
  }

  /// [process][iteration], processes in the order of MPI ranks; of its GPUs each gives the slowest, which goes by the
  /// rank of its first.
  void add_processes(Sample& sample, json const& processes) {
    for (std::size_t process = 0; process < processes.size(); ++process) {
      auto const& times = processes[process];
      if (!times.is_array() || times.empty() || times.size() != processes[0].size())
        fail(sample.line, "process " + std::to_string(process) + " has not as many times as process 0 at " +
                              std::to_string(*sample.bytes) + " bytes (per_process_max_times_us)");
      sample.rank = static_cast<int>(process) * gpus_per_process_;
      if (*sample.rank > 1'000'000) fail(sample.line, "over 1000000 ranks in per_process_max_times_us");
      add_iterations(sample, times);
    }
  }

  void add_time(Sample& sample, json const& value) {
    auto const time_us = number_of(value);
    sample.time_s = time_us.value_or(0.0) * 1e-6;
    if (!(sample.time_s > 0.0) || !std::isfinite(sample.time_s))
      fail(sample.line, "time " + value.dump().substr(0, 64) + " us at " + std::to_string(*sample.bytes) +
                            " bytes (must be positive)");
    study_.samples.push_back(sample);
  }

  Study& study_;
  long &wrong_, &without_bytes_;
  int gpus_per_process_ = 1;
};

/// What nccl-tests says of its devices.
struct Devices {
  int ranks = 0, per_node = 0, per_process = 1;
  std::string accelerator;
};

Devices devices_of(json const& config) {
  Devices result;
  int const each =
      std::max(1, count_of(member(config, "nthreads"), 1024)) * std::max(1, count_of(member(config, "ngpus"), 1024));
  result.per_process = each;
  std::map<std::string, int> on_host;
  for (auto const& device : member(config, "devices")) {
    if (result.ranks > 1'000'000) break;
    result.ranks += each;
    on_host[text_of(member(device, "hostname"))] += each;
    if (result.accelerator.empty()) result.accelerator = text_of(member(device, "device_info"));
  }
  bool const even = !on_host.empty() && std::all_of(on_host.begin(), on_host.end(), [&](auto const& host) {
    return host.second == on_host.begin()->second;
  });
  if (even) result.per_node = on_host.begin()->second;
  return result;
}

void refuse_other_collectives(json const& document, std::string const& path) {
  json const& arguments = member(document, "args");
  if (!arguments.is_array() || arguments.empty()) return;
  std::string const command = text_of(arguments[0]);
  std::string const program = command.substr(command.rfind('/') + 1);
  if (program.find("_perf") != std::string::npos && program.find("all_reduce") == std::string::npos)
    throw DataError(path, 0, "is a log of " + program.substr(0, 64) + " (Kurve reads all_reduce_perf)");
}

int read_document(json const& document, std::string const& path, Study& study, Rows& rows) {
  refuse_other_collectives(document, path);
  auto const devices = devices_of(member(document, "config"));
  rows.set_gpus_per_process(devices.per_process);
  for (auto const& result : member(document, "results")) {
    rows.add(member(result, "size"), member(result, "out_of_place"), member(result, "out_of_place_per_iter"), 0, 0);
    rows.add(member(result, "size"), member(result, "in_place"), member(result, "in_place_per_iter"), 1, 0);
  }
  if (!devices.accelerator.empty()) study.set("accelerator", devices.accelerator);
  if (devices.per_node > 0) study.set("workers_per_node", std::to_string(devices.per_node));
  return devices.ranks;
}

/// rccl-tests: one object a line, `name`, `size`, `time`, `inPlace`, `#wrong`, `gpus`.
int read_lines(std::string const& text, std::string const& path, Study& study, Rows& rows) {
  int ranks = 0;
  long line = 0;
  for (std::size_t start = 0; start < text.size();) {
    std::size_t const end = std::min(text.find('\n', start), text.size());
    auto const record = trimmed(std::string_view(text).substr(start, end - start));
    ++line;
    start = end + 1;
    if (record.empty() || record == "\r") continue;
    auto const row = json::parse(record, nullptr, false);
    if (row.is_discarded() && end == text.size() && !study.samples.empty()) {
      study.notes.push_back("the last line is cut off: left out");
      break;
    }
    if (!row.is_object()) throw DataError(path, line, "not a JSON object (rccl-tests writes one a line)");
    std::string const name = text_of(member(row, "name"));
    std::string letters;
    for (char const c : name)
      if (std::isalpha(static_cast<unsigned char>(c))) letters += static_cast<char>(std::tolower(c));
    if (letters.find("allreduce") == std::string::npos)
      throw DataError(path, line, "is a row of '" + name.substr(0, 64) + "' (Kurve reads AllReduce)");
    json const& in_place = member(row, "inPlace");
    bool const second = in_place.is_boolean() ? in_place.get<bool>() : number_of(in_place).value_or(0.0) != 0.0;
    json half = {{"time", member(row, "time")}, {"nwrong", member(row, "#wrong")}};
    rows.add(member(row, "size"), half, {}, second ? 1 : 0, line);
    int const gpus = count_of(member(row, "gpus"), 1'000'000);
    if (ranks > 0 && gpus > 0 && gpus != ranks)
      throw DataError(path, line, std::to_string(gpus) + " gpus (the rows before have " + std::to_string(ranks) + ")");
    ranks = std::max(ranks, gpus);
  }
  return ranks;
}

}  // namespace

bool is_nccl_tests_json(std::string_view prefix) {
  auto const names = [&](std::string_view key) { return prefix.find(key) != std::string_view::npos; };
  return names("\"alg_bw\"") || names("\"algBw\"") || (names("\"nccl_version\"") && names("\"results\""));
}

Study read_nccl_tests_json(std::istream& in, std::string const& path, Facts& facts) {
  std::string const text = read_rest(in, path, largest_log_bytes);
  Study study;
  study.path = path;
  study.time_column = "time_s";
  study.set("workload", "all_reduce_perf of nccl-tests");
  long wrong = 0, without_bytes = 0;
  Rows rows(study, wrong, without_bytes);
  bool const lines = text.find("\"algBw\"") != std::string::npos;
  int ranks = lines ? read_lines(text, path, study, rows) : read_document(parse_json(text, path), path, study, rows);
  if (study.samples.empty()) throw DataError(path, 0, "no timed all-reduce in the file (are its results empty?)");
  if (ranks == 0) {
    auto const stated = facts.whole("ranks");
    if (!stated) ask_for(path, "the file does not say how many ranks ran (it lists no devices)", "ranks=16");
    ranks = *stated;
  }
  if (ranks > 1'000'000) throw DataError(path, 0, std::to_string(ranks) + " ranks (at most 1000000)");
  for (auto& sample : study.samples) sample.ranks = ranks;
  if (wrong > 0) study.notes.push_back(std::to_string(wrong) + " timings with wrong results left out");
  if (without_bytes > 0) study.notes.push_back(std::to_string(without_bytes) + " rows of 0 bytes left out");
  return study;
}

}  // namespace kurve::data
