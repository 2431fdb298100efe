// SPDX-License-Identifier: Apache-2.0
#include "data/logs/extra_p.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "data/columns.hpp"
#include "data/csv.hpp"
#include "data/input_stream.hpp"
#include "data/json_text.hpp"
#include "data/open_file.hpp"
#include "data/quantity_text.hpp"
#include "model/error.hpp"

namespace kurve::data {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 4> operations{"step", "compute", "serial", "allreduce"};

/// One point of one metric and call path.
struct Measurement {
  std::string callpath, metric;
  std::vector<double> point;  ///< in the order of Experiment::parameters
  std::vector<double> values;
  long line = 0;
};

struct Experiment {
  std::vector<std::string> parameters;
  std::vector<Measurement> measurements;
};

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  for (std::size_t at = 0; (at = text.find_first_not_of(" \t\r", at)) != std::string_view::npos;) {
    std::size_t const end = std::min(text.find_first_of(" \t\r", at), text.size());
    words.emplace_back(text.substr(at, end - at));
    at = end;
  }
  return words;
}

/// Turns an experiment into a Study: which parameter is K, which metric is the time.
class Interpreter {
 public:
  Interpreter(std::string const& path, Facts& facts) : path_(path), facts_(facts) { study_.path = path; }

  Study read(Experiment const& experiment) {
    if (experiment.measurements.empty()) throw DataError(path_, 0, "no measurement in the file (is it cut off?)");
    find_roles(experiment.parameters);
    choose(experiment);
    for (auto const& m : experiment.measurements)
      if (m.callpath == callpath_ && m.metric == metric_) add(m);
    study_.set("workload", callpath_.empty() ? "Extra-P experiment" : callpath_);
    return std::move(study_);
  }

 private:
  void find_roles(std::vector<std::string> const& parameters) {
    auto const stated = facts_.text("parameter");
    bool known = false;
    for (auto const& name : parameters) {
      std::optional<Column> column;
      try {
        column = recognise_column(name, Dialect::hand_made, {});
      } catch (InputError const& e) {
        throw DataError(path_, 0, e.what());
      }
      auto role = column ? column->role : Role::configuration;
      if (stated) role = name == *stated ? Role::ranks : role == Role::ranks ? Role::configuration : role;
      constexpr std::array used{Role::ranks, Role::nodes, Role::global_batch, Role::local_batch, Role::bytes};
      if (std::find(used.begin(), used.end(), role) == used.end()) role = Role::configuration;
      if (role != Role::configuration && std::find(roles_.begin(), roles_.end(), role) != roles_.end())
        ask_for(path_, "parameter '" + name.substr(0, 64) + "' says again what another says", "parameter=" + name);
      if (role == Role::configuration) study_.configuration_columns.push_back(column_name(name));
      known = known || role == Role::ranks || role == Role::nodes;
      roles_.push_back(role);
    }
    if (stated && std::find(parameters.begin(), parameters.end(), *stated) == parameters.end())
      throw InputError("--assume parameter=" + *stated + " (the file has no such parameter)");
    only_operations_ = !known;
  }

  /// A name that can stand in a Study's header.
  std::string column_name(std::string const& name) {
    std::string text(trimmed(name));
    std::replace_if(
        text.begin(), text.end(), [](char c) { return c == ',' || c == '"' || c == '\t' || is_control(c); }, '_');
    std::size_t end = std::min<std::size_t>(64, text.size());
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0u) == 0x80u) --end;  // no half letter
    text.resize(end);
    if (text.empty()) text = "parameter";
    auto const taken = [](auto const& names, std::string const& wanted) {
      return std::find(names.begin(), names.end(), wanted) != names.end();
    };
    while (taken(study_.configuration_columns, text) || taken(study_column_names(), text)) text += "_";
    return text;
  }

  void choose(Experiment const& experiment) {
    std::set<std::string> callpaths, metrics;
    for (auto const& m : experiment.measurements) callpaths.insert(m.callpath);
    callpath_ = one_of(callpaths, "callpath", "call paths", [](std::string const& name) { return name == "main"; });
    for (auto const& m : experiment.measurements)
      if (m.callpath == callpath_) metrics.insert(m.metric);
    bool const stated = facts_.text("metric").has_value();
    metric_ = one_of(metrics, "metric", "metrics", [](std::string const& name) { return time_of(name).has_value(); });
    auto const time = time_of(metric_);
    if (!time && !stated && !metric_.empty() && metric_ != "<default>")
      ask_for(path_, "metric '" + metric_.substr(0, 64) + "' does not sound like a time",
              "metric=" + metric_ + " if it is one, in seconds");
    to_si_ = time ? time->to_si : 1.0;
    auto const op = std::find(operations.begin(), operations.end(), callpath_);
    op_ = op == operations.end() ? Operation::step : static_cast<Operation>(op - operations.begin());
    bool const step_time = op_ == Operation::step && time && time->role == Role::step_time;
    study_.time_column = step_time ? "step_time_s" : "time_s";
    if (only_operations_ && op_ == Operation::step) ask_for(path_, "which parameter is K is open", "parameter=NAME");
    study_.notes.push_back("metric '" + metric_.substr(0, 64) + "' read as seconds" +
                           (to_si_ == 1.0 ? "" : " times " + number_text(to_si_)));
  }

  static std::optional<Column> time_of(std::string const& metric) {
    try {
      auto const column = recognise_column(metric, Dialect::hand_made, {});
      if (column && (column->role == Role::step_time || column->role == Role::run_time)) return column;
    } catch (InputError const&) {
    }
    return std::nullopt;
  }

  template <typename Preferred>
  std::string one_of(std::set<std::string> const& names, std::string const& fact, std::string const& what,
                     Preferred preferred) {
    std::string listed;
    for (auto const& name : names) listed += (listed.empty() ? "" : ", ") + name.substr(0, 64);
    listed = listed.substr(0, 400);
    if (auto const stated = facts_.text(fact)) {
      if (!names.contains(*stated))
        throw InputError("--assume " + fact + "=" + *stated + " (the file has " + listed + ")");
      return *stated;
    }
    if (names.size() == 1) return *names.begin();
    if (std::count_if(names.begin(), names.end(), preferred) == 1)
      return *std::find_if(names.begin(), names.end(), preferred);
    ask_for(path_, "several " + what + " (" + listed + ")", fact + "=" + names.begin()->substr(0, 64));
  }

  [[noreturn]] void fail(Measurement const& m, std::string const& what) const { throw DataError(path_, m.line, what); }

  int whole(Measurement const& m, double value, char const* what) const {
    if (!(value >= 1.0 && value <= 1e9) || value != std::floor(value))
      fail(m, std::string(what) + "=" + number_text(value) + " (must be a whole number from 1 to 1e9)");
    return static_cast<int>(value);
  }

  void add(Measurement const& m) {
    Sample sample;
    sample.op = op_;
    sample.line = m.line;
    for (std::size_t i = 0; i < roles_.size(); ++i) place(sample, m, roles_[i], m.point[i]);
    if (sample.nodes && std::find(roles_.begin(), roles_.end(), Role::ranks) == roles_.end())
      sample.ranks = whole(m, *sample.nodes * facts_.positive("workers_per_node").value_or(1.0), "K");
    if (op_ == Operation::step && sample.local_batch && !sample.global_batch)
      sample.global_batch = *sample.local_batch * sample.ranks;
    if (op_ == Operation::allreduce && !sample.bytes) fail(m, "an all-reduce without a parameter 'bytes'");
    if (op_ == Operation::compute && !sample.local_batch) fail(m, "compute without a parameter 'local_batch'");
    if (m.values.empty()) fail(m, "a point without values");
    for (double const value : m.values) {
      sample.time_s = value * to_si_;
      if (!(sample.time_s > 0.0) || !std::isfinite(sample.time_s))
        fail(m, "value " + number_text(value) + " (a time must be positive)");
      sample.run = runs_[m.point]++;
      study_.samples.push_back(sample);
    }
  }

  void place(Sample& sample, Measurement const& m, Role role, double value) {
    if (role == Role::configuration) {
      sample.configuration.push_back(number_text(value));
    } else if (role == Role::ranks) {
      sample.ranks = whole(m, value, "K");
    } else if (role == Role::nodes) {
      sample.nodes = whole(m, value, "nodes");
    } else if (!(value > 0.0 && value <= 1e18)) {
      fail(m, "parameter value " + number_text(value) + " (must be positive)");
    } else if (role == Role::bytes) {
      if (value != std::floor(value)) fail(m, "bytes=" + number_text(value) + " (must be whole)");
      sample.bytes = static_cast<std::int64_t>(value);
    } else {
      (role == Role::global_batch ? sample.global_batch : sample.local_batch) = value;
    }
  }

  std::string path_;
  Facts& facts_;
  Study study_;
  std::vector<Role> roles_;
  bool only_operations_ = false;  ///< no parameter is K: steps cannot be read
  std::string callpath_, metric_;
  Operation op_ = Operation::step;
  double to_si_ = 1.0;
  std::map<std::vector<double>, int> runs_;
};

class TextReader {
 public:
  TextReader(std::istream& in, std::string const& path) : lines_(in, path) {}

  Experiment read() {
    for (std::string line; lines_.next(line);) {
      require_text(line, lines_.path(), lines_.number());
      if (trimmed(line).empty() || line.front() == '#') continue;
      auto const at = std::min(line.find_first_of(" \t"), line.size());
      read_field(line.substr(0, at), std::string(trimmed(std::string_view(line).substr(at))));
    }
    return std::move(experiment_);
  }

 private:
  [[noreturn]] void fail(std::string const& what) const { throw DataError(lines_.path(), lines_.number(), what); }

  void read_field(std::string const& field, std::string const& value) {
    if (field == "PARAMETER") {
      if (!points_.empty()) fail("PARAMETER after POINTS (the points lack its value). Name every parameter first?");
      for (auto const& name : words_of(value)) experiment_.parameters.push_back(name);
    } else if (field == "POINTS") {
      read_points(value);
    } else if (field == "REGION") {
      region_ = value;
      next_ = 0;
    } else if (field == "METRIC") {
      metric_ = value;
      next_ = 0;
    } else if (field == "DATA") {
      if (next_ >= points_.size())
        fail("a DATA line more than POINTS (" + std::to_string(points_.size()) + ") before it");
      experiment_.measurements.push_back({region_, metric_, points_[next_++], numbers(value), lines_.number()});
    } else {
      fail("unknown field '" + field.substr(0, 32) + "' (expected PARAMETER, POINTS, REGION, METRIC or DATA)");
    }
  }

  std::vector<double> numbers(std::string const& text) const {
    std::vector<double> values;
    for (auto const& word : words_of(text)) {
      auto const value = number_from_text(word);
      if (!value || !std::isfinite(*value)) fail("'" + word.substr(0, 32) + "' (must be a number)");
      values.push_back(*value);
    }
    return values;
  }

  /// `4 8 16`, or `(4 1) (8 1)`, or `( 4 1 ) ...`; several POINTS lines add up.
  void read_points(std::string const& text) {
    std::size_t const dimensions = experiment_.parameters.size();
    if (dimensions == 0) fail("POINTS before any PARAMETER");
    std::string plain = text;
    std::replace_if(
        plain.begin(), plain.end(), [](char c) { return c == '(' || c == ')'; }, ' ');
    auto const values = numbers(plain);
    if (values.size() % dimensions != 0)
      fail(std::to_string(values.size()) + " numbers (must be a multiple of " + std::to_string(dimensions) +
           ", the parameters)");
    for (std::size_t i = 0; i < values.size(); i += dimensions)
      points_.emplace_back(values.begin() + static_cast<std::ptrdiff_t>(i),
                           values.begin() + static_cast<std::ptrdiff_t>(i + dimensions));
  }

  LineReader lines_;
  Experiment experiment_;
  std::vector<std::vector<double>> points_;
  std::string region_, metric_;
  std::size_t next_ = 0;
};

std::vector<double> numbers_of(json const& value, std::string const& path, long line, std::string const& what) {
  std::vector<double> numbers;
  for (auto const& item : value.is_array() ? value : json::array({value})) {
    if (!item.is_number())
      throw DataError(
          path, line,
          what + " " + item.dump(-1, ' ', false, json::error_handler_t::replace).substr(0, 64) + " (must be a number)");
    numbers.push_back(item.get<double>());
  }
  return numbers;
}

Experiment read_document(json const& document, std::string const& path) {
  if (!document.is_object())
    throw DataError(path, 0, "is no JSON object (expected \"parameters\" and \"measurements\")");
  if (document.contains("callpaths"))
    throw DataError(path, 0, "is Extra-P JSON of the old layout (with \"callpaths\"). Save it again with Extra-P 4.1?");
  Experiment experiment;
  auto const bad = [&](std::string const& what) { throw DataError(path, 0, what); };
  json const parameters = document.value("parameters", json::array());
  for (auto const& parameter : parameters) {
    json const& name = parameter.is_object() && parameter.contains("name") ? parameter["name"] : parameter;
    if (!name.is_string()) bad("a parameter without a name");
    experiment.parameters.push_back(name.get<std::string>());
  }
  json const measurements = document.value("measurements", json());
  if (!measurements.is_object()) bad("\"measurements\" is no object (expected call paths)");
  for (auto const& [callpath, metrics] : measurements.items()) {
    if (!metrics.is_object()) bad("call path '" + callpath.substr(0, 64) + "' is no object (expected metrics)");
    for (auto const& [metric, points] : metrics.items()) {
      for (auto const& entry : points) {
        if (!entry.is_object() || !entry.contains("point") || !entry.contains("values"))
          bad("a measurement of '" + metric.substr(0, 64) + "' without \"point\" and \"values\"");
        Measurement m{callpath, metric, numbers_of(entry["point"], path, 0, "point"),
                      numbers_of(entry["values"], path, 0, "value"), 0};
        if (m.point.size() != experiment.parameters.size())
          bad("a point of " + std::to_string(m.point.size()) + " numbers (the parameters are " +
              std::to_string(experiment.parameters.size()) + ")");
        experiment.measurements.push_back(std::move(m));
      }
    }
  }
  return experiment;
}

Experiment read_json_lines(std::string const& text, std::string const& path) {
  Experiment experiment;
  long line = 0;
  for (std::size_t start = 0; start < text.size();) {
    std::size_t const end = std::min(text.find('\n', start), text.size());
    auto const record = std::string_view(text).substr(start, end - start);
    start = end + 1;
    ++line;
    if (record.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    auto const row = json::parse(record, nullptr, false);
    if (!row.is_object() || !row.contains("params") || !row["params"].is_object() || !row.contains("value"))
      throw DataError(path, line, "no {\"params\": {...}, \"value\": ...} (is the line cut off?)");
    if (experiment.measurements.empty())
      for (auto const& [name, value] : row["params"].items()) experiment.parameters.push_back(name);
    if (experiment.parameters.empty()) throw DataError(path, line, "no parameter (\"params\" is empty)");
    auto const name_of = [&](char const* key) {
      return row.contains(key) && row[key].is_string() ? row[key].get<std::string>() : std::string{};
    };
    Measurement m{name_of("callpath"), name_of("metric"), {}, numbers_of(row["value"], path, line, "value"), line};
    for (auto const& name : experiment.parameters) {
      if (!row["params"].contains(name)) throw DataError(path, line, "no parameter '" + name.substr(0, 64) + "'");
      auto const value = numbers_of(row["params"][name], path, line, "parameter");
      if (value.size() != 1) throw DataError(path, line, "parameter '" + name.substr(0, 64) + "' is no single number");
      m.point.push_back(value[0]);
    }
    experiment.measurements.push_back(std::move(m));
  }
  return experiment;
}

/// What a point of the exported experiment is made of; only K, and what the law of a single operation depends on.
std::vector<std::string> exported_parameters(Study const& study) {
  std::set<Operation> ops;
  for (auto const& s : study.samples) ops.insert(s.op);
  if (study.kind() == StudyKind::steps)
    return study.derived_regime() == model::Regime::mixed ? std::vector<std::string>{"K", "global_batch"}
                                                          : std::vector<std::string>{"K"};
  std::vector<std::string> names{"ranks"};
  if (ops.contains(Operation::compute)) names.emplace_back("local_batch");
  if (ops.contains(Operation::allreduce)) names.emplace_back("bytes");
  return names;
}

double exported_value(Sample const& s, std::string const& parameter) {
  if (parameter == "global_batch") return s.global_batch.value_or(1.0);
  if (parameter == "local_batch") return s.local_batch.value_or(1.0);
  if (parameter == "bytes") return static_cast<double>(s.bytes.value_or(1));
  return s.ranks;
}

}  // namespace

bool is_extra_p_text(std::string_view prefix) {
  for (std::size_t start = 0; start < prefix.size();) {
    std::size_t const end = std::min(prefix.find('\n', start), prefix.size());
    auto const line = trimmed(prefix.substr(start, end - start));
    start = end + 1;
    if (line.empty() || line.starts_with('#')) continue;
    return line.starts_with("PARAMETER ") || line.starts_with("PARAMETER\t");
  }
  return false;
}

bool is_extra_p_json(std::string_view prefix) {
  auto const names = [&](std::string_view key) { return prefix.find(key) != std::string_view::npos; };
  return (names("\"parameters\"") && names("\"measurements\"")) || (names("\"params\"") && names("\"value\""));
}

Study read_extra_p_text(std::istream& in, std::string const& path, Facts& facts) {
  return Interpreter(path, facts).read(TextReader(in, path).read());
}

Study read_extra_p_json(std::istream& in, std::string const& path, Facts& facts) {
  std::string const text = read_rest(in, path, largest_log_bytes);
  // A document has both keys; the lines have "params" in each.
  bool const document = text.find("\"measurements\"") != std::string::npos;
  return Interpreter(path, facts)
      .read(document ? read_document(parse_json(text, path), path) : read_json_lines(text, path));
}

void write_extra_p(std::ostream& out, Study const& study) {
  if (study.kind() == StudyKind::per_rank)
    throw DataError(study.path, 0, "times of single ranks are no measurements of a point. Give whole steps?");
  auto const parameters = exported_parameters(study);
  std::map<std::string, std::map<std::vector<double>, std::vector<double>>> by_callpath;
  for (auto const& sample : study.samples) {
    std::vector<double> point;
    for (auto const& name : parameters) point.push_back(exported_value(sample, name));
    by_callpath[std::string(operations[static_cast<std::size_t>(sample.op)])][point].push_back(sample.time_s);
  }
  nlohmann::ordered_json measurements = nlohmann::ordered_json::object();
  for (auto const& [callpath, points] : by_callpath) {
    auto& list = measurements[callpath][study.time_column] = nlohmann::ordered_json::array();
    for (auto const& [point, values] : points) list.push_back({{"point", point}, {"values", values}});
  }
  write_json(out, {{"parameters", parameters}, {"measurements", measurements}});
}

}  // namespace kurve::data
