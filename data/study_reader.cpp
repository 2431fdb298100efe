// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <istream>
#include <set>
#include <sstream>

#include "data/columns.hpp"
#include "data/csv.hpp"
#include "data/facts.hpp"
#include "data/quantity_text.hpp"
#include "data/study.hpp"
#include "model/error.hpp"
#include "model/near_miss.hpp"

namespace kurve::data {
namespace {

constexpr std::array<std::string_view, 16> known_keys{"kurve",
                                                      "workload",
                                                      "regime",
                                                      "baseline",
                                                      "warmup",
                                                      "setup",
                                                      "source",
                                                      "configuration",
                                                      "workers_per_node",
                                                      "parameters",
                                                      "gradient_bytes",
                                                      "accelerator",
                                                      "interconnect",
                                                      "imported_from",
                                                      "assumed",
                                                      "collectives_per_step"};
constexpr std::array<std::string_view, 4> operations{"step", "compute", "serial", "allreduce"};
constexpr std::size_t most_header_lines = 10'000;  // bounds memory on an endless header; real ones have tens

/// One reading of one file.
class StudyReader {
 public:
  StudyReader(std::istream& in, std::string const& path, Facts& facts) : lines_(in, path), facts_(facts) {
    study_.path = path;
  }

  Study read() {
    std::string line;
    while (lines_.next(line)) {
      if (trimmed(line).empty()) continue;
      if (line.front() == '#') {
        if (columns_.empty()) read_header_line(line);
      } else if (columns_.empty()) {
        read_column_names(line);
      } else {
        read_row(line);
      }
    }
    finish();
    return std::move(study_);
  }

 private:
  [[noreturn]] void fail(std::string const& what) const { throw DataError(lines_.path(), lines_.number(), what); }

  void read_header_line(std::string_view line);
  void check_header_value(std::string const& key, std::string const& value);
  void read_column_names(std::string const& line);
  void require_columns() const;
  void read_row(std::string const& line);
  void read_cell(Sample& sample, Column const& column, std::string const& cell);
  void read_time(Sample& sample, Column const& column, std::string const& cell);
  void finish_row(Sample& sample);
  void finish();
  [[nodiscard]] int ranks_on(int nodes) const;
  [[nodiscard]] double number(Column const& column, std::string_view cell, double least) const;
  [[nodiscard]] int whole(Column const& column, std::string_view cell, int least) const;
  [[nodiscard]] bool has(Role role) const {
    return std::any_of(columns_.begin(), columns_.end(), [&](auto const& c) { return c.role == role; });
  }

  LineReader lines_;
  Facts& facts_;
  Study study_;
  Dialect dialect_ = Dialect::hand_made;
  std::vector<Column> columns_;
  char delimiter_ = ',';
  std::optional<double> throughput_;  // of the row being read, samples/s of all workers
  double workers_per_node_ = 1.0;
};

void StudyReader::read_header_line(std::string_view line) {
  require_text(line, lines_.path(), lines_.number());
  std::size_t const colon = line.find(':');
  std::string const key{trimmed(line.substr(1, colon == std::string_view::npos ? 0 : colon - 1))};
  if (key.empty() || key.find_first_of(" \t") != std::string::npos) return;  // a comment for people
  std::string const value{trimmed(line.substr(colon + 1))};
  if (key == "kurve") {
    if (dialect_ == Dialect::study) fail("repeated header key 'kurve'");
    if (value != "study/1") fail("unknown study version '" + value + "' (this Kurve reads study/1)");
    dialect_ = Dialect::study;
    return;
  }
  if (study_.find(key)) fail("repeated header key '" + key + "'");
  if (study_.header.size() == most_header_lines) fail("over 10000 header lines (not a Study)");
  check_header_value(key, value);
  if (auto const near = near_miss(key, known_keys); !near.empty())
    study_.notes.push_back("header key '" + key + "' is kept but means nothing to Kurve. Did you mean '" +
                           std::string(near) + "'?");
  study_.header.emplace_back(key, value);
}

void StudyReader::check_header_value(std::string const& key, std::string const& value) {
  if (key == "warmup" || key == "setup") {
    if (value != "excluded" && value != "included" && value != "unknown")
      fail("# " + key + ": '" + value + "' (must be excluded, included or unknown)");
  } else if (key == "regime") {
    try {
      static_cast<void>(model::regime_from_text(value));
    } catch (InputError const& e) {
      fail(std::string("# regime: ") + e.what());
    }
  } else if (key == "workers_per_node" || key == "parameters" || key == "gradient_bytes") {
    auto const number = number_from_text(value);
    if (!number || !std::isfinite(*number) || *number <= 0.0)
      fail("# " + key + ": '" + value + "' (must be a positive number)");
    if (key == "workers_per_node") workers_per_node_ = *number;
  } else if (key == "configuration") {
    for (std::size_t start = 0; start <= value.size();) {
      std::size_t const end = std::min(value.find(',', start), value.size());
      auto const name = trimmed(std::string_view(value).substr(start, end - start));
      auto const own = study_column_names();
      if (std::find(own.begin(), own.end(), name) != own.end())
        fail("# configuration: '" + std::string(name) + "' (a Study column of its own meaning). Take it off the line?");
      if (!name.empty()) study_.configuration_columns.emplace_back(name);
      start = end + 1;
    }
  }
}

void StudyReader::read_column_names(std::string const& line) {
  if (dialect_ == Dialect::hand_made && line.find(',') == std::string::npos) {
    if (line.find(';') != std::string::npos)
      delimiter_ = ';';
    else if (line.find('\t') != std::string::npos)
      delimiter_ = '\t';
  }
  std::set<std::string> names;
  for (auto const& name : read_record(lines_, line, delimiter_)) {
    if (name.empty()) fail("column " + std::to_string(columns_.size() + 1) + " has no name");
    if (!names.insert(name).second) fail("repeated column '" + name + "'");
    std::optional<Column> column;
    try {
      column = recognise_column(name, dialect_, study_.configuration_columns);
    } catch (InputError const& e) {
      fail(e.what());
    }
    if (!column) {
      auto const near = near_miss(name, study_column_names());
      fail("unknown column '" + name.substr(0, 64) + "' (" +
           (dialect_ == Dialect::study ? "a Study has K, global_batch, run, step, step_time_s and others"
                                       : "a table has a column such as gpus, and one such as time_s or images/s") +
           "). " +
           (near.empty() ? "Remove it, or name it in a line '# configuration: " + name.substr(0, 64) + "'?"
                         : "Did you mean '" + std::string(near) + "'?"));
    }
    if (column->role != Role::configuration && has(column->role))
      fail("column '" + name + "' says again what another column says");
    if (!column->note.empty()) study_.notes.push_back("column '" + name + "' " + column->note);
    columns_.push_back(*column);
  }
  if (has(Role::nodes) && !has(Role::ranks) && !study_.find("workers_per_node"))
    if (auto const each = facts_.positive("workers_per_node")) {
      study_.header.emplace_back("workers_per_node", number_text(*each));
      workers_per_node_ = *each;
    }
  for (auto const& name : study_.configuration_columns)
    if (!names.contains(name)) fail("missing configuration column '" + name + "' (the header names it)");
  require_columns();
}

void StudyReader::require_columns() const {
  int const times = has(Role::step_time) + has(Role::run_time) + has(Role::throughput) + has(Role::step_rate);
  bool const per_rank = has(Role::rank) && has(Role::compute);
  if (!has(Role::ranks) && !has(Role::nodes) && !per_rank && !has(Role::op))
    fail("missing column 'K' (the number of workers of each row)");
  if (times == 0 && !per_rank)
    fail("missing a time column (step_time_s, throughput_samples_per_s with global_batch, or time_s)");
  if (times > 1) fail("several time columns (one of step_time_s, throughput_samples_per_s and time_s)");
  if (dialect_ == Dialect::study && has(Role::throughput) && !has(Role::global_batch) && !has(Role::local_batch))
    fail("missing column 'global_batch' (a throughput is a step time only with it)");
}

void StudyReader::read_row(std::string const& line) {
  Sample sample;
  sample.line = lines_.number();
  throughput_.reset();
  auto const cells = read_record(lines_, line, delimiter_);
  if (cells.size() != columns_.size())
    fail("row has " + std::to_string(cells.size()) + " fields (the header has " + std::to_string(columns_.size()) +
         ")");
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (columns_[i].role == Role::configuration)
      sample.configuration.push_back(cells[i]);
    else if (!cells[i].empty())
      read_cell(sample, columns_[i], cells[i]);
    else if (columns_[i].role == Role::ranks && !has(Role::op))
      fail("missing value of '" + columns_[i].name + "'");
  }
  finish_row(sample);
  study_.samples.push_back(std::move(sample));
}

void StudyReader::read_cell(Sample& s, Column const& column, std::string const& cell) {
  switch (column.role) {
    case Role::ranks:
      s.ranks = whole(column, cell, 1);
      break;
    case Role::nodes:
      s.nodes = whole(column, cell, 1);
      break;
    case Role::run:
      s.run = whole(column, cell, 0);
      break;
    case Role::step:
      s.step = whole(column, cell, 0);
      break;
    case Role::rank:
      s.rank = whole(column, cell, 0);
      break;
    case Role::stage:
      s.stage = whole(column, cell, 0);
      break;
    case Role::global_batch:
      s.global_batch = number(column, cell, 0.0);
      break;
    case Role::local_batch:
      s.local_batch = number(column, cell, 0.0);
      break;
    case Role::bytes: {
      double const bytes = number(column, cell, 0.0);
      if (bytes != std::floor(bytes) || bytes > 1e18)
        fail(column.name + "='" + cell + "' (must be a whole number of bytes)");
      s.bytes = static_cast<std::int64_t>(bytes);
      break;
    }
    case Role::op: {
      auto const found = std::find(operations.begin(), operations.end(), cell);
      if (found == operations.end()) fail("op '" + cell + "' (must be step, compute, serial or allreduce)");
      s.op = static_cast<Operation>(found - operations.begin());
      break;
    }
    default:
      read_time(s, column, cell);
      break;
  }
}

void StudyReader::read_time(Sample& s, Column const& column, std::string const& cell) {
  // communication may be free (one rank waits for nobody); every other time is positive
  bool const may_be_free = column.role == Role::comm || column.role == Role::hidden_comm;
  double const value = may_be_free && cell == "0" ? 0.0 : number(column, cell, 0.0);
  switch (column.role) {
    case Role::compute:
      s.compute_s = value;
      break;
    case Role::comm:
      s.comm_s = value;
      break;
    case Role::hidden_comm:
      s.hidden_comm_s = value;
      break;
    case Role::throughput:
      throughput_ = value * column.to_si;
      break;
    case Role::step_rate:
      s.time_s = 1.0 / (value * column.to_si);
      break;
    default:
      s.time_s = value * column.to_si;
      break;
  }
  if (!std::isfinite(s.time_s)) fail(column.name + "='" + cell + "' (out of range)");
}

double StudyReader::number(Column const& column, std::string_view cell, double above) const {
  std::string text{cell};
  if (delimiter_ == ';') std::replace(text.begin(), text.end(), ',', '.');  // tables with `;` often have decimal commas
  auto const value = number_from_text(text);
  if (!value) fail(column.name + "='" + text.substr(0, 64) + "' (must be a number)");
  if (!std::isfinite(*value)) fail(column.name + "='" + text + "' (must be finite)");
  if (*value <= above) fail(column.name + "='" + text + "' (must be positive)");
  return *value;
}

int StudyReader::whole(Column const& column, std::string_view cell, int least) const {
  auto const value = number_from_text(cell);
  if (!value || *value != std::floor(*value) || !(std::abs(*value) <= 1e9))
    fail(column.name + "='" + std::string(cell.substr(0, 64)) + "' (must be a whole number)");
  if (*value < least)
    fail(column.name + "='" + std::string(cell) + "' (must be at least " + std::to_string(least) + ")");
  return static_cast<int>(*value);
}

int StudyReader::ranks_on(int nodes) const {
  double const ranks = nodes * workers_per_node_;
  if (ranks == std::floor(ranks) && ranks >= 1.0 && ranks <= 1e9) return static_cast<int>(ranks);
  std::ostringstream text;
  text << "K=" << ranks << " (nodes times workers_per_node must be a whole number from 1 to 1e9)";
  fail(text.str());
}

/// Turns what the columns say into K, batch and time of the row.
void StudyReader::finish_row(Sample& s) {
  if (!has(Role::ranks) && s.nodes)
    s.ranks = ranks_on(*s.nodes);
  else if (!has(Role::ranks) && has(Role::nodes))
    fail("missing value of 'nodes'");
  if (s.op == Operation::step && s.local_batch && !s.global_batch) s.global_batch = *s.local_batch * s.ranks;
  if (throughput_) {
    auto const rate =
        std::find_if(columns_.begin(), columns_.end(), [](auto const& c) { return c.role == Role::throughput; });
    if (rate->per_worker) *throughput_ *= s.ranks;
    // without a batch: seconds per item, or per item and worker where the problem grows with K
    bool const weak = study_.find("regime") == "weak";
    s.time_s = s.global_batch.value_or(weak ? static_cast<double>(s.ranks) : 1.0) / *throughput_;
  }
  if (s.rank && s.compute_s && s.time_s == 0.0) s.time_s = *s.compute_s + s.comm_s.value_or(0.0);
  if (s.time_s == 0.0) fail("missing value of the time");
  if (!std::isfinite(s.time_s) || !std::isfinite(s.global_batch.value_or(1.0)))
    fail("a time or batch that follows from this row is out of range");
  if (s.op == Operation::allreduce && !s.bytes) fail("missing value of 'bytes' (op allreduce)");
  if (s.op == Operation::compute && !s.local_batch) fail("missing value of 'local_batch' (op compute)");
}

void StudyReader::finish() {
  if (lines_.number() == 0)
    throw DataError(lines_.path(), 0, "empty file (expected a table with a header row, such as K,step_time_s)");
  if (columns_.empty()) fail("no table (expected a header row such as K,step_time_s below the # lines)");
  if (study_.samples.empty()) fail("no rows below the header row");
  bool const has_batch = has(Role::global_batch) || has(Role::local_batch);
  study_.time_column = has(Role::run_time) || (has(Role::throughput) && !has_batch) ? "time_s" : "step_time_s";
  if (has(Role::throughput) && !has_batch)
    study_.notes.push_back("throughput without a batch size: read as a job of fixed size, times are seconds per item");
  else if (has(Role::throughput))
    study_.notes.push_back("throughput read as step time: global batch / throughput");
  if (!has(Role::ranks) && has(Role::nodes))
    study_.notes.push_back(study_.find("workers_per_node")
                               ? "K is nodes times workers_per_node"
                               : "K is the number of nodes (--assume workers_per_node=8 would count accelerators)");
  if (has(Role::ranks) || study_.kind() != StudyKind::per_rank) return;
  std::set<int> ranks;
  for (auto const& s : study_.samples) ranks.insert(*s.rank);
  for (auto& s : study_.samples) s.ranks = static_cast<int>(ranks.size());
}

}  // namespace

Study read_study_csv(std::istream& in, std::string const& path) {
  Facts none;
  return read_study_csv(in, path, none);
}

Study read_study_csv(std::istream& in, std::string const& path, Facts& facts) {
  return StudyReader(in, path, facts).read();
}

}  // namespace kurve::data
