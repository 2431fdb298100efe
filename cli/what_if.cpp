// SPDX-License-Identifier: Apache-2.0
#include "cli/what_if.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/plan_options.hpp"
#include "cli/settings.hpp"
#include "data/curve_file.hpp"
#include "data/model_file.hpp"
#include "data/printable.hpp"
#include "data/quantity_text.hpp"
#include "model/error.hpp"
#include "sim/simulate.hpp"
#include "validate/plot.hpp"
#include "validate/present_model.hpp"
#include "validate/present_plan.hpp"

namespace kurve::cli {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::size_t longest_text = 64;  // of one value: a quantity, a name

/// Options of `kurve plan` that a page may set: none that reads or writes a file.
constexpr std::string_view plan_names[] = {"steps",    "samples",    "min-steps", "critical-batch", "price",
                                           "deadline", "budget",     "gpus",      "block",          "value-of-time",
                                           "mtbf",     "checkpoint", "watts",     "restart",        "interval"};

/// A number or a short text, as a command line would have it.
std::string value_text(std::string const& name, json const& value) {
  if (value.is_number()) return data::number_text(value.get<double>());
  if (!value.is_string()) throw InputError("'" + name + "' (must be a number or a text)");
  auto const& text = value.get_ref<std::string const&>();
  bool const plain = std::all_of(text.begin(), text.end(), [](unsigned char c) { return c >= 0x20 && c != 0x7f; });
  if (text.size() > longest_text || !plain)
    throw InputError("'" + name + "' (must be a text of at most 64 characters)");
  return text;
}

double number(json const& request, std::string const& name, double otherwise, double low, double high) {
  if (!request.contains(name)) return otherwise;
  auto const& value = request[name];
  if (!value.is_number() || !(value.get<double>() >= low && value.get<double>() <= high))
    throw InputError(name + "=" + value.dump(-1, ' ', true, json::error_handler_t::replace).substr(0, longest_text) +
                     " (must be a number from " + data::number_text(low) + " to " + data::number_text(high) + ")");
  return value.get<double>();
}

/// One K, the Model's baseline and the doublings between the smaller of them and the end, as an option.
std::string ranks_text(double baseline, double ranks, double last) {
  std::vector<double> list{ranks};
  double const first = std::min(std::max(1.0, std::round(baseline)), ranks);
  for (double k = first; k <= std::max(last, ranks); k *= 2.0) list.push_back(k);
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
  std::string text;
  for (double const k : list) text += (text.empty() ? "" : ",") + std::to_string(std::lround(k));
  return text;
}

/// A request, understood: the arguments of both verbs.
struct Question {
  ServedModel const* served = nullptr;
  double ranks = 1.0;
  Arguments curve, plan;  ///< `plan` is empty where no job is given
  bool help = false;
};

Question question_of(std::vector<ServedModel> const& models, std::string const& text) {
  auto const request = json::parse(text, nullptr, false);
  if (!request.is_object()) throw InputError("the request (must be a JSON object)");
  for (auto const& [name, value] : request.items())
    if (name != "model" && name != "K" && name != "last_K" && name != "set" && name != "threshold" &&
        name != "confidence" && name != "plan" && name != "help")
      throw InputError("unknown key '" + name.substr(0, longest_text) +
                       "' (the keys are model, K, last_K, set, threshold, confidence, plan, help)");
  Question q;
  double const index = number(request, "model", 0.0, 0.0, static_cast<double>(models.size()) - 1.0);
  q.served = &models[static_cast<std::size_t>(index)];
  double const baseline = q.served->model.baseline_ranks;
  q.ranks = std::round(number(request, "K", baseline, 1.0, WhatIf::largest_ranks));
  double const last = number(request, "last_K", std::max(q.ranks, 64.0 * baseline), 1.0, WhatIf::largest_ranks);
  q.help = request.contains("help") && request["help"] == true;

  Arguments shared{q.served->path, "-K", ranks_text(baseline, q.ranks, last)};
  if (request.contains("threshold"))
    shared.push_back("--threshold=" + data::number_text(number(request, "threshold", 0.7, 0.0, 1.0)));
  if (request.contains("confidence"))
    shared.push_back("--confidence=" + data::number_text(number(request, "confidence", 0.9, 0.0, 1.0)));
  bool const mixed = q.served->model.regime == model::Regime::mixed;
  std::string batch = mixed ? data::number_text(q.served->model.global_batch) : "";
  if (request.contains("set")) {
    auto const& settings = request["set"];
    if (!settings.is_object() || settings.size() > 64)
      throw InputError("'set' (must be an object of at most 64 values)");
    for (auto const& [name, value] : settings.items()) {
      if (name.size() > longest_text) throw InputError("a name in 'set' (must be at most 64 characters)");
      if (mixed && name == "global_batch")
        batch = value_text(name, value);
      else
        shared.push_back("--set=" + name + "=" + value_text(name, value));
    }
  }
  if (mixed) shared.push_back("--global-batch=" + batch);
  q.curve = q.plan = shared;
  q.plan.push_back("--runs=1");
  bool job = false;
  if (request.contains("plan") && !request["plan"].is_null()) {
    auto const& plan = request["plan"];
    if (!plan.is_object()) throw InputError("'plan' (must be an object)");
    for (auto const& [name, value] : plan.items()) {
      if (std::find(std::begin(plan_names), std::end(plan_names), name) == std::end(plan_names))
        throw InputError("unknown key '" + name.substr(0, longest_text) + "' in 'plan'");
      auto const option = value_text(name, value);
      if (option.empty()) continue;
      job |= name == "steps" || name == "samples" || name == "min-steps";
      q.plan.push_back("--" + name + "=" + option);
    }
  }
  if (!job) q.plan.clear();
  return q;
}

/// A line of either verb, read.
CommandLine read_line(std::string const& verb, void (*add)(CommandLine&), Arguments const& arguments) {
  CommandLine line(verb + " MODEL", "", "");
  line.takes_inputs(1);
  add(line);
  if (!line.parse(arguments)) throw InputError("no help here");
  return line;
}

struct Answered {
  model::Model model;
  sim::Simulated steps;
};

Answered steps_of(Question const& q) {
  auto const line = read_line("simulate", add_curve_options, q.curve);
  Answered answered{.model = q.served->model, .steps = {}};
  apply_settings(answered.model, line.all("set"));
  auto options = curve_options(line, answered.model);
  options.threads = 1;
  validate::check_felt(q.served->model, answered.model, settings_of(line.all("set")), validate::asked_curve(options));
  answered.steps = sim::simulate_with_draws(answered.model, options);
  return answered;
}

std::string command_text(std::string const& verb, Arguments const& arguments) {
  std::string text = "kurve " + verb;
  for (auto const& argument : arguments) text += " " + data::shell_quoted(argument);
  return text;
}

/// @param steps  of the same Model at the Question's K: a plan for them all goes on from it
ordered_json plan_json(Question const& q, sim::Simulated const& steps) {
  auto const line = read_line("plan", add_plan_options, q.plan);
  auto const offers = offers_of(line, {q.served->model}, {std::filesystem::path(q.served->path).stem().string()});
  auto options = plan_options(line, offers);
  options.seek_help = q.help;
  bool const all = !offers[0].gpus || *offers[0].gpus >= steps.curve.points.back().ranks;
  return ordered_json::parse(
      validate::to_json(all ? validate::make_plan(offers[0], options, steps) : validate::make_plan(offers, options)));
}

}  // namespace

ServedModel lesson_model() {
  ServedModel served{.path = "chapter.json", .model = {}};
  auto& m = served.model;
  m.workload = "the chapter's job: T = 0.04 + 0.96/K + 0.010 log2 K seconds";
  m.global_batch = 1024;
  m.parameters.serial_s = 0.04;
  m.parameters.compute_per_sample_s = 0.96 / 1024;
  m.parameters.extra_per_log2_s = 0.010;
  for (auto const* name : {"serial", "compute.per_sample", "extra.per_log2"})
    m.knowledge[name] = {
        .source = model::Source::published, .sd = 0.0, .identified = true, .note = "the chapter's formula"};
  return served;
}

std::string WhatIf::models_json() const {
  ordered_json list = ordered_json::array();
  for (auto const& served : models_) {
    auto const& m = served.model;
    ordered_json parameters = ordered_json::object(), choices = ordered_json::object();
    for (auto const& info : model::parameter_table()) {
      auto const known = m.knowledge.find(std::string(info.name));
      parameters[std::string(info.name)] = {
          {"value", m.parameters.*(info.member)},
          {"unit", info.unit},
          {"source", model::to_text(known == m.knowledge.end() ? model::Source::assumed : known->second.source)}};
    }
    list.push_back({{"name", std::filesystem::path(served.path).stem().string()},
                    {"workload", m.workload},
                    {"regime", model::to_text(m.regime)},
                    {"global_batch", m.global_batch},
                    {"baseline_K", m.baseline_ranks},
                    {"parameters", parameters}});
  }
  return ordered_json{{"models", list}, {"largest_K", largest_ranks}}.dump();
}

std::string WhatIf::answer(std::string const& request) const {
  auto const start = std::chrono::steady_clock::now();
  auto const q = question_of(models_, request);
  auto const steps = steps_of(q).steps;
  auto const& curve = steps.curve;
  std::ostringstream written;
  data::write_curve(written, curve, {});
  auto answer = ordered_json{{"curve", ordered_json::parse(written.str())}};
  answer["curve"].erase("provenance");
  answer["plan"] = answer["plan_error"] = nullptr;
  if (!q.plan.empty()) try {
      answer["plan"] = plan_json(q, steps);
    } catch (InputError const& e) {  // a deadline half typed must not take the curve away
      answer["plan_error"] = e.what();
    } catch (boost::program_options::error const& e) {
      answer["plan_error"] = e.what();
    }
  auto const at =
      std::find_if(curve.points.begin(), curve.points.end(), [&](auto const& p) { return p.ranks == q.ranks; });
  answer["sentences"] = {{"bend", validate::bend_sentence(curve)}, {"budget", validate::budget_sentence(*at)}};
  answer["commands"] = {{"simulate", command_text("simulate", q.curve)},
                        {"plan", q.plan.empty() ? ordered_json(nullptr) : ordered_json(command_text("plan", q.plan))}};
  std::chrono::duration<double, std::milli> const elapsed = std::chrono::steady_clock::now() - start;
  answer["elapsed_ms"] = std::round(100.0 * elapsed.count()) / 100.0;
  return answer.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string WhatIf::curve_csv(std::string const& request) const {
  auto const q = question_of(models_, request);
  auto made_by = data::this_machine();
  made_by.command_line = command_text("simulate", q.curve);
  std::ostringstream out;
  data::write_curve_csv(out, steps_of(q).steps.curve, made_by);
  return out.str();
}

std::string WhatIf::model_json(std::string const& request) const {
  auto const q = question_of(models_, request);
  auto made_by = data::this_machine();
  made_by.command_line = "kurve serve; " + command_text("simulate", q.curve);
  std::ostringstream out;
  data::write_model(out, steps_of(q).model, made_by);
  return out.str();
}

std::string WhatIf::plot_svg(std::string const& request) const {
  return validate::render_plot(validate::make_scaling_plot(steps_of(question_of(models_, request)).steps.curve),
                               validate::PlotFormat::svg);
}

}  // namespace kurve::cli
