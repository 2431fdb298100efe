// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <functional>
#include <ostream>
#include <set>

#include "data/csv.hpp"
#include "data/printable.hpp"
#include "data/quantity_text.hpp"
#include "data/study.hpp"

namespace kurve::data {
namespace {

constexpr std::array<char const*, 4> operations{"step", "compute", "serial", "allreduce"};

/// A column that is written where any sample has it. `cell` gives "" where a sample lacks it.
struct WrittenColumn {
  std::string name;
  std::function<std::string(Sample const&)> cell;
};

template <typename Member>
WrittenColumn optional_column(std::string name, Member member) {
  return {std::move(name), [member](Sample const& s) {
            auto const& value = s.*member;
            if (!value) return std::string{};
            return number_text(static_cast<double>(*value));
          }};
}

/// Whether a reader finds K and the times of single ranks by itself: as many workers as ranks, compute plus
/// communication.
bool ranks_and_times_follow(Study const& study) {
  if (study.kind() != StudyKind::per_rank) return false;
  std::set<int> ranks;
  for (auto const& s : study.samples) ranks.insert(*s.rank);
  return std::all_of(study.samples.begin(), study.samples.end(), [&](Sample const& s) {
    return s.ranks == static_cast<int>(ranks.size()) && s.time_s == *s.compute_s + s.comm_s.value_or(0.0);
  });
}

std::vector<WrittenColumn> columns_of(Study const& study) {
  bool const components = study.kind() == StudyKind::components;
  bool const derived = ranks_and_times_follow(study);
  std::vector<WrittenColumn> columns;
  if (components)
    columns.push_back({"op", [](Sample const& s) { return std::string(operations[static_cast<std::size_t>(s.op)]); }});
  if (!derived)
    columns.push_back({components ? "ranks" : "K", [](Sample const& s) { return std::to_string(s.ranks); }});
  columns.push_back(optional_column("nodes", &Sample::nodes));
  columns.push_back(optional_column("global_batch", &Sample::global_batch));
  columns.push_back(optional_column("local_batch", &Sample::local_batch));
  columns.push_back({"bytes", [](Sample const& s) { return s.bytes ? std::to_string(*s.bytes) : std::string{}; }});
  columns.push_back(optional_column("run", &Sample::run));
  columns.push_back(optional_column("step", &Sample::step));
  columns.push_back(optional_column("stage", &Sample::stage));
  columns.push_back(optional_column("rank", &Sample::rank));
  columns.push_back(optional_column("compute_s", &Sample::compute_s));
  columns.push_back(optional_column("comm_s", &Sample::comm_s));
  columns.push_back(optional_column("hidden_comm_s", &Sample::hidden_comm_s));
  if (!derived)
    columns.push_back(
        {components ? "time_s" : study.time_column, [](Sample const& s) { return number_text(s.time_s); }});
  for (std::size_t i = 0; i < study.configuration_columns.size(); ++i)
    columns.push_back({study.configuration_columns[i], [i](Sample const& s) {
                         return quoted_field(i < s.configuration.size() ? s.configuration[i] : "");
                       }});
  std::erase_if(columns, [&](WrittenColumn const& c) {
    bool const required = std::find(study.configuration_columns.begin(), study.configuration_columns.end(), c.name) !=
                          study.configuration_columns.end();
    return !required &&
           std::all_of(study.samples.begin(), study.samples.end(), [&](auto const& s) { return c.cell(s).empty(); });
  });
  return columns;
}

/// A header value is one line.
std::string one_line(std::string const& text) {
  std::string const line = printable_line(text);
  return std::string(trimmed(line));
}

}  // namespace

void write_study_csv(std::ostream& out, Study const& study) {
  out << "# kurve: study/1\n";
  for (auto const& [key, value] : study.header)
    if (key != "configuration") out << "# " << key << ": " << one_line(value) << '\n';
  if (!study.configuration_columns.empty()) {
    out << "# configuration: ";
    for (std::size_t i = 0; i < study.configuration_columns.size(); ++i)
      out << (i == 0 ? "" : ",") << study.configuration_columns[i];
    out << '\n';
  }
  auto const columns = columns_of(study);
  for (std::size_t i = 0; i < columns.size(); ++i) out << (i == 0 ? "" : ",") << quoted_field(columns[i].name);
  out << '\n';
  for (auto const& sample : study.samples) {
    for (std::size_t i = 0; i < columns.size(); ++i) out << (i == 0 ? "" : ",") << columns[i].cell(sample);
    out << '\n';
  }
}

}  // namespace kurve::data
