// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <map>
#include <set>

#include "data/network_words.hpp"
#include "data/quantity_text.hpp"
#include "validate/audit_rules.hpp"
#include "validate/number_text.hpp"

namespace kurve::validate::detail {
namespace {

/// Rounding a batch to whole samples (data/study.cpp uses the same).
constexpr double batch_tolerance = 0.02;
bool near(double a, double b) { return std::abs(a / b - 1.0) <= batch_tolerance; }

/// "2048 at K = 512, 3072 at K = 768 and 2048 at K = 4096", at most eight of them
std::string batches_of(std::vector<data::MeasuredPoint> const& points) {
  static constexpr std::size_t most = 8;
  std::string text;
  std::size_t const n = std::min(most, points.size());
  for (std::size_t i = 0; i < n; ++i) {
    if (i > 0) text += i + 1 == points.size() ? " and " : ", ";
    text += number_text(points[i].global_batch, 9) + " at K = " + number_text(points[i].ranks, 9);
  }
  if (points.size() > most) text += " and so on";
  return text;
}

/// A worker's work may grow under a study that calls itself weak (a batch that fits the layout); it must not shrink.
bool work_shrinks(Case const& c) {
  double const least = c.baseline().global_batch / c.baseline().ranks * (1.0 - batch_tolerance);
  return std::any_of(c.points().begin(), c.points().end(),
                     [&](auto const& point) { return point.global_batch / point.ranks < least; });
}

std::optional<Hit> regime_mismatch(Case const& c) {
  auto const declared = c.table.declared, derived = c.table.derived;
  if (!declared || !derived || *declared == *derived) return std::nullopt;
  auto severity = Severity::error;
  if (*declared == model::Regime::mixed)
    severity = Severity::note;
  else if (*declared == model::Regime::weak && *derived == model::Regime::mixed && !work_shrinks(c))
    severity = Severity::warning;
  return Hit{severity, "declared " + std::string(to_text(*declared)) + ", but the batch makes it " +
                           std::string(to_text(*derived)) + ": " + batches_of(c.points())};
}

std::optional<Hit> mixed_problem(Case const& c) {
  if (c.table.derived != model::Regime::mixed) return std::nullopt;
  auto const shrinks = [](auto const& a, auto const& b) { return b.global_batch < a.global_batch; };
  bool const grows = std::adjacent_find(c.points().begin(), c.points().end(), shrinks) == c.points().end();
  return Hit{Severity::warning, "regime mixed: the global batch " +
                                    std::string(grows ? "grows with K, but not in proportion: "
                                                      : "is neither constant nor proportional to K: ") +
                                    batches_of(c.points())};
}

/// One switch between a constant batch and one that grows. A batch that goes up and down follows no rule at all.
std::optional<Hit> regime_switch(Case const& c) {
  if (c.table.derived != model::Regime::mixed) return std::nullopt;
  auto const& points = c.points();
  std::optional<std::size_t> at;  // the first point under the second rule
  std::optional<bool> grew;
  for (std::size_t i = 1; i < points.size(); ++i) {
    bool const stays = near(points[i - 1].global_batch, points[i].global_batch);
    if (points[i - 1].ranks == points[i].ranks || (!stays && points[i].global_batch < points[i - 1].global_batch))
      return std::nullopt;
    if (grew && *grew == stays) {
      if (at) return std::nullopt;
      at = i;
    }
    grew = !stays;
  }
  if (!at) return std::nullopt;
  auto const text = [&](std::size_t from, std::size_t to) -> std::string {
    if (near(points[from].global_batch, points[to].global_batch)) return "constant";
    for (std::size_t i = from; i < to; ++i)
      if (!near(points[i].global_batch / points[i].ranks, points[i + 1].global_batch / points[i + 1].ranks))
        return "growing with K";
    return "proportional to K";
  };
  std::string const turn = number_text(points[*at - 1].ranks, 9);
  return Hit{Severity::warning,
             "the batch is " + text(0, *at - 1) + " up to K = " + turn + ", and " + text(*at - 1, points.size() - 1) +
                 " from there to K = " + number_text(points.back().ranks, 9),
             line_of(c.study, points[*at])};
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char ch) { return static_cast<char>(std::tolower(ch)); });
  return text;
}

/// What is computed, with what and how precisely decides what a step costs on one worker; the ratio then compares two
/// programs. How the work is cut may have to change with K.
bool changes_the_job(std::string const& column) {
  static constexpr std::array<std::string_view, 12> cut{"accum", "parallel", "micro",  "batch", "bucket", "per_node",
                                                        "node",  "algo",     "layout", "shard", "warm",   "per_gpu"};
  static constexpr std::array<std::string_view, 35> job{
      "precision", "dtype", "amp",      "fp8",      "bf16",       "quant",     "accelerator", "gpu",        "device",
      "hardware",  "chip",  "instance", "software", "version",    "framework", "commit",      "container",  "driver",
      "compile",   "build", "model",    "param",    "layers",     "hidden",    "seq",         "resolution", "image",
      "dataset",   "optim", "steps",    "epoch",    "checkpoint", "recomput",  "offload",     "remat"};
  auto const name = lower(column);
  auto const has = [&](auto const& words) {
    return std::any_of(words.begin(), words.end(), [&](auto word) { return name.find(word) != std::string::npos; });
  };
  return !has(cut) && has(job);
}

/// Values of one configuration column at each (K, B), in the order of K.
using ValuesByPoint = std::map<std::pair<double, double>, std::vector<std::string>>;

/// Columns whose product says how a worker's share of the batch is cut: accumulation and micro-batch. Where the product
/// follows B/K at every point, they change because they must.
std::set<std::size_t> follows_the_share(Case const& c, std::vector<data::Sample> const& rows) {
  static constexpr std::array<std::string_view, 5> words{"accum", "micro", "batch_per", "local_batch", "per_gpu_batch"};
  std::set<std::size_t> columns;
  for (std::size_t column = 0; column < c.study.configuration_columns.size(); ++column) {
    auto const name = lower(c.study.configuration_columns[column]);
    if (std::any_of(words.begin(), words.end(), [&](auto word) { return name.find(word) != std::string::npos; }))
      columns.insert(column);
  }
  double low = 0.0, high = 0.0;
  for (auto const& row : rows) {
    double product = row.ranks / row.global_batch.value_or(c.table.regime == model::Regime::weak ? row.ranks : 1.0);
    for (auto const column : columns) {
      auto const value = column < row.configuration.size() ? data::number_from_text(row.configuration[column])
                                                           : std::optional<double>();
      if (!value || *value <= 0.0) return {};
      product *= *value;
    }
    low = low == 0.0 ? product : std::min(low, product);
    high = std::max(high, product);
  }
  return near(high, low) ? columns : std::set<std::size_t>{};
}

std::optional<Hit> configuration_changed(Case const& c) {
  auto severity = Severity::warning;
  std::string evidence;
  auto const rows = c.study.steps();
  auto const must_change = follows_the_share(c, rows);
  for (std::size_t column = 0; column < c.study.configuration_columns.size(); ++column) {
    if (must_change.contains(column)) continue;
    ValuesByPoint at;
    for (auto const& row : rows) {
      auto& values = at[{row.ranks, row.global_batch.value_or(0.0)}];
      auto const& value = column < row.configuration.size() ? row.configuration[column] : std::string();
      if (std::find(values.begin(), values.end(), value) == values.end()) values.push_back(value);
    }
    for (auto& [key, values] : at) std::sort(values.begin(), values.end());
    // The same values at every point (seeds, hosts that take turns) are not what the points differ in.
    if (std::all_of(at.begin(), at.end(), [&](auto const& point) { return point.second == at.begin()->second; }))
      continue;
    std::vector<std::string> changes;
    for (auto const& [key, values] : at)
      for (auto const& value : values)
        if (std::find(changes.begin(), changes.end(), value) == changes.end()) changes.push_back(value);
    auto const& name = c.study.configuration_columns[column];
    if (changes_the_job(name)) severity = Severity::error;
    evidence += (evidence.empty() ? "" : "; ") + name + " is ";
    for (std::size_t i = 0; i < std::min<std::size_t>(changes.size(), 5); ++i)
      evidence += (i > 0 ? ", then " : "") + ("'" + changes[i] + "'");
  }
  if (evidence.empty()) return std::nullopt;
  return Hit{severity, evidence};
}

/// The all-reduce that nothing can hide: its least time between nodes, less the backward pass that may cover it.
struct UnpaidCommunication {
  double ranks = 1.0, allreduce_s = 0.0, lost_s = 0.0, must_lose_s = 0.0;
};
std::optional<UnpaidCommunication> unpaid_communication(Case const& c, double bytes, double node_rate,
                                                        double workers_per_node) {
  static constexpr double backward_share = 2.0 / 3.0;  // of compute: backward does twice the work of forward
  auto const& base = c.baseline();
  std::optional<UnpaidCommunication> worst;
  for (auto const& point : c.points()) {
    double const nodes = point.ranks / workers_per_node;
    if (nodes <= 1.0 || base.ranks > workers_per_node) continue;
    double const ideal_s = base.time.mean * (point.global_batch / point.ranks) / (base.global_batch / base.ranks);
    UnpaidCommunication const paid{point.ranks, 2.0 * (nodes - 1.0) / nodes * bytes / node_rate,
                                   point.time.mean - ideal_s, 0.0};
    double const must_lose_s = paid.allreduce_s - backward_share * ideal_s;
    double const slack_s = 0.05 * ideal_s + 3.0 * point.time.standard_error();
    if (must_lose_s <= paid.lost_s + slack_s ||
        (worst && must_lose_s - paid.lost_s <= worst->must_lose_s - worst->lost_s))
      continue;
    worst = paid;
    worst->must_lose_s = must_lose_s;
  }
  return worst;
}

std::optional<Hit> unpaid(Case const& c) {
  auto const parameters = c.study.find_number("parameters");
  auto bytes = c.options.gradient_bytes;
  if (!bytes) bytes = c.study.find_number("gradient_bytes");
  if (!bytes && parameters) bytes = 2.0 * *parameters;
  auto const workers_per_node = c.study.find_number("workers_per_node");
  auto const written = data::node_bandwidth_Bps(header(c.study, "interconnect"), workers_per_node.value_or(1.0));
  auto const rate = c.options.node_bytes_per_s ? c.options.node_bytes_per_s : written;
  if (!bytes || !rate || !workers_per_node) return std::nullopt;
  auto const found = unpaid_communication(c, *bytes, *rate, *workers_per_node);
  if (!found) return std::nullopt;
  bool const given = c.options.node_bytes_per_s.has_value();
  return Hit{given ? Severity::error : Severity::warning,
             "at K = " + number_text(found->ranks, 9) + " all-reducing " + number_text(*bytes / 1e9, 4) +
                 " GB between nodes takes at least " + number_text(found->allreduce_s * 1e3, 4) + " ms at " +
                 number_text(*rate / 1e9, 4) + " GB/s a node" + (given ? "" : " (read off the header)") +
                 ", of which backward can hide all but " + number_text(found->must_lose_s * 1e3, 4) +
                 " ms; the step lost " + number_text(found->lost_s * 1e3, 4) + " ms"};
}

/// Perfect to this: no serial part, no communication, no noise. Measured strong scaling never is beyond a few workers.
constexpr double exactly_linear = 0.002, nearly_linear = 0.01;
/// Weak scaling may hide all of its communication (MegaScale, NSDI'24: 0.4 % over a factor of 5), but runs differ by
/// 0.5 % and more from day to day: four points that agree to a tenth of that were not all measured.
constexpr double equal_beyond_noise = 0.0005;
constexpr std::size_t fewest_equal = 4;

std::optional<Hit> too_linear(Case const& c) {
  if (auto hit = unpaid(c)) return hit;
  auto const& points = c.table.points;
  double const growth = points.back().ranks / c.baseline().ranks;
  bool const weak = c.table.regime == model::Regime::weak;
  if (c.table.regime == model::Regime::mixed || growth < 4.0 || points.size() < (weak ? fewest_equal : 3))
    return std::nullopt;
  double off = 0.0;
  std::vector<double> ranks;
  std::string speedups;
  for (auto const& point : points) {
    off = std::max(off, std::abs(1.0 - point.efficiency));
    ranks.push_back(point.ranks);
    if (point.speedup && speedups.size() < 40)
      speedups += (speedups.empty() ? "" : ", ") + number_text(*point.speedup, 4);
  }
  if (off > (weak ? equal_beyond_noise : nearly_linear)) return std::nullopt;
  std::string const within = " at " + list_of_ranks(ranks) + ": within " + percent_text(off, 2) + " of ";
  if (weak)
    return Hit{Severity::warning, "the time of a step is the same" + within +
                                      "another, closer than two runs of one job agree: copied or computed, not "
                                      "measured, unless each point is the mean of many runs"};
  return Hit{off <= exactly_linear ? Severity::error : Severity::warning,
             "speedups " + speedups + within +
                 "linear, with no serial part and no communication. Two mistakes do this: "
                 "(1) the baseline carries the same overhead as the other points, or is slow for another reason, so "
                 "that the ratio hides it; "
                 "(2) the work was not fixed: the batch grew with K, and weak scaling is read as strong"};
}

/// A point off the line of its neighbours: interpolated where only K differs, in B/K (strong) or log K (weak), because
/// serial and parallel work are linear in B/K. A job that leaves its node jumps honestly.
constexpr double off_line_warning = 0.15, off_line_error = 0.30;

struct OffLine {
  std::size_t index = 0;
  double expected_s = 0.0, deviation = 0.0;
};

/// Value at x of the line through two points.
double line_at(double x, double x0, double y0, double x1, double y1) { return y0 + (x - x0) / (x1 - x0) * (y1 - y0); }

/// Whether point i lies where a lasting jump of the curve puts it: on the line of the two points before or after it
/// (the jump is beyond the other neighbour), or off it by as much as the next point is (the jump is here). Links change
/// where a job leaves a node, a rack, a pod.
bool is_lasting_jump(std::vector<data::MeasuredPoint> const& points, std::size_t i, auto const& x) {
  auto const jumps = [&](std::size_t a, std::size_t b, std::size_t beyond) {
    auto const on_line = [&](std::size_t j) {
      return line_at(x(j), x(a), points[a].time.mean, x(b), points[b].time.mean);
    };
    double const jump_s = points[i].time.mean - on_line(i);
    auto const meets = [&](double expected_s, double time_s) {
      return std::abs(time_s - expected_s) <= off_line_warning * time_s;
    };
    return meets(on_line(i), points[i].time.mean) || meets(on_line(beyond) + jump_s, points[beyond].time.mean);
  };
  return (i >= 2 && jumps(i - 2, i - 1, i + 1)) || (i + 2 < points.size() && jumps(i + 2, i + 1, i - 1));
}

std::optional<OffLine> most_off_line(std::vector<data::MeasuredPoint> const& points, bool strong,
                                     double workers_per_node) {
  std::optional<OffLine> worst;
  auto const x = [&](std::size_t j) { return strong ? 1.0 / points[j].ranks : std::log(points[j].ranks); };
  for (std::size_t i = 1; i + 1 < points.size(); ++i) {
    if (points[i - 1].ranks <= workers_per_node && points[i + 1].ranks > workers_per_node) continue;
    double const expected_s = line_at(x(i), x(i - 1), points[i - 1].time.mean, x(i + 1), points[i + 1].time.mean);
    double const deviation = points[i].time.mean / expected_s - 1.0;
    if (worst && std::abs(deviation) <= std::abs(worst->deviation)) continue;
    if (std::abs(deviation) >= off_line_warning && is_lasting_jump(points, i, x)) continue;
    worst = OffLine{i, expected_s, deviation};
  }
  return worst;
}

std::optional<Hit> not_the_same_job(Case const& c) {
  bool const strong = c.table.regime != model::Regime::weak;
  auto const points = same_problem_points(c);
  if (points.size() < 4) return std::nullopt;  // of three points nobody can say which is odd
  auto const found = most_off_line(points, strong, c.study.find_number("workers_per_node").value_or(0.0));
  if (!found || std::abs(found->deviation) < off_line_warning) return std::nullopt;
  auto const& point = points[found->index];
  double const spread = point.time.standard_error() / point.time.mean;
  bool const repeats = point.time.n >= 3 && std::abs(found->deviation) > 10.0 * spread;
  if (point.time.n >= 2 && !repeats) return std::nullopt;  // it scatters: noise or stragglers, for diagnose
  return Hit{
      repeats && found->deviation > off_line_error ? Severity::error : Severity::warning,
      "T(" + number_text(point.ranks, 9) + ") is " + signed_percent_text(found->deviation, 0) +
          " off the line between K = " + number_text(points[found->index - 1].ranks, 9) + " and " +
          number_text(points[found->index + 1].ranks, 9) +
          (point.time.n > 1 ? ", and repeats to " + percent_text(point.time.sd / point.time.mean, 1) + ": not noise"
                            : ", from one value"),
      line_of(c.study, point)};
}

std::optional<Hit> regime_unstated(Case const& c) {
  if (c.table.declared || c.table.derived) return std::nullopt;
  return Hit{Severity::warning, "no global_batch column and no '# regime:' line: the ratios assume strong scaling"};
}

constexpr std::array<Rule, 7> rules{{
    {{"KV005-regime-mismatch", "the declared regime is not the measured one",
      "declare what was run; for strong scaling keep the global batch, for weak the batch of each worker"},
     regime_mismatch},
    {{"KV006-mixed-problem", "the problem changes between points: regime mixed",
      "compare only points of one batch, or one batch per worker; a mixed study has no speedup"},
     mixed_problem},
    {{"KV007-regime-switch", "the regime switches inside the curve",
      "split the study where the batch rule changes, and report two curves"},
     regime_switch},
    {{"KV008-configuration-changed", "the configuration changes between points",
      "re-run the points with one configuration, or report one curve for each"},
     configuration_changed},
    {{"KV009-too-linear", "too linear to be true",
      "re-measure T at the smallest K: plain single-worker build, no distributed wrapper, the same global batch, clock "
      "stopped after the device has finished; then every other K with that batch"},
     too_linear},
    {{"KV010-not-the-same-job", "a point is not the same job as its neighbours",
      "look up what differed there (batch, accumulation, software, a sick node), and re-run it"},
     not_the_same_job},
    {{"KV019-regime-unstated", "strong or weak scaling is not stated",
      "add a global_batch column, or `# regime: strong` or `weak`"},
     regime_unstated},
}};

}  // namespace

std::vector<data::MeasuredPoint> same_problem_points(Case const& c) {
  bool const strong = c.table.regime != model::Regime::weak;
  std::vector<std::vector<data::MeasuredPoint>> groups;
  for (auto const& point : c.points()) {
    double const key = strong ? point.global_batch : point.global_batch / point.ranks;
    auto const fits = [&](auto const& group) {
      return near(strong ? group[0].global_batch : group[0].global_batch / group[0].ranks, key);
    };
    auto const group = std::find_if(groups.begin(), groups.end(), fits);
    if (group == groups.end())
      groups.push_back({point});
    else
      group->push_back(point);
  }
  return *std::max_element(groups.begin(), groups.end(),
                           [](auto const& a, auto const& b) { return a.size() < b.size(); });
}

std::span<Rule const> problem_rules() { return rules; }

}  // namespace kurve::validate::detail
