// SPDX-License-Identifier: Apache-2.0
#include "data/logs/osu.hpp"

#include <algorithm>
#include <cmath>

#include "data/csv.hpp"
#include "data/quantity_text.hpp"
#include "model/error.hpp"

namespace kurve::data {
namespace {

/// Parts of a line that stand two or more blanks apart; `# ` before them is no part.
std::vector<std::string_view> columns_of(std::string_view line) {
  if (line.starts_with('#')) line.remove_prefix(1);
  std::vector<std::string_view> parts;
  for (std::size_t at = 0; (at = line.find_first_not_of(" \t", at)) != std::string_view::npos;) {
    std::size_t const end = std::min({line.find("  ", at), line.find('\t', at), line.size()});
    parts.push_back(line.substr(at, end - at));
    at = end;
  }
  return parts;
}

/// The words that begin a line as long as they are numbers ("Pass" of a validation may follow).
std::vector<std::string_view> numbers_of(std::string_view line) {
  std::vector<std::string_view> numbers;
  for (std::size_t at = 0; (at = line.find_first_not_of(" \t", at)) != std::string_view::npos;) {
    std::size_t const end = std::min(line.find_first_of(" \t", at), line.size());
    if (!number_from_text(line.substr(at, end - at))) break;
    numbers.push_back(line.substr(at, end - at));
    at = end;
  }
  return numbers;
}

/// OSU prints two decimals; a log that ends inside a number has fewer.
bool is_whole_latency(std::string_view text) {
  auto const point = text.find('.');
  return point != std::string_view::npos && text.size() - point > 2;
}

class OsuReader {
 public:
  OsuReader(std::istream& in, std::string const& path) : lines_(in, path) { study_.path = path; }

  Study read(Facts& facts) {
    for (std::string line; lines_.next(line);) read_line(line);
    if (study_.samples.empty())
      throw DataError(lines_.path(), 0, "no row of osu_allreduce below its title (is the log cut off?)");
    auto const ranks = facts.whole("ranks");
    if (!ranks) ask_for(lines_.path(), "an OSU log does not say how many ranks ran", "ranks=16");
    for (auto& sample : study_.samples) sample.ranks = *ranks;
    study_.time_column = "time_s";
    study_.set("workload", "osu_allreduce");
    study_.notes.push_back(slowest_ ? "times are those of the slowest rank (Max Latency)"
                                    : "times are means over ranks (the log has no column of the slowest; osu -f has)");
    if (cut_off_ > 0) study_.notes.push_back(std::to_string(cut_off_) + " rows that are cut off left out");
    return std::move(study_);
  }

 private:
  void read_line(std::string_view line) {
    if (is_osu_title(line)) {
      std::string title(trimmed(line));
      std::transform(title.begin(), title.end(), title.begin(), [](unsigned char c) { return std::tolower(c); });
      if (title.find("allreduce") == std::string::npos)
        throw DataError(
            lines_.path(), lines_.number(),
            "is a log of another test (Kurve reads osu_allreduce): '" + std::string(trimmed(line)).substr(0, 80) + "'");
      ++run_;
      has_header_ = false;
      return;
    }
    auto const columns = columns_of(line);
    if (run_ >= 0 && columns.size() >= 2 && columns[0] == "Size") {
      read_header(columns);
      return;
    }
    if (!has_header_) return;
    auto const numbers = numbers_of(line);
    if (!numbers.empty()) read_row(line, numbers);
  }

  void read_header(std::vector<std::string_view> const& columns) {
    auto const find = [&](std::string_view name) {
      return static_cast<std::size_t>(
          std::find_if(columns.begin(), columns.end(), [&](auto column) { return column.starts_with(name); }) -
          columns.begin());
    };
    slowest_ = find("Max Latency") < columns.size();
    time_ = slowest_ ? find("Max Latency") : find("Avg Latency");
    if (time_ == columns.size()) time_ = find("Latency");
    has_header_ = time_ < columns.size();
    if (!has_header_)
      throw DataError(lines_.path(), lines_.number(), "no latency column in the table (expected 'Avg Latency(us)')");
  }

  void read_row(std::string_view line, std::vector<std::string_view> const& numbers) {
    if (numbers.size() <= time_ || !is_whole_latency(numbers[time_])) {
      ++cut_off_;
      return;
    }
    double const bytes = *number_from_text(numbers[0]), time_s = *number_from_text(numbers[time_]) * 1e-6;
    if (!(bytes >= 1.0 && bytes <= 1e18) || bytes != std::floor(bytes) || !(time_s > 0.0) || !std::isfinite(time_s))
      throw DataError(lines_.path(), lines_.number(),
                      "row '" + std::string(trimmed(line)).substr(0, 80) + "' (size and latency must be positive)");
    Sample sample;
    sample.op = Operation::allreduce;
    sample.bytes = static_cast<std::int64_t>(bytes);
    sample.run = run_;
    sample.time_s = time_s;
    sample.line = lines_.number();
    study_.samples.push_back(sample);
  }

  LineReader lines_;
  Study study_;
  int run_ = -1;
  std::size_t time_ = 0;
  bool has_header_ = false, slowest_ = false;
  long cut_off_ = 0;
};

}  // namespace

bool is_osu_title(std::string_view line) {
  line = trimmed(line);
  if (line.starts_with('#')) line = trimmed(line.substr(1));
  return line.starts_with("OSU ") && line.find(" Test") != std::string_view::npos;
}

Study read_osu(std::istream& in, std::string const& path, Facts& facts) { return OsuReader(in, path).read(facts); }

}  // namespace kurve::data
