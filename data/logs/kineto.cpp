// SPDX-License-Identifier: Apache-2.0
#include "data/logs/kineto.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <limits>
#include <map>
#include <span>

#include "data/logs/kineto_events.hpp"
#include "data/quantity_text.hpp"
#include "data/stats.hpp"
#include "model/error.hpp"

namespace kurve::data {
namespace {

struct Interval {
  std::int64_t start_ns = 0, end_ns = 0;
};
using Intervals = std::vector<Interval>;

/// The times in which work of a kind ran: disjoint, in order.
Intervals busy(std::vector<GpuEvent> const& events, GpuWork work) {
  Intervals result;
  for (auto const& event : events) {  // by start
    if (event.work != work || event.end_ns == event.start_ns) continue;
    if (!result.empty() && event.start_ns <= result.back().end_ns)
      result.back().end_ns = std::max(result.back().end_ns, event.end_ns);
    else
      result.push_back({event.start_ns, event.end_ns});
  }
  return result;
}

/// What of `a` lies outside `b`; both disjoint and in order.
Intervals without(Intervals const& a, Intervals const& b) {
  Intervals result;
  auto other = b.begin();
  for (auto rest : a) {
    while (other != b.end() && other->end_ns <= rest.start_ns) ++other;
    for (auto cut = other; cut != b.end() && cut->start_ns < rest.end_ns; ++cut) {
      if (cut->start_ns > rest.start_ns) result.push_back({rest.start_ns, cut->start_ns});
      rest.start_ns = std::max(rest.start_ns, cut->end_ns);
    }
    if (rest.start_ns < rest.end_ns) result.push_back(rest);
  }
  return result;
}

/// Length of `intervals` inside a window.
std::int64_t inside_ns(Intervals const& intervals, Interval window) {
  auto at = std::lower_bound(intervals.begin(), intervals.end(), window.start_ns,
                             [](Interval const& i, std::int64_t start) { return i.end_ns <= start; });
  std::int64_t sum = 0;
  for (; at != intervals.end() && at->start_ns < window.end_ns; ++at)
    sum += std::min(at->end_ns, window.end_ns) - std::max(at->start_ns, window.start_ns);
  return sum;
}

/// One step as the GPU saw it.
struct Window {
  int number = 0;
  Interval time;
  std::int64_t allreduce_bytes = 0;  ///< -1 where a collective does not say
  int collectives = 0;
};

/// The step in whose range on the host an instant lies; none between and outside.
std::optional<std::size_t> step_at(std::vector<TraceStep> const& steps, std::int64_t ns) {
  auto const after = std::upper_bound(steps.begin(), steps.end(), ns,
                                      [](std::int64_t t, TraceStep const& s) { return t < s.start_ns; });
  if (after == steps.begin()) return std::nullopt;
  auto const step = std::prev(after);
  return ns < step->end_ns ? std::optional(static_cast<std::size_t>(step - steps.begin())) : std::nullopt;
}

/// Steps by number, each once: the longest of its ranges (other threads may repeat a name), then by time.
std::vector<TraceStep> distinct(std::vector<TraceStep> const& steps) {
  std::map<int, TraceStep> longest;
  for (auto const& step : steps) {
    auto const [at, is_new] = longest.try_emplace(step.number, step);
    if (!is_new && step.end_ns - step.start_ns > at->second.end_ns - at->second.start_ns) at->second = step;
  }
  std::vector<TraceStep> result;
  for (auto const& [number, step] : longest) result.push_back(step);
  std::stable_sort(result.begin(), result.end(), [](auto const& a, auto const& b) { return a.start_ns < b.start_ns; });
  return result;
}

/// The GPU's windows of the steps that launched kernels.
std::vector<Window> windows_of(TraceEvents const& trace, std::vector<TraceStep> const& steps) {
  std::map<std::int64_t, std::int64_t> launched;
  for (auto const& launch : trace.launches) launched.try_emplace(launch.correlation, launch.start_ns);
  std::vector<Window> windows(steps.size());
  for (auto& w : windows) w.time = {std::numeric_limits<std::int64_t>::max(), 0};
  for (auto const& event : trace.gpu) {
    auto const launch = launched.find(event.correlation);
    auto const step = step_at(steps, launch == launched.end() ? event.start_ns : launch->second);
    if (!step) continue;
    auto& w = windows[*step];
    w.time.start_ns = std::min(w.time.start_ns, event.start_ns);
    w.time.end_ns = std::max(w.time.end_ns, event.end_ns);
    if (event.work != GpuWork::communication) continue;
    ++w.collectives;
    if (w.allreduce_bytes >= 0)
      w.allreduce_bytes = event.allreduce_bytes < 0 ? -1 : w.allreduce_bytes + event.allreduce_bytes;
  }
  std::vector<Window> result;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    auto& w = windows[i];
    if (w.time.start_ns == std::numeric_limits<std::int64_t>::max()) continue;
    if (!result.empty() && w.time.start_ns <= result.back().time.start_ns) continue;  // its kernels ran within another
    w.number = steps[i].number;
    w.time.end_ns = std::max(w.time.end_ns, w.time.start_ns + (steps[i].end_ns - steps[i].start_ns));
    if (!result.empty()) result.back().time.end_ns = w.time.start_ns;
    result.push_back(w);
  }
  return result;
}

struct Place {
  int ranks = 1, rank = 0;
};

/// The number after "rank" in a file's name: trainer_rank3.json, rank_3.pt.trace.json.gz.
std::optional<int> rank_in_name(std::string const& path) {
  auto const name = std::filesystem::path(path).filename().string();
  auto at = name.find("rank");
  if (at == std::string::npos) return std::nullopt;
  at += 4;
  if (at < name.size() && (name[at] == '_' || name[at] == '-' || name[at] == '.' || name[at] == '=')) ++at;
  int rank = 0;
  auto const [end, error] = std::from_chars(name.data() + at, name.data() + name.size(), rank);
  return error == std::errc{} && rank >= 0 ? std::optional(rank) : std::nullopt;
}

/// K and rank, from the trace or asked for.
Place place_of(TraceEvents const& trace, Study& study, Facts& facts) {
  bool const communicates =
      std::any_of(trace.gpu.begin(), trace.gpu.end(), [](auto const& e) { return e.work == GpuWork::communication; });
  Place place;
  if (trace.world_size) {
    place.ranks = *trace.world_size;
  } else if (auto const ranks = facts.whole("ranks")) {
    place.ranks = *ranks;
  } else if (trace.largest_group > 0) {
    place.ranks = trace.largest_group;
    study.notes.push_back("K is the largest group that communicated (the trace has no distributedInfo)");
  } else if (communicates) {
    ask_for(study.path, "the trace does not say how many ranks ran (it has no distributedInfo)", "ranks=8");
  }
  if (trace.rank)
    place.rank = *trace.rank;
  else if (place.ranks > 1) {
    auto rank = facts.whole("rank", 0);
    if (!rank && (rank = rank_in_name(study.path)))
      study.notes.push_back("rank " + std::to_string(*rank) + " by the file's name (the trace has no distributedInfo)");
    if (!rank)
      ask_for(study.path, "the trace does not say whose it is (it has no distributedInfo)",
              "rank=0, or with several files --assume " + study.path + ":rank=0");
    place.rank = *rank;
  }
  if (place.rank >= place.ranks)
    throw DataError(
        study.path, 0,
        "rank " + std::to_string(place.rank) + " of " + std::to_string(place.ranks) + " (ranks are counted from 0)");
  return place;
}

double seconds(std::int64_t ns) { return static_cast<double>(ns) * 1e-9; }

/// One window as a row; `repeats` steps are inside it.
Sample row_of(Window const& window, Intervals const& compute, Intervals const& exposed, Intervals const& communication,
              double repeats) {
  Sample row;
  std::int64_t const bare = inside_ns(exposed, window.time);
  row.time_s = seconds(window.time.end_ns - window.time.start_ns) / repeats;
  row.compute_s = seconds(inside_ns(compute, window.time)) / repeats;
  row.comm_s = seconds(bare) / repeats;
  row.hidden_comm_s = seconds(inside_ns(communication, window.time) - bare) / repeats;
  return row;
}

double median_of(std::vector<Window> const& windows, double (*value)(Window const&)) {
  std::vector<double> values;
  for (auto const& w : windows) values.push_back(value(w));
  return median(values);
}

void describe_communication(Study& study, std::vector<Window> const& windows) {
  double const collectives = median_of(windows, [](Window const& w) { return static_cast<double>(w.collectives); });
  if (!(collectives > 0.0)) return;
  study.set("collectives_per_step", number_text(collectives));
  double const bytes = median_of(windows, [](Window const& w) { return static_cast<double>(w.allreduce_bytes); });
  if (bytes > 0.0) study.set("gradient_bytes", number_text(bytes));
}

}  // namespace

bool is_kineto(std::string_view prefix) {
  return prefix.find("\"traceEvents\"") != std::string_view::npos ||
         (prefix.starts_with('[') && prefix.find("\"ph\"") != std::string_view::npos);
}

Study read_kineto(std::istream& in, std::string const& path, Facts& facts) {
  auto trace = read_trace_events(in, path);
  if (trace.gpu.empty())
    throw DataError(path, 0,
                    "no GPU kernel among the trace's " + std::to_string(trace.events) +
                        " events (a profile of the host alone?). Profile with ProfilerActivity.CUDA?");
  std::stable_sort(trace.gpu.begin(), trace.gpu.end(),
                   [](auto const& a, auto const& b) { return a.start_ns < b.start_ns; });
  Study study;
  study.path = path;
  study.set("source", "PyTorch profiler trace " + std::filesystem::path(path).filename().string());
  if (!trace.accelerator.empty()) study.set("accelerator", trace.accelerator);
  auto const place = place_of(trace, study, facts);

  auto const compute = busy(trace.gpu, GpuWork::compute), communication = busy(trace.gpu, GpuWork::communication);
  auto const exposed = without(communication, compute);
  auto const steps = distinct(trace.steps);
  auto windows = windows_of(trace, steps);
  double repeats = 1.0;
  if (steps.empty()) {
    auto const n = facts.whole("steps");
    if (!n) ask_for(path, "the trace has no ProfilerStep ranges, so how many steps it holds is open", "steps=10");
    repeats = *n;
    Window whole;
    whole.time = {trace.gpu.front().start_ns, trace.gpu.front().end_ns};
    for (auto const& event : trace.gpu) whole.time.end_ns = std::max(whole.time.end_ns, event.end_ns);
    windows = {whole};
    study.notes.push_back("one sample, the mean of " + std::to_string(*n) +
                          " steps: the time from the first kernel to the last");
  } else if (windows.size() < steps.size()) {
    study.notes.push_back(std::to_string(steps.size() - windows.size()) +
                          " steps without kernels of their own left out");
  }
  long without_compute = 0;
  for (auto const& window : windows) {
    Sample row = row_of(window, compute, exposed, communication, repeats);
    if (!(*row.compute_s > 0.0) || !(row.time_s > 0.0)) {
      ++without_compute;
      continue;
    }
    row.ranks = place.ranks;
    row.rank = place.rank;
    row.step = window.number;
    study.samples.push_back(row);
  }
  if (without_compute > 0)
    study.notes.push_back(std::to_string(without_compute) + " steps without a compute kernel left out");
  if (study.samples.empty())
    throw DataError(path, 0, "no step with a compute kernel (is the trace cut off, or of communication alone?)");
  if (!steps.empty()) describe_communication(study, windows);
  study.notes.push_back("times are under the profiler, which slows the host");
  return study;
}

}  // namespace kurve::data
