// SPDX-License-Identifier: Apache-2.0
#include "data/input.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>

#include "data/csv.hpp"
#include "data/input_stream.hpp"
#include "data/logs/extra_p.hpp"
#include "data/logs/google_benchmark.hpp"
#include "data/logs/kineto.hpp"
#include "data/logs/mllog.hpp"
#include "data/logs/nccl_tests.hpp"
#include "data/logs/nccl_tests_json.hpp"
#include "data/logs/osu.hpp"
#include "data/printable.hpp"
#include "data/quantity_text.hpp"
#include "model/bounds.hpp"
#include "model/contract.hpp"
#include "model/error.hpp"

namespace kurve::data {
namespace {

/// A format of others: how its beginning looks, and who reads it.
struct Format {
  std::string_view name;  ///< as the header's `imported_from`
  bool (*begins)(std::string_view prefix);
  Study (*read)(std::istream& in, std::string const& path, Facts& facts);
};

/// Whether some line of the prefix is of a kind.
template <bool (*is_kind)(std::string_view line)>
bool has_line(std::string_view prefix) {
  for (std::size_t start = 0; start < prefix.size();) {
    std::size_t const end = std::min(prefix.find('\n', start), prefix.size());
    auto line = prefix.substr(start, end - start);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (is_kind(line)) return true;
    start = end + 1;
  }
  return false;
}

bool is_mllog(std::string_view prefix) { return prefix.find(":::MLLOG") != std::string_view::npos; }

constexpr std::array json_formats{Format{"nccl-tests JSON", is_nccl_tests_json, read_nccl_tests_json},
                                  Format{"PyTorch profiler trace", is_kineto, read_kineto},
                                  Format{"Google Benchmark JSON", is_google_benchmark, read_google_benchmark},
                                  Format{"Extra-P JSON", is_extra_p_json, read_extra_p_json}};
constexpr std::array text_formats{Format{"MLPerf log", is_mllog, read_mllog},
                                  Format{"OSU", has_line<is_osu_title>, read_osu},
                                  Format{"nccl-tests", has_line<is_nccl_tests_row>, read_nccl_tests},
                                  Format{"Extra-P text", is_extra_p_text, read_extra_p_text}};

/// Why JSON is not measurements, by what it names.
[[noreturn]] void refuse_json(std::string const& path, std::string_view prefix) {
  auto const names = [&](std::string_view text) { return prefix.find(text) != std::string_view::npos; };
  if (names("\"kurve.model/"))
    throw DataError(
        path, 0, "is a Model, not measurements (a Study or a log). Did you mean `kurve simulate` or `kurve validate`?");
  if (names("\"kurve.curve/")) throw DataError(path, 0, "is a Curve, not measurements (a Study or a log)");
  std::string known;
  for (auto const& format : json_formats) known += (known.empty() ? "" : ", ") + std::string(format.name);
  throw DataError(path, 1, "is JSON that Kurve does not know (it reads " + known + ")");
}

/// The format of a log; none for a table.
Format const* recognised(std::string const& path, std::string_view prefix) {
  if (prefix.starts_with("PK\x03\x04"))
    throw DataError(path, 0, "is a zip archive. Unpack it (an .extra-p file holds experiment.json)?");
  // MLPerf lines hold JSON, and launchers may print some before them
  if (is_mllog(prefix)) return &text_formats[0];
  auto const first = prefix.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return nullptr;
  bool const is_json = prefix[first] == '{' || (prefix[first] == '[' && prefix.find('"') != std::string_view::npos);
  for (auto const& format : json_formats)
    if (is_json && format.begins(prefix.substr(first))) return &format;
  for (auto const& format : text_formats)
    if (format.begins(prefix)) return &format;
  if (prefix[first] == '{' || prefix[first] == '[') refuse_json(path, prefix);
  return nullptr;
}

/// What no clock and no job gives is refused, whoever wrote it and in which format.
void require_ranges(Study const& study) {
  auto const require = [&](Sample const& s, std::string const& name, std::optional<double> value, double low,
                           double high) {
    if (!value || (*value >= low && *value <= high)) return;
    throw DataError(
        study.path, s.line,
        name + "=" + number_text(*value) + " (must be from " + number_text(low) + " to " + number_text(high) + ")");
  };
  std::string const time_name = study.kind() == StudyKind::components ? "time_s" : study.time_column;
  for (auto const& s : study.samples) {
    require(s, time_name, s.time_s, model::shortest_s, model::longest_s);
    require(s, "compute_s", s.compute_s, 0.0, model::longest_s);
    require(s, "comm_s", s.comm_s, 0.0, model::longest_s);
    require(s, "hidden_comm_s", s.hidden_comm_s, 0.0, model::longest_s);
    require(s, "global_batch", s.global_batch, model::smallest_batch, model::largest_batch);
    require(s, "local_batch", s.local_batch, model::smallest_batch, model::largest_batch);
  }
}

/// Names as one line each, without control characters: they go into tables, titles and header lines.
void show_control_characters(Study& study) {
  for (auto& [key, value] : study.header) key = printable_line(key), value = printable_line(value);
  for (auto& name : study.configuration_columns) name = printable_line(name);
  for (auto& note : study.notes) note = printable_line(note);
  for (auto& sample : study.samples)
    for (auto& value : sample.configuration) value = printable_line(value);
}

Study read_one(std::string const& path, Facts& facts) {
  InputStream in(path);
  auto const* format = recognised(path, in.prefix());
  if (format == nullptr) {
    Study study = read_study_csv(in, path, facts);
    require_ranges(study);
    show_control_characters(study);
    facts.complete(study);
    return study;
  }
  Study study = format->read(in, path, facts);
  require_ranges(study);
  show_control_characters(study);
  study.set("imported_from", std::string(format->name));
  facts.complete(study);
  return study;
}

/// Keys that say what was run: two values are two studies, not one.
constexpr std::array<std::string_view, 8> identity_keys{
    "workload", "regime", "warmup", "workers_per_node", "parameters", "gradient_bytes", "accelerator", "interconnect"};

/// Whether a Study times the network alone: what ran on it is then the benchmark, not the job.
bool is_network(Study const& study) {
  return std::all_of(study.samples.begin(), study.samples.end(),
                     [](auto const& s) { return s.op == Operation::allreduce; });
}

/// Whether a benchmark of the network ran on one node, and so shows at least how many workers a node has.
bool on_one_node(Study const& study, double workers_per_node) {
  return is_network(study) && std::all_of(study.samples.begin(), study.samples.end(),
                                          [&](auto const& s) { return s.ranks <= workers_per_node; });
}

/// Takes the larger of two counts where the smaller is of a benchmark that one node held. @return whether it is
bool join_workers_per_node(Study& into, Study const& from) {
  double const here = into.find_number("workers_per_node").value_or(0.0),
               there = from.find_number("workers_per_node").value_or(0.0);
  if (!on_one_node(here < there ? into : from, std::min(here, there))) return false;
  if (here < there) into.set("workers_per_node", *from.find("workers_per_node"));
  return true;
}

void join_headers(Study& into, Study const& from) {
  for (auto const& [key, value] : from.header) {
    auto const present = into.find(key);
    if (present == value) continue;
    if (!present) {
      into.set(key, value);
    } else if (key == "workload" && is_network(into) != is_network(from)) {
      if (is_network(into)) into.set(key, value);
    } else if (key == "workers_per_node" && join_workers_per_node(into, from)) {
      continue;
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

/// What a run number belongs to: the same job at the same K, and where ranks are told apart, the same rank.
using RunKey = std::tuple<Operation, int, std::optional<double>, std::optional<int>>;
RunKey run_key(Sample const& s) { return {s.op, s.ranks, s.global_batch, s.rank}; }

std::map<RunKey, int> next_runs(Study const& study) {
  std::map<RunKey, int> next;
  for (auto const& s : study.samples) next[run_key(s)] = std::max(next[run_key(s)], s.run.value_or(0) + 1);
  return next;
}

/// Components of different sources differ in their configuration: each gets the other's columns, left empty.
void align_columns(Study& a, Study& b) {
  for (auto [to, from] : {std::pair{&a, &b}, std::pair{&b, &a}})
    for (auto const& name : from->configuration_columns) {
      auto& columns = to->configuration_columns;
      if (std::find(columns.begin(), columns.end(), name) == columns.end()) columns.push_back(name);
    }
  // The same names in another order: b's values follow a's order.
  std::vector<std::size_t> order;
  for (auto const& name : a.configuration_columns)
    order.push_back(
        static_cast<std::size_t>(std::find(b.configuration_columns.begin(), b.configuration_columns.end(), name) -
                                 b.configuration_columns.begin()));
  for (auto& sample : a.samples) sample.configuration.resize(order.size());
  for (auto& sample : b.samples) {
    sample.configuration.resize(order.size());
    auto const values = sample.configuration;
    for (std::size_t i = 0; i < order.size(); ++i) sample.configuration[i] = values[order[i]];
  }
  b.configuration_columns = a.configuration_columns;
}

void merge(Study& into, Study& from) {
  if (into.kind() != from.kind())
    throw DataError(from.path, 0,
                    "holds " + std::string(kind_name(from.kind())) + " (" + into.path + " holds " +
                        std::string(kind_name(into.kind())) + "). Give one kind at a time?");
  if (into.time_column != from.time_column)
    throw DataError(from.path, 0,
                    "has its times in " + from.time_column + " (" + into.path + " in " + into.time_column + ")");
  if (into.kind() == StudyKind::components) align_columns(into, from);
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

std::vector<Study> read_studies(std::vector<std::string> const& paths, std::vector<Assumption> const& assumptions) {
  if (paths.empty()) throw InputError("no input file (expected a Study, a table or a log)");
  std::vector<Study> studies;
  std::set<std::pair<std::string, std::string>> used;  // file ("" for all), key
  for (auto const& path : paths) {
    if (std::count(paths.begin(), paths.end(), path) > 1)
      throw DataError(path, 0, "is given twice (its samples would count twice)");
    Facts facts(path, assumptions);
    studies.push_back(read_one(path, facts));
    for (auto const& [key, value] : facts.used()) used.insert({path, key}), used.insert({"", key});
  }
  for (auto const& assumption : assumptions)
    if (!used.contains({assumption.file, assumption.key}))
      throw InputError("--assume " + (assumption.file.empty() ? "" : assumption.file + ":") + assumption.key + "=" +
                       assumption.value + " (no input lacks it" +
                       (assumption.file.empty() ? "" : ", or none has that name") + "). Leave it out?");
  return studies;
}

Study merged(std::vector<Study> studies) {
  KURVE_EXPECT(!studies.empty());
  if (studies.size() == 1) return std::move(studies.front());
  std::vector<std::string> notes;
  auto const has = [](Study const& study, std::string const& note) {
    return std::find(study.notes.begin(), study.notes.end(), note) != study.notes.end();
  };
  for (auto& study : studies) {
    for (auto const& note : study.notes) {
      bool const of_all =
          std::all_of(studies.begin(), studies.end(), [&](auto const& other) { return has(other, note); });
      if (!of_all)
        notes.push_back(study.path + ": " + note);
      else if (&study == &studies.front())
        notes.push_back("every input: " + note);
    }
    for (auto& sample : study.samples) sample.line = 0;  // lines of which file?
  }
  Study result = std::move(studies.front());
  for (std::size_t i = 1; i < studies.size(); ++i) merge(result, studies[i]);
  result.path += " and " + std::to_string(studies.size() - 1) + " more";
  result.notes = std::move(notes);
  return result;
}

Study read_study(std::vector<std::string> const& paths, std::vector<Assumption> const& assumptions) {
  return merged(read_studies(paths, assumptions));
}

}  // namespace kurve::data
