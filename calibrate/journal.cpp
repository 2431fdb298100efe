// SPDX-License-Identifier: Apache-2.0
#include "calibrate/journal.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "data/open_file.hpp"
#include "model/error.hpp"

namespace kurve::calibrate {

using nlohmann::json;

namespace {

constexpr char const* schema = "kurve.journal/1";
constexpr std::array<char const*, 4> operations{"step", "compute", "serial", "allreduce"};

json json_of(Point const& p) {
  return {{"op", operations[static_cast<std::size_t>(p.op)]},
          {"ranks", p.ranks},
          {"bytes", p.bytes},
          {"local_batch", p.local_batch},
          {"algorithm", p.algorithm},
          {"launch", p.launch}};
}

Point point_of(json const& j) {
  auto const op = std::find(operations.begin(), operations.end(), j.at("op").get<std::string>());
  if (op == operations.end()) throw json::other_error::create(501, "unknown op", &j);
  return {.op = static_cast<data::Operation>(op - operations.begin()),
          .ranks = j.at("ranks"),
          .bytes = j.at("bytes"),
          .local_batch = j.at("local_batch"),
          .algorithm = j.at("algorithm"),
          .launch = j.at("launch")};
}

/// Only what is known.
json json_of(Timing const& timing) {
  auto const& seen = timing.observation;
  json j{{"rank_s", timing.rank_s}};
  if (!seen.host_s.empty()) j["host_s"] = seen.host_s;
  if (seen.sm_clock_Hz) j["sm_clock_Hz"] = *seen.sm_clock_Hz;
  if (seen.power_W) j["power_W"] = *seen.power_W;
  if (seen.clock_reasons) j["clock_reasons"] = *seen.clock_reasons;
  if (!seen.chosen.empty()) j["chosen"] = seen.chosen;
  return j;
}

Timing timing_of(json const& j, int round) {
  Timing timing{.round = round, .rank_s = j.at("rank_s").get<std::vector<double>>()};
  auto& seen = timing.observation;
  if (j.contains("host_s")) j["host_s"].get_to(seen.host_s);
  if (j.contains("sm_clock_Hz")) seen.sm_clock_Hz = j["sm_clock_Hz"].get<double>();
  if (j.contains("power_W")) seen.power_W = j["power_W"].get<double>();
  if (j.contains("chosen")) j["chosen"].get_to(seen.chosen);
  if (j.contains("clock_reasons")) seen.clock_reasons = j["clock_reasons"].get<std::uint64_t>();
  return timing;
}

json json_of(BlockRecord const& r) {
  json timings = json::array();
  for (auto const& timing : r.timings) timings.push_back(json_of(timing));
  return {{"block", json_of(r.point)},
          {"round", r.round},
          {"repeats", r.repeats},
          {"warmup_dropped", r.warmup_dropped},
          {"timings", std::move(timings)}};
}

BlockRecord block_of(json const& j) {
  BlockRecord r{.point = point_of(j.at("block")),
                .round = j.at("round"),
                .repeats = j.at("repeats"),
                .warmup_dropped = j.at("warmup_dropped")};
  for (auto const& timing : j.at("timings")) r.timings.push_back(timing_of(timing, r.round));
  return r;
}

json json_of(RunRecord const& r) {
  json steps = json::array();
  for (auto const& row : r.steps) {
    json ranks = json::array();
    for (auto const& rank : row.ranks) ranks.push_back({rank.step_s, rank.compute_s, rank.comm_s});
    steps.push_back(std::move(ranks));
  }
  json j{{"steps_of", json_of(r.point)},
         {"run", r.run},
         {"warmup_dropped", r.warmup_dropped},
         {"note", r.note},
         {"step_compute_comm_s", std::move(steps)}};
  if (r.elapsed_s > 0.0) j["elapsed_s"] = r.elapsed_s;
  return j;
}

RunRecord run_of(json const& j) {
  RunRecord r{.point = point_of(j.at("steps_of")),
              .run = j.at("run"),
              .warmup_dropped = j.at("warmup_dropped"),
              .elapsed_s = j.value("elapsed_s", 0.0),
              .note = j.at("note")};
  for (auto const& step : j.at("step_compute_comm_s")) {
    StepRow row{
        .point = r.point, .run = r.run, .step = r.warmup_dropped + static_cast<int>(r.steps.size()), .ranks = {}};
    for (auto const& rank : step)
      row.ranks.push_back({.step_s = rank.at(0), .compute_s = rank.at(1), .comm_s = rank.at(2)});
    r.steps.push_back(std::move(row));
  }
  return r;
}

/// A journal as it lies on the disk.
struct Contents {
  JournalIdentity identity;  // empty: not even the first line is whole
  std::vector<std::variant<BlockRecord, RunRecord>> records;
  bool finished = false;
  std::uint64_t whole_bytes = 0;  // up to the end of the last whole line
};

/// @throws json::exception, DataError
void read_line(json const& line, std::string const& path, Contents& contents) {
  if (contents.whole_bytes == 0) {
    if (line.value("kurve", "") != schema)
      throw DataError(path, 1, std::string("is no journal of this Kurve (expected ") + schema + ")");
    for (auto const& [name, value] : line.at("identity").items()) contents.identity.emplace_back(name, value);
    return;
  }
  contents.finished = line.contains("finished");
  if (line.contains("block"))
    contents.records.emplace_back(block_of(line));
  else if (!contents.finished)
    contents.records.emplace_back(run_of(line));
}

Contents read_contents(std::string const& path) {
  Contents contents;
  auto in = data::open_for_reading(path);
  long number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (in.eof()) break;  // no line end: torn
    auto const parsed = json::parse(line, nullptr, false);
    if (!parsed.is_object()) {
      if (in.peek() == std::char_traits<char>::eof()) break;  // torn, with blocks of the disk that were never written
      throw DataError(path, number, "is not a record (the journal is damaged). Give it up with --restart?");
    }
    try {
      read_line(parsed, path, contents);
    } catch (json::exception const& e) {
      throw DataError(path, number, std::string("is not a record that this Kurve wrote (") + e.what() + ")");
    }
    contents.whole_bytes += line.size() + 1;
  }
  return contents;
}

/// "machine is 'a' there and 'b' here; seed ..."; empty where they are the same.
std::string difference(JournalIdentity there, JournalIdentity here) {
  std::sort(there.begin(), there.end());
  std::sort(here.begin(), here.end());
  auto value = [](JournalIdentity const& identity, std::string const& name) {
    for (auto const& [key, text] : identity)
      if (key == name) return "'" + text + "'";
    return std::string("not named");
  };
  std::string text;
  auto compare = [&](std::string const& name) {
    auto const a = value(there, name), b = value(here, name);
    if (a != b) text += (text.empty() ? "" : "; ") + name + " is " + a + " there and " + b + " here";
  };
  for (auto const& [name, ignored] : here) compare(name);
  for (auto const& [name, ignored] : there)
    if (value(here, name) == "not named") compare(name);
  return text;
}

std::string text_of(Point const& p) { return json_of(p).dump(); }

}  // namespace

Journal::Journal(std::string const& path, JournalIdentity const& identity, JournalMode mode) : file_(path) {
  auto const contents = mode == JournalMode::restart ? Contents{} : read_contents(path);
  bool const there = !contents.identity.empty() && !contents.records.empty();
  if (mode == JournalMode::begin && there && !contents.finished)
    throw InputError("'" + path + "' holds a calibration that did not finish (" +
                     std::to_string(contents.records.size()) +
                     " records). Go on with --resume, or give it up with --restart?");
  if (mode != JournalMode::resume || !there) {
    begin(identity);
    return;
  }
  if (auto const what = difference(contents.identity, identity); !what.empty())
    throw InputError("'" + path + "' is of another calibration (" + what +
                     "). Give the same options on the same machine, or begin anew with --restart?");
  earlier_.assign(contents.records.begin(), contents.records.end());
  resumed_ = earlier_.size();
  file_->truncate(contents.whole_bytes);
}

void Journal::begin(JournalIdentity const& identity) {
  json header{{"kurve", schema}, {"identity", json::object()}};
  for (auto const& [name, value] : identity) header["identity"][name] = value;
  file_->truncate(0);
  file_->append(header.dump() + "\n");
}

std::optional<BlockRecord> Journal::next_block(Point const& point, int round) {
  if (earlier_.empty()) return std::nullopt;
  auto* block = std::get_if<BlockRecord>(&earlier_.front());
  if (block == nullptr || block->point != point || block->round != round)
    throw DataError(file_->path(), 0,
                    "its next record is not the one due (" + text_of(point) + ", round " + std::to_string(round) +
                        "). Begin anew with --restart?");
  auto record = std::move(*block);
  earlier_.pop_front();
  return record;
}

std::optional<RunRecord> Journal::next_run(Point const& point, int run) {
  if (earlier_.empty()) return std::nullopt;
  auto* steps = std::get_if<RunRecord>(&earlier_.front());
  if (steps == nullptr || steps->point != point || steps->run != run)
    throw DataError(file_->path(), 0,
                    "its next record is not the one due (" + text_of(point) + ", run " + std::to_string(run) +
                        "). Begin anew with --restart?");
  auto record = std::move(*steps);
  earlier_.pop_front();
  return record;
}

void Journal::add(BlockRecord const& record) { append(json_of(record).dump()); }
void Journal::add(RunRecord const& record) { append(json_of(record).dump()); }

void Journal::append(std::string const& record) {
  if (!file_) return;
  std::string const kept = "; what was measured before is kept. Mend that, then --resume.";
  try {
    file_->append(record + "\n");
  } catch (DeviceError const& e) {  // a full disk
    throw DeviceError(e.what() + kept);
  } catch (InputError const& e) {
    throw InputError(e.what() + kept);
  }
}

void Journal::finish() { append(json{{"finished", true}}.dump()); }

JournalRuns runs_in_journal(std::string const& path, JournalIdentity const& identity) {
  if (!std::filesystem::exists(path)) return {};
  auto const contents = read_contents(path);
  if (!difference(contents.identity, identity).empty()) return {};
  JournalRuns found{.finished = contents.finished};
  for (auto const& record : contents.records)
    if (auto const* run = std::get_if<RunRecord>(&record)) found.runs.push_back(*run);
  return found;
}

}  // namespace kurve::calibrate
