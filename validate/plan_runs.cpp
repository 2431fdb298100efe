// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "data/philox.hpp"
#include "data/quantity_text.hpp"
#include "model/elementary.hpp"
#include "model/error.hpp"
#include "model/near_miss.hpp"
#include "sim/interrupted_run.hpp"
#include "validate/plan_choice.hpp"

namespace kurve::validate {
namespace {

constexpr double hour = data::hour_s, day = 24.0 * hour;

struct Fleet {
  char const* name;
  double each_s;
  bool by_node;
  char const* note;
};
constexpr Fleet fleets[] = {
    {"llama3", 50'677.0 * hour, false, "Llama 3: 419 unexpected interruptions in 54 d on 16,384 H100"},
    {"rsc1", 1000.0 / 6.50 * day, true, "Meta RSC-1: 6.50 failures in 1000 node-days (HPCA 2025)"},
    {"rsc2", 1000.0 / 2.34 * day, true, "Meta RSC-2: 2.34 failures in 1000 node-days (HPCA 2025)"}};
constexpr std::string_view fleet_names[] = {"llama3", "rsc1", "rsc2", "none"};

double standard_normal(std::uint64_t seed, std::uint32_t run, std::uint32_t ranks, data::Stream stream) {
  double const u = data::uniforms(seed, run, ranks, 0, stream).first;
  return u < 0.5 ? -model::elementary::normal_upper(u) : model::elementary::normal_upper(1.0 - u);
}

}  // namespace

FailurePolicy failures_from_text(std::string const& text) {
  if (text == "none") return {};
  FailurePolicy policy;
  for (auto const& fleet : fleets)
    if (text == fleet.name) {
      policy.each_s = fleet.each_s;
      policy.by_node = fleet.by_node;
      policy.each_log_sd = between_fleets_log_sd;
      policy.source = "published";
      policy.note = fleet.note;
      return policy;
    }
  auto const slash = text.find('/');
  std::string const unit = slash == std::string::npos ? "" : text.substr(slash + 1);
  if (unit != "gpu" && unit != "node")
    throw InputError("mean time between failures '" + text +
                     "' (must be llama3, rsc1, rsc2, none, or a time for one GPU or one node, such as 50000h/gpu, "
                     "150d/node or, not sure, 20000h..80000h/gpu)" +
                     did_you_mean(text, fleet_names));
  auto const dots = text.find("..");
  auto const seconds = [&](std::string const& piece) {
    double const time_s = data::seconds_from_text(piece).count();
    if (!(time_s > 0.0)) throw InputError("mean time between failures '" + text + "' (must be positive)");
    return time_s;
  };
  if (dots == std::string::npos) {
    policy.each_s = seconds(text.substr(0, slash));
  } else {
    double const low = seconds(text.substr(0, dots)), high = seconds(text.substr(dots + 2, slash - dots - 2));
    if (!(low <= high)) throw InputError("mean time between failures '" + text + "' (the lower end comes first)");
    policy.each_s = std::sqrt(low * high);
    policy.each_log_sd = 0.5 * std::log(high / low) / model::elementary::normal_upper(0.05);
  }
  policy.by_node = unit == "node";
  policy.source = "assumed";
  policy.note = "given on the command line";
  return policy;
}

Span each_interval_s(FailurePolicy const& policy, double confidence) {
  double const factor = std::exp(policy.each_log_sd * model::elementary::normal_upper(0.5 - 0.5 * confidence));
  return {policy.each_s, policy.each_s / factor, policy.each_s * factor};
}

model::Failures apply_failures(PlanOption& option, Offer const& offer, PlanOptions const& o) {
  double const node = offer.model.parameters.workers_per_node;
  double const count = o.failures.by_node ? std::ceil(option.ranks / node) : option.ranks;
  model::Failures const f{.mean_between_s = model::mean_between_failures_s(o.failures.each_s, count),
                          .checkpoint_s = o.failures.checkpoint_s,
                          .restart_s = o.failures.restart_s};
  // A checkpoint cannot be nearer to the next than one step.
  option.interval_s = std::max(o.failures.interval_s.value_or(model::best_interval_s(f)), option.step_s);
  option.mean_between_s = f.mean_between_s;
  double const work_s = option.step_s * option.steps;
  double const wall_s = model::expected_run_s(f, work_s, model::segment_count(work_s, option.interval_s));
  option.goodput = work_s / wall_s;
  option.interruptions = std::isinf(f.mean_between_s) ? 0.0 : wall_s / f.mean_between_s;
  return f;
}

std::vector<double> run_times_s(PlanOption const& option, model::Failures const& failures, double step_cv,
                                std::vector<double> const& step_draws_s, PlanOptions const& o) {
  auto const ranks = static_cast<std::uint32_t>(option.ranks);
  std::vector<double> times_s;
  times_s.reserve(step_draws_s.size() * static_cast<std::size_t>(o.runs));
  std::uint32_t run = 0, draw = 0;
  for (double const step_s : step_draws_s) {
    auto here = failures;
    if (o.failures.each_log_sd > 0.0)  // a fleet has one rate, whatever K
      here.mean_between_s *=
          std::exp(o.failures.each_log_sd * standard_normal(o.seed, draw, 0, data::Stream::failure_rate));
    ++draw;
    for (int r = 0; r < o.runs; ++r, ++run) {
      double const spread = step_cv > 0.0 ? step_cv / std::sqrt(option.steps) *
                                                standard_normal(o.seed, run, ranks, data::Stream::run_length)
                                          : 0.0;
      double const work_s = step_s * option.steps * std::max(0.0, 1.0 + spread);
      times_s.push_back(
          sim::interrupted_run_s(here, work_s, model::segment_count(work_s, option.interval_s), o.seed, run, ranks));
    }
  }
  return times_s;
}

}  // namespace kurve::validate
