// SPDX-License-Identifier: Apache-2.0
#include "data/input.hpp"

#include <algorithm>
#include <array>
#include <iostream>
#include <map>
#include <tuple>

#include "data/csv.hpp"
#include "data/logs/mllog.hpp"
#include "data/logs/nccl_tests.hpp"
#include "data/open_file.hpp"
#include "model/error.hpp"

namespace kurve::data {
namespace {

enum class Format { csv, mllog, nccl_tests };

constexpr std::size_t prefix_bytes = std::size_t{1} << 20;  // launchers print a lot before the first line that counts

/// Why JSON is not measurements, by what it names.
[[noreturn]] void refuse_json(std::string const& path, std::string_view prefix) {
  auto const names = [&](std::string_view text) { return prefix.find(text) != std::string_view::npos; };
  if (names("\"kurve.model/"))
    throw DataError(
        path, 0, "is a Model, not measurements (a Study or a log). Did you mean `kurve simulate` or `kurve validate`?");
  if (names("\"kurve.curve/")) throw DataError(path, 0, "is a Curve, not measurements (a Study or a log)");
  if (names("\"traceEvents\""))
    throw DataError(path, 0,
                    "is a profiler trace, which this Kurve does not read yet (it reads Study CSV, MLPerf logs and "
                    "nccl-tests text)");
  if (names("\"alg_bw\"") || names("\"nccl_version\""))
    throw DataError(path, 0, "is nccl-tests JSON, which this Kurve does not read yet. Give its text output?");
  throw DataError(path, 1, "is JSON that Kurve does not know (expected Study CSV, an MLPerf log or nccl-tests text)");
}

Format recognise(std::string const& path) {
  auto in = open_for_reading(path);
  std::string prefix(prefix_bytes, '\0');
  in.read(prefix.data(), static_cast<std::streamsize>(prefix.size()));
  prefix.resize(static_cast<std::size_t>(in.gcount()));
  if (prefix.starts_with("\x1f\x8b")) throw DataError(path, 0, "is compressed (gzip). Decompress it first?");
  if (prefix.find(":::MLLOG") != std::string::npos) return Format::mllog;
  auto const first = prefix.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && (prefix[first] == '{' || prefix[first] == '[')) refuse_json(path, prefix);
  for (std::size_t start = 0; start < prefix.size();) {
    std::size_t const end = std::min(prefix.find('\n', start), prefix.size());
    auto line = std::string_view(prefix).substr(start, end - start);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (is_nccl_tests_row(line)) return Format::nccl_tests;
    start = end + 1;
  }
  return Format::csv;
}

Study read_one(std::string const& path) {
  if (path == "-") return read_study_csv(std::cin, "-");
  switch (recognise(path)) {
    case Format::mllog:
      return read_mllog(path);
    case Format::nccl_tests: {
      auto in = open_for_reading(path);
      return read_nccl_tests(in, path);
    }
    case Format::csv:
      break;
  }
  auto in = open_for_reading(path);
  return read_study_csv(in, path);
}

/// Keys that say what was run: two values are two studies, not one.
constexpr std::array<std::string_view, 8> identity_keys{
    "workload", "regime", "warmup", "workers_per_node", "parameters", "gradient_bytes", "accelerator", "interconnect"};

void join_headers(Study& into, Study const& from) {
  for (auto const& [key, value] : from.header) {
    auto const present = into.find(key);
    if (present == value) continue;
    if (!present) {
      into.set(key, value);
    } else if (std::find(identity_keys.begin(), identity_keys.end(), key) != identity_keys.end()) {
      throw DataError(from.path, 0,
                      key + " is '" + value + "' (in " + into.path + " it is '" + *present +
                          "'). Give different jobs or machines one at a time?");
    } else if (("; " + *present + "; ").find("; " + value + "; ") == std::string::npos) {
      into.set(key, *present + "; " + value);
    }
  }
}

std::string_view kind_name(StudyKind kind) {
  constexpr std::array<std::string_view, 3> names{"whole steps", "components", "times of each rank"};
  return names[static_cast<std::size_t>(kind)];
}

/// What a run number belongs to: the same job at the same K.
using RunKey = std::tuple<Operation, int, std::optional<double>>;
RunKey run_key(Sample const& s) { return {s.op, s.ranks, s.global_batch}; }

std::map<RunKey, int> next_runs(Study const& study) {
  std::map<RunKey, int> next;
  for (auto const& s : study.samples) next[run_key(s)] = std::max(next[run_key(s)], s.run.value_or(0) + 1);
  return next;
}

void merge(Study& into, Study const& from) {
  if (into.kind() != from.kind())
    throw DataError(from.path, 0,
                    "holds " + std::string(kind_name(from.kind())) + " (" + into.path + " holds " +
                        std::string(kind_name(into.kind())) + "). Give one kind at a time?");
  if (into.time_column != from.time_column)
    throw DataError(from.path, 0,
                    "has its times in " + from.time_column + " (" + into.path + " in " + into.time_column + ")");
  if (into.configuration_columns != from.configuration_columns)
    throw DataError(from.path, 0, "has other configuration columns than " + into.path);
  join_headers(into, from);
  auto const first_run = next_runs(into);
  for (auto sample : from.samples) {
    if (auto const found = first_run.find(run_key(sample)); found != first_run.end())
      sample.run = found->second + sample.run.value_or(0);
    into.samples.push_back(std::move(sample));
  }
}

}  // namespace

Study read_study(std::vector<std::string> const& paths) {
  if (paths.empty()) throw InputError("no input file (expected a Study, a table or a log)");
  bool const several = paths.size() > 1;
  Study study;
  for (auto const& path : paths) {
    if (std::count(paths.begin(), paths.end(), path) > 1)
      throw DataError(path, 0, "is given twice (its samples would count twice)");
    Study one = read_one(path);
    if (several)
      for (auto& note : one.notes) note = path + ": " + note;
    auto notes = std::move(study.notes);
    notes.insert(notes.end(), one.notes.begin(), one.notes.end());
    if (study.samples.empty())
      study = std::move(one);
    else
      merge(study, one);
    study.notes = std::move(notes);
  }
  if (several) {
    study.path = paths.front() + " and " + std::to_string(paths.size() - 1) + " more";
    for (auto& sample : study.samples) sample.line = 0;  // lines of which file?
  }
  return study;
}

}  // namespace kurve::data
