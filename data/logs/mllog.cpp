// SPDX-License-Identifier: Apache-2.0
#include "data/logs/mllog.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "data/csv.hpp"
#include "data/json_text.hpp"
#include "data/quantity_text.hpp"
#include "data/stats.hpp"
#include "model/error.hpp"

namespace kurve::data {
namespace {

using nlohmann::json;

constexpr std::string_view marker = ":::MLLOG";

struct TimedStep {
  double time_s = 0.0;
  long line = 0;
};

/// One training block: from block_start (or epoch_start) to its stop.
struct Block {
  double start_ms = 0.0, stop_ms = 0.0;
  double epoch_count = 1.0;
  long line = 0;
};

/// What the lines of a log say.
struct Events {
  std::string benchmark, organisation, platform, status;
  std::optional<double> global_batch, train_samples, sequence_length;
  std::vector<TimedStep> steps;
  std::vector<Block> blocks;
  long lines = 0;      // well-formed MLLOG lines
  long bad_lines = 0;  // with the marker, but not JSON
};

std::string text_of(json const& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

/// A number, or text that is one (system descriptions write "64").
std::optional<double> number_of(json const& value) {
  if (value.is_number()) return value.get<double>();
  if (value.is_string()) return number_from_text(value.get<std::string>());
  return std::nullopt;
}

class EventReader {
 public:
  EventReader(std::istream& in, std::string const& path) : in_(in), path_(path) {}

  Events read() {
    LineReader lines(in_, path_);
    for (std::string line; lines.next(line);) {
      auto const at = line.find(marker);
      if (at == std::string::npos) continue;
      auto const event =
          json::parse(line.begin() + static_cast<std::ptrdiff_t>(at + marker.size()), line.end(), nullptr, false);
      if (!event.is_object() || !event.contains("key") || !event["key"].is_string()) {
        ++events_.bad_lines;
        continue;
      }
      ++events_.lines;
      take(event["key"].get<std::string>(), event.value("value", json()), event, lines.number());
    }
    return std::move(events_);
  }

 private:
  void take(std::string const& key, json const& value, json const& event, long line) {
    if (key == "submission_benchmark")
      events_.benchmark = text_of(value);
    else if (key == "submission_org")
      events_.organisation = text_of(value);
    else if (key == "submission_platform")
      events_.platform = text_of(value);
    else if (key == "global_batch_size")
      events_.global_batch = number_of(value);
    else if (key == "train_samples")
      events_.train_samples = number_of(value);
    else if (key == "max_sequence_length")
      events_.sequence_length = number_of(value);
    else if (key == "tracked_stats")
      take_statistics(value, event, line);
    else if (key == "run_stop")
      events_.status = metadata(event, "status").is_string() ? metadata(event, "status").get<std::string>() : "";
    else if (key == "block_start")
      start_block(event, line);
    else if (key == "block_stop")
      stop_block(event);
  }

  static json metadata(json const& event, char const* name) {
    if (!event.contains("metadata") || !event["metadata"].is_object()) return {};
    return event["metadata"].value(name, json());
  }

  /// Several ranks may log the same step: it lasts as long as its slowest.
  void take_statistics(json const& value, json const& event, long line) {
    if (!value.is_object() || !value.contains("train_step_timing") || !value["train_step_timing"].is_number()) return;
    double const time_s = value["train_step_timing"].get<double>();
    if (!(time_s > 0.0) || !std::isfinite(time_s))
      throw DataError(path_, line, "train_step_timing=" + value["train_step_timing"].dump() + " (must be positive)");
    json const step = metadata(event, "step");
    if (!step.is_null() && step == last_step_ && !events_.steps.empty()) {
      events_.steps.back().time_s = std::max(events_.steps.back().time_s, time_s);
      return;
    }
    last_step_ = step;
    events_.steps.push_back({time_s, line});
  }

  void start_block(json const& event, long line) {
    open_block_ = Block{.start_ms = number_of(event.value("time_ms", json())).value_or(0.0),
                        .epoch_count = number_of(metadata(event, "epoch_count")).value_or(1.0),
                        .line = line};
  }

  void stop_block(json const& event) {
    if (!open_block_) return;
    open_block_->stop_ms = number_of(event.value("time_ms", json())).value_or(0.0);
    if (open_block_->stop_ms > open_block_->start_ms) events_.blocks.push_back(*open_block_);
    open_block_.reset();
  }

  std::istream& in_;
  std::string path_;
  Events events_;
  json last_step_;
  std::optional<Block> open_block_;
};

/// Steps in a block. Its epoch_count is in tokens, in samples or in epochs, by benchmark: whichever comes out whole.
std::optional<double> steps_of(Block const& block, Events const& events) {
  double const batch = *events.global_batch;
  auto const is_whole = [](double x) { return x >= 1.0 && x == std::floor(x); };
  if (events.sequence_length)
    if (double const steps = block.epoch_count / (batch * *events.sequence_length); is_whole(steps)) return steps;
  if (double const steps = block.epoch_count / batch; is_whole(steps)) return steps;
  if (events.train_samples && block.epoch_count <= 1000.0) return block.epoch_count * *events.train_samples / batch;
  return std::nullopt;
}

/// The system description that belongs to a log; empty if there is none.
std::filesystem::path system_file_of(std::string const& log_path) {
  namespace fs = std::filesystem;
  fs::path const log = fs::absolute(log_path);
  std::string const name = log.filename().string();
  fs::path best;
  std::error_code ignored;
  for (auto const& entry : fs::directory_iterator(log.parent_path(), ignored)) {
    auto const& candidate = entry.path();
    if (candidate.extension() == ".json" && name.starts_with(candidate.stem().string()) &&
        candidate.stem().string().size() > best.stem().string().size())
      best = candidate;
  }
  if (!best.empty()) return best;
  fs::path const system = log.parent_path().parent_path();  // <submitter>/results/<system>/<benchmark>/result_0.txt
  fs::path const described = system.parent_path().parent_path() / "systems" / (system.filename().string() + ".json");
  return fs::is_regular_file(described, ignored) ? described : fs::path{};
}

struct System {
  int ranks = 1;
  int accelerators_per_node = 0;  ///< 0: not known
  std::string accelerator{}, interconnect{};
};

/// From the description beside the log, else from the facts `ranks` and `workers_per_node`.
System read_system(std::string const& log_path, Facts& facts) {
  auto const path = system_file_of(log_path);
  if (path.empty()) {
    auto const ranks = facts.whole("ranks");
    if (!ranks)
      ask_for(log_path,
              "the log does not say how many accelerators ran (no system description beside it). Put the submission's "
              "systems/NAME.json, with number_of_nodes and accelerators_per_node, beside the log under a name that "
              "begins the log's name? Or",
              "ranks=512");
    int const each = facts.whole("workers_per_node").value_or(0);
    if (each > 0 && *ranks % each != 0)
      throw InputError("--assume workers_per_node=" + std::to_string(each) +
                       " (does not divide ranks=" + std::to_string(*ranks) + ")");
    return {.ranks = *ranks, .accelerators_per_node = each};
  }
  auto const document = read_json(path.string());
  auto const count = [&](char const* key, double most) {
    auto const value = document.is_object() && document.contains(key) ? number_of(document[key]) : std::nullopt;
    if (!value || *value < 1.0 || *value != std::floor(*value) || *value > most)
      throw DataError(
          path.string(), 0,
          "missing or bad \"" + std::string(key) + "\" (must be a whole number from 1 to " + number_text(most) + ")");
    return static_cast<int>(*value);
  };
  auto const text = [&](char const* key) { return document.contains(key) ? text_of(document[key]) : std::string{}; };
  int const each = count("accelerators_per_node", 1e3);
  return {.ranks = count("number_of_nodes", 1e6) * each,
          .accelerators_per_node = each,
          .accelerator = text("accelerator_model_name"),
          .interconnect = text("accelerator_interconnect")};
}

/// Steps of the log with their index, warm-up left out; `notes` and the header say what was done.
void add_steps(Study& study, Events const& events, Sample const& frame) {
  std::vector<double> times_s;
  for (auto const& step : events.steps) times_s.push_back(step.time_s);
  std::size_t const warmup = warmup_length(times_s);
  for (std::size_t i = warmup; i < events.steps.size(); ++i) {
    Sample sample = frame;
    sample.step = static_cast<int>(i);
    sample.time_s = events.steps[i].time_s;
    sample.line = events.steps[i].line;
    study.samples.push_back(sample);
  }
  study.set("warmup", "excluded");
  study.notes.push_back(std::to_string(warmup) + " warm-up steps of " + std::to_string(events.steps.size()) +
                        " left out");
}

void add_blocks(Study& study, Events const& events, Sample const& frame, std::string const& path) {
  std::size_t const first = events.blocks.size() > 1 ? 1 : 0;  // the first holds the warm-up
  for (std::size_t i = first; i < events.blocks.size(); ++i) {
    auto const steps = steps_of(events.blocks[i], events);
    if (!steps || !(*steps > 0.0)) continue;
    Sample sample = frame;
    sample.step = static_cast<int>(i);
    sample.time_s = (events.blocks[i].stop_ms - events.blocks[i].start_ms) * 1e-3 / *steps;
    sample.line = events.blocks[i].line;
    if (!(sample.time_s > 0.0) || !std::isfinite(sample.time_s))
      throw DataError(path, sample.line, "a training block without a length in time (its time_ms are out of range)");
    study.samples.push_back(sample);
  }
  study.set("warmup", first == 1 ? "excluded" : "included");
  study.notes.push_back("no step is timed in the log: step times are means of " + std::to_string(study.samples.size()) +
                        " training blocks" + (first == 1 ? ", the first one left out as warm-up" : ""));
}

}  // namespace

Study read_mllog(std::istream& in, std::string const& path, Facts& facts) {
  Events const events = EventReader(in, path).read();
  if (events.lines == 0) throw DataError(path, 0, "no well-formed :::MLLOG line");
  if (events.global_batch && !(*events.global_batch >= 1.0 && *events.global_batch <= 1e12))
    throw DataError(path, 0, "global_batch_size=" + number_text(*events.global_batch) + " (must be from 1 to 1e12)");
  if (!events.global_batch)
    throw DataError(path, 0, "no global_batch_size in the log (is it cut off before training starts?)");
  System const system = read_system(path, facts);
  Study study;
  study.path = path;
  std::string const workload = events.benchmark.empty() ? "MLPerf Training" : events.benchmark + ", MLPerf Training";
  study.set("workload", workload);
  study.set("setup", "excluded");
  if (system.accelerators_per_node > 0) study.set("workers_per_node", std::to_string(system.accelerators_per_node));
  if (!system.accelerator.empty()) study.set("accelerator", system.accelerator);
  if (!system.interconnect.empty()) study.set("interconnect", system.interconnect);
  study.set("source", "MLLOG " + std::filesystem::path(path).filename().string() +
                          (events.organisation.empty() ? "" : ", submitter " + events.organisation));
  Sample frame;
  frame.ranks = system.ranks;
  if (system.accelerators_per_node > 0) frame.nodes = system.ranks / system.accelerators_per_node;
  frame.global_batch = events.global_batch;
  frame.run = 0;
  if (!events.steps.empty())
    add_steps(study, events, frame);
  else
    add_blocks(study, events, frame, path);
  if (study.samples.empty())
    throw DataError(
        path, 0,
        "no step is timed (neither train_step_timing nor block_start and block_stop with a known number of samples)");
  if (events.bad_lines > 0)
    study.notes.push_back(std::to_string(events.bad_lines) + " :::MLLOG lines that are not JSON skipped");
  if (!events.status.empty() && events.status != "success")
    study.notes.push_back("the run ended with status '" + events.status + "'");
  return study;
}

}  // namespace kurve::data
