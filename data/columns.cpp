// SPDX-License-Identifier: Apache-2.0
#include "data/columns.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "model/error.hpp"

namespace kurve::data {
namespace {

constexpr std::array<std::string_view, 17> own_names{
    "K",         "ranks",  "op",           "nodes", "global_batch", "local_batch", "bytes",
    "run",       "step",   "stage",        "rank",  "step_time_s",  "time_s",      "throughput_samples_per_s",
    "compute_s", "comm_s", "hidden_comm_s"};
constexpr std::array<Role, own_names.size()> own_roles{
    Role::ranks,    Role::ranks,      Role::op,      Role::nodes, Role::global_batch, Role::local_batch,
    Role::bytes,    Role::run,        Role::step,    Role::stage, Role::rank,         Role::step_time,
    Role::run_time, Role::throughput, Role::compute, Role::comm,  Role::hidden_comm};

/// Lower-case words of a hand-made name: `GPUs, step-time (ms)` is "gpus step time ms", a slash is the word "per".
std::string words_of(std::string_view name) {
  std::string words;
  auto const separate = [&] {
    if (!words.empty() && words.back() != ' ') words += ' ';
  };
  for (char const c : name) {
    auto const byte = static_cast<unsigned char>(c);
    if (c == '/')
      separate(), words += "per ";
    else if (std::isalnum(byte) || byte >= 0x80)
      words += static_cast<char>(std::tolower(byte));
    else
      separate();
  }
  while (!words.empty() && words.back() == ' ') words.pop_back();
  return words;
}

bool is_one_of(std::string_view text, std::span<std::string_view const> set) {
  return std::find(set.begin(), set.end(), text) != set.end();
}

constexpr std::array<std::string_view, 33> rank_names{"k",
                                                      "p",
                                                      "n",
                                                      "gpu",
                                                      "gpus",
                                                      "ngpu",
                                                      "ngpus",
                                                      "num gpu",
                                                      "num gpus",
                                                      "n gpus",
                                                      "gpu count",
                                                      "number of gpus",
                                                      "total gpus",
                                                      "rank",
                                                      "ranks",
                                                      "nranks",
                                                      "num ranks",
                                                      "n ranks",
                                                      "worker",
                                                      "workers",
                                                      "num workers",
                                                      "nworkers",
                                                      "number of workers",
                                                      "np",
                                                      "nproc",
                                                      "nprocs",
                                                      "processes",
                                                      "world size",
                                                      "devices",
                                                      "accelerators",
                                                      "tpus",
                                                      "chips",
                                                      "gcds"};
constexpr std::array<std::string_view, 10> node_names{
    "nodes", "node", "num nodes", "nnodes", "n nodes", "number of nodes", "node count", "hosts", "machines", "servers"};
constexpr std::array<std::string_view, 5> global_batch_names{"global batch", "global batch size", "gbs",
                                                             "total batch size", "effective batch size"};
constexpr std::array<std::string_view, 8> local_batch_names{
    "local batch",   "local batch size",   "batch per gpu",         "batch size per gpu",
    "per gpu batch", "per gpu batch size", "per device batch size", "batch size per device"};
constexpr std::array<std::string_view, 3> open_batch_names{"batch", "batch size", "bs"};
constexpr std::array<std::string_view, 8> run_names{"run",    "repeat", "rep",        "trial",
                                                    "sample", "run id", "repetition", "attempt"};
constexpr std::array<std::string_view, 4> step_names{"step", "iteration", "iter", "step id"};
constexpr std::array<std::string_view, 17> step_time_names{
    "step time",     "steptime",       "iteration time", "iter time",      "time per step", "time per iteration",
    "time per iter", "time per batch", "batch time",     "mean step time", "avg step time", "average step time",
    "per step",      "per iter",       "per iteration",  "per batch",      "latency"};
constexpr std::array<std::string_view, 19> run_time_names{
    "time",          "t",          "times",           "runtime",    "run time",     "wall time", "walltime",
    "wall clock",    "wallclock",  "wall clock time", "elapsed",    "elapsed time", "duration",  "total time",
    "training time", "train time", "time to train",   "epoch time", "mean time"};
constexpr std::array<std::string_view, 7> throughput_names{
    "throughput", "rate", "speed", "performance", "ips", "training throughput", "total throughput"};
constexpr std::array<std::string_view, 6> worker_suffixes{" per gpu",    " per worker",      " per rank",
                                                          " per device", " per accelerator", " per chip"};
constexpr std::array<std::string_view, 6> step_words{"step", "steps", "iter", "iters", "it", "iterations"};

/// Without `min`, which in `time_min` is as often the smallest time as minutes.
constexpr std::array<std::pair<std::string_view, double>, 19> time_units{{{"s", 1},
                                                                          {"sec", 1},
                                                                          {"secs", 1},
                                                                          {"second", 1},
                                                                          {"seconds", 1},
                                                                          {"ms", 1e-3},
                                                                          {"msec", 1e-3},
                                                                          {"millisecond", 1e-3},
                                                                          {"milliseconds", 1e-3},
                                                                          {"us", 1e-6},
                                                                          {"usec", 1e-6},
                                                                          {"\u00b5s", 1e-6},
                                                                          {"microseconds", 1e-6},
                                                                          {"ns", 1e-9},
                                                                          {"minutes", 60},
                                                                          {"h", 3600},
                                                                          {"hours", 3600},
                                                                          {"hrs", 3600},
                                                                          {"days", 86400}}};

std::optional<double> time_unit(std::string_view word) {
  auto const found = std::find_if(time_units.begin(), time_units.end(), [&](auto const& u) { return u.first == word; });
  return found == time_units.end() ? std::nullopt : std::optional(found->second);
}

/// `images per sec`, `throughput samples per s`, `steps per min`: a rate by its last two words.
std::optional<Column> recognise_rate(std::string_view words) {
  Column column{.role = Role::throughput};
  for (auto const suffix : worker_suffixes)
    if (words.ends_with(suffix)) {
      column.per_worker = true;
      words.remove_suffix(suffix.size());
    }
  std::string_view item = "items";
  if (auto const per = words.rfind(" per "); per != std::string_view::npos) {
    auto const unit = time_unit(words.substr(per + 5));
    if (!unit) return std::nullopt;
    item = words.substr(0, per);
    item = item.substr(item.rfind(' ') + 1);
    column.to_si = 1.0 / *unit;
    if (is_one_of(item, step_words)) column.role = Role::step_rate;
  } else if (!is_one_of(words, throughput_names)) {
    return std::nullopt;
  }
  column.note = std::string("read as ") + (column.role == Role::step_rate ? "steps" : std::string(item)) + "/s" +
                (column.per_worker ? " of each worker" : " of all workers together");
  return column;
}

/// `time`, `step time ms`, `ms per step`, `seconds`: a time, with its unit first or last.
std::optional<Column> recognise_time(std::string_view words) {
  auto const role_of = [](std::string_view what) -> std::optional<Role> {
    if (is_one_of(what, step_time_names)) return Role::step_time;
    if (what.empty() || is_one_of(what, run_time_names)) return Role::run_time;
    return std::nullopt;
  };
  auto const named = [](Role role, std::string_view unit) {
    return "read as " + std::string(unit) + (role == Role::step_time ? " per step" : " of a fixed job or step");
  };
  auto const last = words.rfind(' ') == std::string_view::npos ? 0 : words.rfind(' ') + 1;
  if (auto const unit = time_unit(words.substr(last)))
    if (auto const role = role_of(words.substr(0, last == 0 ? 0 : last - 1)); role && (last > 0 || *unit <= 1.0))
      return Column{.role = *role, .to_si = *unit, .note = named(*role, words.substr(last))};
  auto const first = std::min(words.find(' '), words.size());
  if (auto const unit = time_unit(words.substr(0, first)); unit && first < words.size())
    if (auto const role = role_of(words.substr(first + 1)))
      return Column{.role = *role, .to_si = *unit, .note = named(*role, words.substr(0, first))};
  if (auto const role = role_of(words); role && !words.empty())
    return Column{.role = *role, .note = named(*role, "seconds") + " (its name has no unit)"};
  return std::nullopt;
}

std::optional<Column> recognise_hand_made(std::string const& name) {
  std::string const words = words_of(name);
  if (is_one_of(words, rank_names)) return Column{.role = Role::ranks, .note = "read as K"};
  if (is_one_of(words, node_names)) return Column{.role = Role::nodes, .note = "read as nodes"};
  if (is_one_of(words, global_batch_names))
    return Column{.role = Role::global_batch, .note = "read as the global batch"};
  if (is_one_of(words, local_batch_names))
    return Column{.role = Role::local_batch, .note = "read as the batch of each worker"};
  if (is_one_of(words, run_names)) return Column{.role = Role::run, .note = "read as the run"};
  if (is_one_of(words, step_names)) return Column{.role = Role::step, .note = "read as the step"};
  if (is_one_of(words, open_batch_names))
    throw InputError("column '" + name + "' (of one worker or of all?). Rename it global_batch or local_batch?");
  if (auto rate = recognise_rate(words)) return rate;
  return recognise_time(words);
}

}  // namespace

std::span<std::string_view const> study_column_names() { return own_names; }

std::optional<Column> recognise_column(std::string const& name, Dialect dialect,
                                       std::vector<std::string> const& configuration) {
  std::optional<Column> column;
  if (std::find(configuration.begin(), configuration.end(), name) != configuration.end()) {
    column = Column{};
  } else if (auto const own = std::find(own_names.begin(), own_names.end(), name); own != own_names.end()) {
    column = Column{.role = own_roles[static_cast<std::size_t>(own - own_names.begin())]};
  } else if (dialect == Dialect::hand_made) {
    column = recognise_hand_made(name);
  } else if (auto const time = recognise_time(words_of(name))) {
    throw InputError("column '" + name +
                     "' (a Study's times are seconds, and their names say so). Convert it and name it " +
                     std::string(time->role == Role::step_time ? "step_time_s" : "step_time_s or time_s") + "?");
  }
  if (column) column->name = name;
  return column;
}

}  // namespace kurve::data
