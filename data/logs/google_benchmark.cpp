// SPDX-License-Identifier: Apache-2.0
#include "data/logs/google_benchmark.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "data/columns.hpp"
#include "data/input_stream.hpp"
#include "data/json_text.hpp"
#include "data/open_file.hpp"
#include "data/quantity_text.hpp"
#include "model/error.hpp"

namespace kurve::data {
namespace {

using nlohmann::json;

std::vector<std::string> split(std::string const& text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t start = 0; start <= text.size();) {
    std::size_t const end = std::min(text.find(separator, start), text.size());
    parts.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return parts;
}

/// What a word before a number in a benchmark's name, or in `argument=`, stands for.
std::optional<Role> role_of(std::string const& word) {
  std::optional<Column> column;
  try {
    column = recognise_column(word, Dialect::hand_made, {});
  } catch (InputError const&) {  // `batch`: of one worker, as a benchmark of compute has it
    return Role::local_batch;
  }
  if (!column) return std::nullopt;
  constexpr std::array known{Role::ranks, Role::nodes, Role::global_batch, Role::local_batch, Role::bytes};
  return std::find(known.begin(), known.end(), column->role) == known.end() ? std::nullopt
                                                                            : std::optional(column->role);
}

/// `family/K:8/32/real_time`, taken apart.
struct Name {
  std::string family;
  std::map<Role, double> values;
  std::vector<double> bare;  ///< numbers without a word
};

Name name_of(std::string const& text) {
  auto const parts = split(text, '/');
  Name name{.family = parts.front(), .values = {}, .bare = {}};
  constexpr std::array<std::string_view, 6> options{"threads",  "iterations",      "repeats",
                                                    "min_time", "min_warmup_time", "process_time"};
  for (std::size_t i = 1; i < parts.size(); ++i) {
    auto const colon = parts[i].find(':');
    std::string const word = colon == std::string::npos ? "" : parts[i].substr(0, colon);
    auto const number = number_from_text(colon == std::string::npos ? parts[i] : parts[i].substr(colon + 1));
    if (!number || !std::isfinite(*number) || std::find(options.begin(), options.end(), word) != options.end())
      continue;
    if (word.empty())
      name.bare.push_back(*number);
    else if (auto const role = role_of(word))
      name.values.emplace(*role, *number);
  }
  return name;
}

double seconds_per(std::string const& unit) {
  return unit == "s" ? 1.0 : unit == "ms" ? 1e-3 : unit == "us" ? 1e-6 : unit == "ns" ? 1e-9 : 0.0;
}

std::string text_of(json const& row, char const* key) {
  auto const found = row.find(key);
  return found != row.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

double number_of(json const& row, char const* key) {
  auto const found = row.find(key);
  return found != row.end() && found->is_number() ? found->get<double>() : 0.0;
}

class BenchmarkReader {
 public:
  BenchmarkReader(std::string const& path, Facts& facts) : path_(path), facts_(facts) { study_.path = path; }

  Study read(json const& document) {
    if (!document.is_object() || !document.contains("benchmarks") || !document["benchmarks"].is_array())
      throw DataError(path_, 0, "no list \"benchmarks\" (expected what --benchmark_format=json writes)");
    auto const rows = chosen(document["benchmarks"]);
    for (auto const* row : rows) add(*row);
    if (study_.samples.empty()) throw DataError(path_, 0, "no timed benchmark in the file");
    bool const steps = study_.kind() != StudyKind::components;
    study_.time_column = steps ? "step_time_s" : "time_s";
    study_.set("workload", "benchmark " + family_);
    if (failed_ > 0) study_.notes.push_back(std::to_string(failed_) + " benchmarks that report an error left out");
    if (!how_.empty()) study_.notes.push_back(how_);
    return std::move(study_);
  }

 private:
  [[noreturn]] void fail(std::string const& what) const { throw DataError(path_, 0, what); }

  /// Rows of one family: repetitions where there are any, else means.
  std::vector<json const*> chosen(json const& all) {
    std::set<std::string> families;
    for (auto const& row : all)
      if (row.is_object() && row.contains("name")) families.insert(name_of(run_name(row)).family);
    auto const wanted = facts_.text("benchmark");
    if (wanted && !families.contains(*wanted))
      throw InputError("--assume benchmark=" + *wanted + " (the file has " + listed(families) + ")");
    if (!wanted && families.size() > 1)
      ask_for(path_, "several benchmarks in one file (" + listed(families) + ")", "benchmark=" + *families.begin());
    family_ = wanted ? *wanted : families.empty() ? "" : *families.begin();
    std::vector<json const*> iterations, means;
    for (auto const& row : all) {
      if (!row.is_object() || name_of(run_name(row)).family != family_) continue;
      if (auto const error = row.find("error_occurred"); error != row.end() && *error == true)
        ++failed_;
      else if (text_of(row, "run_type") != "aggregate")
        iterations.push_back(&row);
      else if (text_of(row, "aggregate_name") == "mean")
        means.push_back(&row);
    }
    if (iterations.empty() && !means.empty())
      study_.notes.push_back("means of repetitions (the file has no single ones)");
    return iterations.empty() ? means : iterations;
  }

  static std::string listed(std::set<std::string> const& names) {
    std::string text;
    for (auto const& name : names) text += (text.empty() ? "" : ", ") + name.substr(0, 64);
    return text.substr(0, 400);
  }

  /// The name without what aggregates append.
  static std::string run_name(json const& row) {
    auto const name = text_of(row, "run_name");
    return name.empty() ? text_of(row, "name") : name;
  }

  /// Gives bare numbers the roles that `argument=` names, or K to a single one.
  void name_bare_numbers(Name& name) {
    if (name.bare.empty()) return;
    auto const fact = facts_.text("argument");
    if (!fact && (name.bare.size() > 1 || name.values.contains(Role::ranks)))
      ask_for(path_,
              "what the numbers in '" + name.family.substr(0, 64) + "/" + number_text(name.bare[0]) +
                  "...' stand for is open",
              "argument=K,local_batch");
    auto const words = split(fact.value_or("K"), ',');
    for (std::size_t i = 0; i < std::min(words.size(), name.bare.size()); ++i) {
      auto const role = role_of(words[i]);
      if (!role)
        throw InputError("--assume argument=" + *fact + " (a list of K, local_batch, global_batch, bytes, nodes)");
      name.values.emplace(*role, name.bare[i]);
    }
    if (!fact) how_ = "the number in the name read as K (else add --assume argument=local_batch)";
  }

  Operation operation_of(Name const& name) {
    if (auto const op = facts_.text("op")) {
      constexpr std::array<std::string_view, 4> names{"step", "compute", "serial", "allreduce"};
      auto const found = std::find(names.begin(), names.end(), *op);
      if (found == names.end())
        throw InputError("--assume op=" + *op + " (must be step, compute, serial or allreduce)");
      return static_cast<Operation>(found - names.begin());
    }
    if (name.values.contains(Role::bytes)) return Operation::allreduce;
    if (name.values.contains(Role::ranks) || name.values.contains(Role::nodes)) return Operation::step;
    if (name.values.contains(Role::local_batch)) return Operation::compute;
    ask_for(path_, "'" + name.family.substr(0, 64) + "' names neither K nor a batch",
            "op=serial, or ranks in the name");
  }

  int count(Name const& name, Role role) {
    double const value = name.values.at(role);
    if (!(value >= 1.0 && value <= 1e9) || value != std::floor(value))
      fail("'" + name.family.substr(0, 64) + "': " + number_text(value) + " (must be a whole number from 1 to 1e9)");
    return static_cast<int>(value);
  }

  void add(json const& row) {
    auto name = name_of(run_name(row));
    name_bare_numbers(name);
    double const threads = number_of(row, "threads");
    if (threads > 1.0 && !name.values.contains(Role::ranks)) name.values.emplace(Role::ranks, threads);
    Sample sample;
    sample.op = operation_of(name);
    if (name.values.contains(Role::ranks)) sample.ranks = count(name, Role::ranks);
    if (name.values.contains(Role::nodes)) sample.nodes = count(name, Role::nodes);
    if (sample.nodes && !name.values.contains(Role::ranks)) sample.ranks = ranks_on(*sample.nodes);
    for (auto const role : {Role::global_batch, Role::local_batch}) {
      auto const found = name.values.find(role);
      if (found == name.values.end()) continue;
      if (!(found->second > 0.0 && found->second <= 1e15))
        fail("batch " + number_text(found->second) + " (must be positive, up to 1e15)");
      (role == Role::global_batch ? sample.global_batch : sample.local_batch) = found->second;
    }
    if (sample.op == Operation::step && sample.local_batch && !sample.global_batch)
      sample.global_batch = *sample.local_batch * sample.ranks;
    if (sample.op == Operation::compute && !sample.local_batch) sample.local_batch = facts_.positive("local_batch");
    if (sample.op == Operation::compute && !sample.local_batch)
      ask_for(path_, "'" + family_.substr(0, 64) + "' names no batch", "local_batch=32");
    if (name.values.contains(Role::bytes)) {
      double const bytes = name.values.at(Role::bytes);
      if (!(bytes >= 1.0 && bytes <= 1e18) || bytes != std::floor(bytes))
        fail("'" + name.family.substr(0, 64) + "': " + number_text(bytes) + " bytes (must be a whole number)");
      sample.bytes = static_cast<std::int64_t>(bytes);
    }
    if (sample.op == Operation::allreduce && !sample.bytes)
      fail("'" + family_.substr(0, 64) + "' names no bytes (an all-reduce needs /bytes:N in its name)");
    read_time(sample, row);
    sample.run = runs_[{sample.ranks, sample.global_batch, sample.local_batch, sample.bytes}]++;
    study_.samples.push_back(sample);
  }

  int ranks_on(int nodes) {
    double const ranks = nodes * facts_.positive("workers_per_node").value_or(1.0);
    if (!(ranks >= 1.0 && ranks <= 1e9) || ranks != std::floor(ranks))
      fail("K=" + number_text(ranks) + " (nodes times workers_per_node must be a whole number from 1 to 1e9)");
    return static_cast<int>(ranks);
  }

  void read_time(Sample& sample, json const& row) {
    std::string const unit = text_of(row, "time_unit");
    double const factor = seconds_per(unit);
    if (factor == 0.0) fail("time_unit '" + unit.substr(0, 16) + "' (must be s, ms, us or ns)");
    sample.time_s = number_of(row, "real_time") * factor;
    if (!(sample.time_s > 0.0) || !std::isfinite(sample.time_s))
      fail("'" + run_name(row).substr(0, 80) + "': real_time " + row.value("real_time", json()).dump().substr(0, 32) +
           " (must be positive)");
  }

  std::string path_;
  Facts& facts_;
  Study study_;
  std::string family_, how_;
  std::map<std::tuple<int, std::optional<double>, std::optional<double>, std::optional<std::int64_t>>, int> runs_;
  long failed_ = 0;
};

}  // namespace

bool is_google_benchmark(std::string_view prefix) {
  auto const names = [&](std::string_view key) { return prefix.find(key) != std::string_view::npos; };
  return names("\"benchmarks\"") && (names("\"run_name\"") || names("\"real_time\"") || names("\"context\""));
}

Study read_google_benchmark(std::istream& in, std::string const& path, Facts& facts) {
  return BenchmarkReader(path, facts).read(parse_json(read_rest(in, path, largest_log_bytes), path));
}

}  // namespace kurve::data
