// SPDX-License-Identifier: Apache-2.0
#include "data/logs/nccl_tests.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <istream>
#include <map>
#include <set>

#include "data/csv.hpp"
#include "data/quantity_text.hpp"
#include "model/error.hpp"

namespace kurve::data {
namespace {

using Tokens = std::vector<std::string_view>;

Tokens tokens_of(std::string_view line) {
  Tokens tokens;
  for (std::size_t at = line.find_first_not_of(" \t"); at != std::string_view::npos;) {
    std::size_t const end = std::min(line.find_first_of(" \t", at), line.size());
    tokens.push_back(line.substr(at, end - at));
    at = line.find_first_not_of(" \t", end);
  }
  return tokens;
}

constexpr std::array<std::string_view, 13> types{"int8",  "uint8",  "int32",    "uint32", "int64",  "uint64",  "half",
                                                 "float", "double", "bfloat16", "f8e4m3", "f8e5m2", "fp8_e4m3"};

bool is_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Position of the `type` token of a row `size count type redop ...` (a timestamp may stand before); 0 where it is
/// none.
std::size_t type_position(Tokens const& tokens) {
  for (std::size_t i = 2; i < tokens.size(); ++i)
    if (std::find(types.begin(), types.end(), tokens[i]) != types.end() && is_digits(tokens[i - 1]) &&
        is_digits(tokens[i - 2]))
      return i;
  return 0;
}

/// Where the columns of one half of a row (out of place, in place) stand, counted from the `type` token.
struct Half {
  std::size_t time = 0, algbw = 0, busbw = 0, wrong = 0;
};

struct Layout {
  std::array<Half, 2> halves;
  bool counts_errors = false;  // `#wrong` counts values, the old `error` is a rounding error
  std::size_t width = 0;       // tokens after `type`
};

/// The layout that a header line `size count type redop [root] time algbw busbw #wrong ...` states.
std::optional<Layout> layout_of(Tokens const& tokens) {
  auto const type = std::find(tokens.begin(), tokens.end(), "type");
  if (type == tokens.end() || std::find(tokens.begin(), type, "size") == type) return std::nullopt;
  Layout layout;
  std::size_t half = 0;
  for (auto token = type; token != tokens.end(); ++token) {
    auto const offset = static_cast<std::size_t>(token - type);
    layout.width = offset;
    if (*token == "time" || *token == "cputime") {
      if (layout.halves[0].time != 0) half = 1;
      layout.halves[half].time = offset;
    } else if (*token == "algbw") {
      layout.halves[half].algbw = offset;
    } else if (*token == "busbw") {
      layout.halves[half].busbw = offset;
    } else if (*token == "#wrong" || *token == "wrong" || *token == "error") {
      layout.halves[half].wrong = offset;
      layout.counts_errors = *token != "error";
    }
  }
  for (auto const& h : layout.halves)
    if (h.time == 0 || h.algbw == 0 || h.busbw == 0 || h.wrong == 0) return std::nullopt;
  return layout;
}

/// The layout of a row without a header line above: `redop [root]` and two halves of four columns.
std::optional<Layout> layout_of_width(std::size_t after_type) {
  if (after_type == 9)
    return layout_of({"size", "type", "redop", "time", "algbw", "busbw", "error", "time", "algbw", "busbw", "error"});
  if (after_type == 10)
    return layout_of(
        {"size", "type", "redop", "root", "time", "algbw", "busbw", "#wrong", "time", "algbw", "busbw", "#wrong"});
  return std::nullopt;
}

/// The ranks n with busbw / algbw = 2(n-1)/n, narrowed by every row: both numbers are rounded to 0.005 GB/s.
class RatioOfBandwidths {
 public:
  void add(double algbw, double busbw) {
    constexpr double rounding = 0.005;
    if (algbw <= 1.0) return;
    low_ = std::max(low_, (busbw - rounding) / (algbw + rounding));
    high_ = std::min(high_, (busbw + rounding) / (algbw - rounding));
  }
  /// The one whole number that fits; none where several or none do.
  [[nodiscard]] std::optional<int> ranks() const {
    if (!(low_ > 0.0) || high_ >= 2.0 || low_ > high_) return std::nullopt;
    double const least = std::ceil(2.0 / (2.0 - low_)), most = std::floor(2.0 / (2.0 - high_));
    return least == most && least <= 1e6 ? std::optional(static_cast<int>(least)) : std::nullopt;
  }

 private:
  double low_ = 0.0, high_ = 3.0;
};

class NcclTestsReader {
 public:
  NcclTestsReader(std::istream& in, std::string const& path, Facts& facts) : lines_(in, path), facts_(facts) {
    study_.path = path;
  }

  Study read() {
    for (std::string line; lines_.next(line);) read_line(line);
    finish();
    return std::move(study_);
  }

 private:
  void read_line(std::string const& line) {
    Tokens const tokens = tokens_of(line);
    if (auto const layout = layout_of(tokens))
      layout_ = layout;
    else if (auto const type = type_position(tokens); type != 0)
      read_row(tokens, type);
    else
      read_remark(line, tokens);
  }

  /// Header keys, devices, and the name of the collective.
  void read_remark(std::string_view line, Tokens const& tokens) {
    for (std::string_view const key :
         {"source", "system", "ranks", "accelerator", "interconnect", "workers_per_node"}) {
      std::string const start = "# " + std::string(key) + ":";
      if (!line.starts_with(start)) continue;
      require_text(line, lines_.path(), lines_.number());
      std::string const value(trimmed(line.substr(start.size())));
      if (auto const number = number_from_text(value);
          key == "workers_per_node" && !(number && std::isfinite(*number) && *number > 0.0))
        throw DataError(lines_.path(), lines_.number(), start + " '" + value + "' (must be a positive number)");
      study_.set(std::string(key), value);
    }
    std::size_t const at = !tokens.empty() && tokens[0] == "#" ? 1 : 0;
    if (tokens.size() > at + 3 && tokens[at] == "Rank" && is_digits(tokens[at + 1])) {
      require_text(line, lines_.path(), lines_.number());  // its device names the Study's accelerator
      if (auto const rank = number_from_text(tokens[at + 1]); rank && *rank < 1e6)
        last_rank_ = std::max(last_rank_, static_cast<int>(*rank));
      auto const on = std::find(tokens.begin(), tokens.end(), "on");
      if (on != tokens.end() && on + 1 != tokens.end()) ++ranks_on_host_[std::string(*(on + 1))];
      if (auto const bracket = line.rfind(']'); bracket != std::string_view::npos && accelerator_.empty())
        accelerator_ = trimmed(line.substr(bracket + 1));
    }
    if (auto const end = line.find("_perf"); end != std::string_view::npos) {
      auto const start = line.find_last_not_of("abcdefghijklmnopqrstuvwxyz_", end);
      programs_.emplace(line.substr(start == std::string_view::npos ? 0 : start + 1,
                                    end - (start == std::string_view::npos ? 0 : start + 1)));
    }
  }

  void read_row(Tokens const& tokens, std::size_t type) {
    std::size_t const after_type = tokens.size() - type - 1;
    auto const layout = layout_ ? layout_ : layout_of_width(after_type);
    if (!layout || after_type < layout->width) {
      ++cut_off_;
      return;
    }
    auto const bytes = number_from_text(tokens[type - 2]);
    if (!bytes || *bytes > 1e18)
      throw DataError(lines_.path(), lines_.number(), "size '" + std::string(tokens[type - 2]) + "' (out of range)");
    if (*bytes == 0.0) {
      ++without_bytes_;
      return;
    }
    for (int run = 0; run < 2; ++run) {
      auto const& half = layout->halves[static_cast<std::size_t>(run)];
      add_sample(tokens, type, half, static_cast<std::int64_t>(*bytes), run, layout->counts_errors);
    }
  }

  void add_sample(Tokens const& tokens, std::size_t type, Half const& half, std::int64_t bytes, int run,
                  bool counts_errors) {
    auto const time_us = number_from_text(tokens[type + half.time]);
    if (!time_us) return;  // N/A: this half was not run
    double const time_s = *time_us * 1e-6;
    if (!(time_s > 0.0) || !std::isfinite(time_s))
      throw DataError(lines_.path(), lines_.number(),
                      "time '" + std::string(tokens[type + half.time]) + "' (must be positive)");
    auto const wrong = number_from_text(tokens[type + half.wrong]);
    if (counts_errors && wrong && *wrong != 0.0) {
      ++wrong_;
      return;
    }
    auto const algbw = number_from_text(tokens[type + half.algbw]), busbw = number_from_text(tokens[type + half.busbw]);
    if (algbw && busbw) ratio_.add(*algbw, *busbw);
    Sample sample;
    sample.op = Operation::allreduce;
    sample.bytes = bytes;
    sample.run = run;
    sample.time_s = time_s;
    sample.line = lines_.number();
    study_.samples.push_back(sample);
  }

  void finish() {
    for (auto const& program : programs_)
      if (program != "all_reduce" && !programs_.contains("all_reduce"))
        throw DataError(lines_.path(), 0, "is a log of " + program + "_perf (Kurve reads all_reduce_perf)");
    if (study_.samples.empty())
      throw DataError(lines_.path(), 0, "no row of all_reduce_perf (expected size, count, type, redop, time ...)");
    int const ranks = find_ranks();
    for (auto& s : study_.samples) s.ranks = ranks;
    study_.time_column = "time_s";
    study_.set("workload", "all_reduce_perf of nccl-tests");
    std::erase_if(study_.header, [](auto const& entry) { return entry.first == "ranks"; });
    if (!accelerator_.empty() && !study_.find("accelerator")) study_.set("accelerator", accelerator_);
    set_workers_per_node(ranks);
    note(cut_off_, "rows that are cut off left out");
    note(without_bytes_, "rows of 0 bytes left out");
    note(wrong_, "timings with wrong results left out");
  }

  int find_ranks() {
    if (auto const stated = study_.find_number("ranks")) {
      if (*stated != std::floor(*stated) || *stated > 1e6)
        throw DataError(lines_.path(), 0, "# ranks: '" + *study_.find("ranks") + "' (must be a whole number)");
      return static_cast<int>(*stated);
    }
    if (last_rank_ >= 0) return last_rank_ + 1;
    if (auto const fact = facts_.whole("ranks")) return *fact;
    auto const ranks = ratio_.ranks();
    if (!ranks)
      ask_for(lines_.path(),
              "the log does not say how many ranks ran (no Rank lines, and busbw/algbw leaves it open). Add a line "
              "'# ranks: 16'? Or",
              "ranks=16");
    study_.notes.push_back(std::to_string(*ranks) + " ranks, from busbw/algbw = 2(n-1)/n");
    return *ranks;
  }

  /// Only where the log lists every rank and each host has as many.
  void set_workers_per_node(int ranks) {
    int listed = 0;
    for (auto const& [host, n] : ranks_on_host_) listed += n;
    if (study_.find("workers_per_node") || listed != ranks) return;
    int const each = ranks_on_host_.begin()->second;
    if (each * static_cast<int>(ranks_on_host_.size()) == ranks) study_.set("workers_per_node", std::to_string(each));
  }

  void note(long count, std::string const& what) {
    if (count > 0) study_.notes.push_back(std::to_string(count) + " " + what);
  }

  LineReader lines_;
  Facts& facts_;
  Study study_;
  std::optional<Layout> layout_;
  RatioOfBandwidths ratio_;
  int last_rank_ = -1;
  std::map<std::string, int> ranks_on_host_;
  std::string accelerator_;
  std::set<std::string> programs_;
  long cut_off_ = 0, without_bytes_ = 0, wrong_ = 0;
};

}  // namespace

bool is_nccl_tests_row(std::string_view line) {
  auto const tokens = tokens_of(line);
  auto const type = type_position(tokens);
  return type != 0 && tokens.size() - type - 1 >= 9;
}

Study read_nccl_tests(std::istream& in, std::string const& path, Facts& facts) {
  return NcclTestsReader(in, path, facts).read();
}

}  // namespace kurve::data
