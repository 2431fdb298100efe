// SPDX-License-Identifier: Apache-2.0
#include "calibrate/command.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <map>
#include <numeric>
#include <set>

#include "calibrate/journal.hpp"
#include "calibrate/shell_run.hpp"
#include "calibrate/step_runs.hpp"
#include "calibrate/study_of.hpp"
#include "calibrate/watch.hpp"
#include "data/logs/mllog.hpp"
#include "data/open_file.hpp"
#include "data/provenance.hpp"
#include "data/quantity_text.hpp"
#include "data/stats.hpp"
#include "model/error.hpp"

namespace kurve::calibrate {
namespace {

std::string replaced(std::string text, std::string const& what, int value) {
  std::string const number = std::to_string(value);
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + number.size()))
    text.replace(at, what.size(), number);
  return text;
}

BackendInfo info_of(CommandOptions const& command) {
  return {.name = "command",
          .device = data::this_machine().processor,
          .workload = command.command,
          .max_ranks = *std::max_element(command.ranks.begin(), command.ranks.end()),
          .algorithms = {"program"}};
}

double now_s() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

std::string quoted(std::vector<std::string> const& lines) {
  std::string text;
  for (auto const& line : lines) text += "\n  | " + line;
  return text.empty() ? " nothing" : text;
}

bool holds(std::string const& path, std::string_view text) {
  auto in = data::open_for_reading(path);
  for (std::string line; std::getline(in, line);)
    if (line.find(text) != std::string::npos) return true;
  return false;
}

/// Step times of one run's output, and how many leading ones the reader left out already.
struct Times {
  std::vector<double> times_s;
  int left_out = 0;
  std::string how;
  std::vector<std::string> last_lines;
};

Times read_times(std::string const& path, CommandOptions const& command, int ranks) {
  auto in = data::open_for_reading(path);
  if (!command.pattern.given() && holds(path, ":::MLLOG")) {
    std::vector<data::Assumption> const given{{.file = {}, .key = "ranks", .value = std::to_string(ranks)}};
    data::Facts facts(path, given);
    auto const study = data::read_mllog(in, path, facts);
    Times times{.left_out = study.samples.front().step.value_or(0), .how = ":::MLLOG lines"};
    for (auto const& sample : study.samples) times.times_s.push_back(sample.time_s);
    return times;
  }
  auto lines = data::read_step_lines(in, path, command.pattern, command.unit_s);
  return {.times_s = std::move(lines.times_s), .how = lines.how, .last_lines = std::move(lines.last_lines)};
}

/// One calibration by a program.
class CommandCalibration {
 public:
  CommandCalibration(CommandOptions const& command, CalibrateOptions const& options)
      : command_(command),
        options_(options),
        journal_(options.journal != nullptr ? *options.journal : own_journal_),
        info_(info_of(command)),
        watch_(now_s, options),
        runs_(points_of(command), options, journal_) {}

  Calibration all() {
    try {
      for (int round = 0; runs_.unfinished() > 0 && (journal_.replaying() || !watch_.over()); ++round)
        runs_.round(round, [this](Point const& point, int run) { return measure(point, run); });
      result_.ended = watch_.ended(runs_.unfinished() > 0);
    } catch (DeviceError const&) {
      failed();
    } catch (InputError const&) {
      failed();
    }
    report();
    return std::move(result_);
  }

 private:
  static std::vector<Point> points_of(CommandOptions const& command) {
    std::vector<Point> points;
    for (auto const& run : command_runs(command)) points.push_back(run.point);
    return points;
  }

  std::optional<RunRecord> measure(Point const& point, int run) {
    if (watch_.over()) return std::nullopt;
    auto const what = describe(point, info_) + ", run " + std::to_string(run + 1);
    tell(what);
    auto const command = replaced(replaced(command_.command, "{batch}", point.local_batch), "{ranks}", point.ranks);
    auto const log = (std::filesystem::path(command_.log_folder) / log_name(point, run)).string();
    auto const ended = run_shell(command, log, command_.timeout_s, [this] { return watch_.over(); });
    if (ended.stopped) return std::nullopt;
    auto const times = checked_times(command, log, ended, point.ranks);
    std::vector<StepRow> rows;
    for (std::size_t i = 0; i < times.times_s.size(); ++i)
      rows.push_back({.point = point,
                      .run = run,
                      .step = times.left_out + static_cast<int>(i),
                      .ranks = {{.step_s = times.times_s[i]}}});
    RunRecord record = times.left_out > 0
                           ? RunRecord{.point = point, .run = run, .warmup_dropped = times.left_out, .steps = rows}
                           : without_warmup(std::move(rows));
    record.elapsed_s = ended.elapsed_s;
    record.note = "step times are read from " + times.how;
    return record;
  }

  static std::string log_name(Point const& point, int run) {
    return "ranks" + std::to_string(point.ranks) + "_batch" + std::to_string(point.local_batch) + "_run" +
           std::to_string(run + 1) + ".log";
  }

  Times checked_times(std::string const& command, std::string const& log, ShellRun const& ended, int ranks) const {
    if (ended.timed_out || ended.exit_code != 0) {
      auto in = data::open_for_reading(log);
      auto const seen = data::read_step_lines(in, log, {}, 1.0);
      std::string const how =
          ended.timed_out ? "did not end in " + data::number_text(command_.timeout_s) + " s. Raise --command-timeout?"
          : ended.exit_code == 127 ? "was not found (exit code 127)."
                                   : "ended with exit code " + std::to_string(ended.exit_code) + ".";
      throw DeviceError("`" + command + "` " + how + " Its last lines, all in " + log + ":" + quoted(seen.last_lines));
    }
    auto times = read_times(log, command_, ranks);
    if (times.times_s.size() < 3)
      throw DataError(log, 0,
                      std::to_string(times.times_s.size()) + " step times in the output of `" + command +
                          "` (at least 3 are needed: lines with `step_time_s=0.12`, :::MLLOG lines, one number a line "
                          "in seconds, or "
                          "what --pattern says). Its last lines:" +
                          quoted(times.last_lines));
    double const sum = std::accumulate(times.times_s.begin(), times.times_s.end(), 0.0);
    if (sum > 1.02 * ended.elapsed_s + 0.05)  // the program's clock and ours agree better than that
      throw DataError(log, 0,
                      "step times add up to " + data::number_text(sum) + " s, but `" + command + "` ran for " +
                          data::number_text(ended.elapsed_s) + " s (read from " + times.how +
                          "). Give --pattern-unit ms, or print them from one rank only?");
    return times;
  }

  void tell(std::string const& what) const {
    if (!options_.progress) return;
    double const done = 1.0 - static_cast<double>(runs_.unfinished()) / static_cast<double>(runs_.points().size());
    options_.progress({.what = what, .fraction = done});
  }

  void failed() {
    if (runs_.rows().empty()) throw;
    result_.ended = Ended::failed;
    result_.failure = std::current_exception();
  }

  /// Rows of whole steps at one (K, batch).
  std::vector<StepRow> rows_at(int ranks, int batch) const {
    std::vector<StepRow> rows;
    std::copy_if(runs_.rows().begin(), runs_.rows().end(), std::back_inserter(rows),
                 [&](StepRow const& row) { return row.point.ranks == ranks && row.point.local_batch == batch; });
    return rows;
  }

  void report();
  PointReport report_of(Point const& point) const;

  CommandOptions const& command_;
  CalibrateOptions const& options_;
  Journal own_journal_;  // of nothing
  Journal& journal_;
  BackendInfo info_;
  Watch watch_;
  StepRuns runs_;
  Calibration result_;
};

int batch_at(CommandOptions const& command, int ranks) {
  int const smallest = *std::min_element(command.ranks.begin(), command.ranks.end());
  int const largest_batch = *std::max_element(command.local_batches.begin(), command.local_batches.end());
  int const global = command.global_batch.value_or(largest_batch * smallest);
  int const workers = command.regime == model::Regime::weak ? smallest : ranks;
  return std::max(1, static_cast<int>(std::lround(static_cast<double>(global) / workers)));
}

PointReport CommandCalibration::report_of(Point const& point) const {
  std::map<int, std::vector<double>> runs;
  std::vector<double> all, means;
  for (auto const& row : rows_at(point.ranks, point.local_batch)) {
    runs[row.run].push_back(last_end_s(row));
    all.push_back(last_end_s(row));
  }
  for (auto const& [run, times] : runs) means.push_back(data::summarize(times).mean);
  PointReport r{.point = point, .description = describe(point, info_), .timings = static_cast<int>(all.size())};
  if (all.empty()) return r;
  auto const precision = precision_of(means, 0.95);
  auto rule = options_.stopping;
  rule.min_samples = options_.runs;
  r.termination = precise_enough(means, rule)                           ? Termination::precise
                  : static_cast<int>(means.size()) >= options_.max_runs ? Termination::max_samples
                                                                        : Termination::out_of_time;
  r.median_s = data::median(all);
  r.low_quartile_s = data::quantile(all, 0.25);
  r.high_quartile_s = data::quantile(all, 0.75);
  r.mean_s = precision.mean;
  r.standard_error_s = precision.standard_error;
  return r;
}

void CommandCalibration::report() {
  std::vector<std::string> described;
  for (auto const& point : runs_.points()) {
    result_.points.push_back(report_of(point));
    described.push_back(describe(point, info_));
  }
  result_.warnings = runs_.notes();
  for (auto const& line : runs_.shortfalls(described)) result_.warnings.push_back(line);

  auto options = options_;
  options.design.regime = command_.regime;
  int const smallest = *std::min_element(command_.ranks.begin(), command_.ranks.end());
  options.design.global_batch = batch_at(command_, smallest) * smallest;
  std::vector<StepRow> steps;
  std::set<int> const ranks(command_.ranks.begin(), command_.ranks.end());
  for (int const k : ranks) {
    auto const rows = rows_at(k, batch_at(command_, k));
    steps.insert(steps.end(), rows.begin(), rows.end());
  }
  result_.steps = step_study(steps, info_, options);
  result_.components = component_study({}, info_, options);
  result_.components.configuration_columns.clear();
  for (auto const& row : runs_.rows()) {
    if (row.point.ranks != 1) continue;
    data::Sample sample;
    sample.op = data::Operation::compute;
    sample.local_batch = row.point.local_batch;
    sample.run = row.run;
    sample.step = row.step;
    sample.time_s = last_end_s(row);
    result_.components.samples.push_back(sample);
  }
  for (auto* study : {&result_.components, &result_.steps}) {
    study->set("source", "kurve calibrate --command");
    study->set("program", command_.command);
    std::erase_if(study->header, [](auto const& entry) {
      return entry.first == "accelerator" || entry.first == "gradient_bytes" || entry.first == "workers_per_node";
    });
  }
  result_.components.set("serial", "inside compute");
  result_.elapsed_s = watch_.spent_s();
}

}  // namespace

std::vector<CommandRun> command_runs(CommandOptions const& command) {
  auto const has = [&](char const* what) { return command.command.find(what) != std::string::npos; };
  auto const require = [](std::vector<int> const& values, std::string const& name) {
    for (int const value : values)
      if (value < 1) throw InputError(name + "=" + std::to_string(value) + " (must be at least 1)");
    if (values.empty()) throw InputError("no " + name + " (at least one is needed). Add --" + name + "?");
  };
  require(command.local_batches, "batches");
  require(command.ranks, "ranks");
  if (command.timeout_s <= 0.0)
    throw InputError("--command-timeout=" + data::number_text(command.timeout_s) + " (must be positive)");
  std::set<Point> points;
  for (int const batch : command.local_batches)
    points.insert({.op = data::Operation::step, .ranks = 1, .local_batch = batch});
  for (int const k : command.ranks)
    points.insert({.op = data::Operation::step, .ranks = k, .local_batch = batch_at(command, k)});
  std::set<int> batches, ranks;
  for (auto const& point : points) batches.insert(point.local_batch), ranks.insert(point.ranks);
  if (batches.size() > 1 && !has("{batch}"))
    throw InputError("several batches, but no {batch} in --command '" + command.command +
                     "' (each run gets its own). Write {batch} where the program takes its local batch?");
  if (ranks.size() > 1 && !has("{ranks}"))
    throw InputError("several ranks, but no {ranks} in --command '" + command.command +
                     "' (each run gets its own). Write {ranks} where the launcher takes their number?");
  std::vector<CommandRun> runs;
  for (auto const& point : points)
    runs.push_back(
        {.point = point,
         .command = replaced(replaced(command.command, "{batch}", point.local_batch), "{ranks}", point.ranks)});
  return runs;
}

JournalIdentity journal_identity(CommandOptions const& command, CalibrateOptions const& options) {
  auto const machine = data::this_machine();
  std::string points;
  for (auto const& run : command_runs(command)) points += (points.empty() ? "" : "; ") + describe(run.point, {});
  return {{"version", machine.version},
          {"host", machine.host},
          {"processor", machine.processor},
          {"command", command.command},
          {"points", points},
          {"regime", std::string(model::to_text(command.regime))},
          {"pattern", command.pattern.text()},
          {"unit_s", data::number_text(command.unit_s)},
          {"precision", data::number_text(options.stopping.relative_half_width)},
          {"runs", std::to_string(options.runs) + " to " + std::to_string(options.max_runs)},
          {"seed", std::to_string(options.seed)}};
}

Calibration calibrate_command(CommandOptions const& command, CalibrateOptions const& options) {
  check(options);
  std::error_code error;
  std::filesystem::create_directories(command.log_folder, error);
  if (error) throw InputError("cannot make '" + command.log_folder + "' (" + error.message() + ")");
  return CommandCalibration(command, options).all();
}

}  // namespace kurve::calibrate
