// SPDX-License-Identifier: Apache-2.0
#include "sim/simulate.hpp"

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "calibrate/backend_mpi.hpp"
#include "cli/interrupt.hpp"
#include "cli/output.hpp"
#include "cli/setting_range.hpp"
#include "cli/settings.hpp"
#include "cli/verbs.hpp"
#include "data/curve_file.hpp"
#include "data/json_text.hpp"
#include "data/model_file.hpp"
#include "data/quantity_text.hpp"
#include "model/error.hpp"
#include "sim/advise.hpp"
#include "sim/attribute.hpp"
#include "validate/number_text.hpp"
#include "validate/plot.hpp"
#include "validate/present_model.hpp"

namespace kurve::cli {
namespace {

namespace po = boost::program_options;

std::vector<double> numbers(std::vector<int> const& values) { return {values.begin(), values.end()}; }

std::string parameter_list() {
  validate::TextTable table{{{"name", "", validate::Align::left},
                             {"unit", "", validate::Align::left},
                             {"meaning", "", validate::Align::left}},
                            {}};
  for (auto const& info : model::parameter_table())
    table.add({std::string(info.name), std::string(info.unit), std::string(info.meaning)});
  for (auto const& info : model::choice_table()) {
    std::string values;
    for (auto const value : info.values) values += (values.empty() ? "" : "|") + std::string(value);
    table.add({std::string(info.name), "", values});
  }
  return validate::to_text(table, 200);
}

/// @param before  the Model without what-ifs
int simulate_allreduce(CommandLine const& line, model::Model const& before, model::Model const& model,
                       Arguments const& inputs) {
  sim::AllreduceOptions options{.ranks = numbers(data::ranks_from_text(line.get<std::string>("ranks"))),
                                .bytes = {},
                                .confidence = line.confidence(),
                                .draws = line.draws(),
                                .seed = line.get<std::uint64_t>("seed")};
  for (auto const size : data::sizes_from_text(line.get<std::string>("bytes")))
    options.bytes.push_back(static_cast<double>(size.count));
  validate::check_felt(before, model, settings_of(line.all("set")), validate::asked_allreduce(options));
  auto const points = sim::simulate_allreduce(model, options);
  std::ostringstream out;
  if (wants(line, ".json")) {
    nlohmann::ordered_json json{{"op", "allreduce"}, {"points", nlohmann::ordered_json::array()}};
    for (auto const& p : points)
      json["points"].push_back({{"ranks", p.ranks},
                                {"bytes", p.bytes},
                                {"time_s", p.time_s},
                                {"low_s", p.low_s},
                                {"high_s", p.high_s},
                                {"busbw_Bps", p.busbw_Bps}});
    json["provenance"] = data::provenance_json(line.provenance(inputs));
    data::write_json(out, json);
  } else {
    out << validate::to_text(validate::table_of(points, options.confidence));
  }
  write_result(line, out.str());
  return ok;
}

int replay(CommandLine const& line, model::Model const& model, sim::SimulateOptions const& options) {
  long const number = line.get<long>("trial");
  if (number < 0 || number > std::numeric_limits<std::uint32_t>::max())
    throw InputError("--trial=" + std::to_string(number) + " (must be from 0 to 4294967295)");
  auto const trial = static_cast<std::uint32_t>(number);
  std::ostringstream out;
  for (std::size_t i = 0; i < options.ranks.size(); ++i) {
    double const batch = options.global_batches.empty() ? model.batch_at(options.ranks[i]) : options.global_batches[i];
    auto const one = sim::replay_trial(model, options.ranks[i], batch, options.method, options.seed, trial);
    out << "K = " << options.ranks[i] << ", trial " << trial << ": step " << data::number_text(one.step_s) << " s";
    if (!one.worker_s.empty())
      out << ", slowest worker " << std::max_element(one.worker_s.begin(), one.worker_s.end()) - one.worker_s.begin();
    out << "\n";
  }
  write_result(line, out.str());
  return ok;
}

/// What to measure next for T at the last K: all of it as JSON, the best three as text.
std::vector<sim::Advice> advice_for(CommandLine const& line, model::Model const& model, model::Curve const& curve) {
  auto const& last = curve.points.back();
  return sim::advise(
      model, {last.ranks, last.global_batch},
      {.confidence = line.confidence(), .draws = std::max(100, line.draws()), .seed = line.get<std::uint64_t>("seed")});
}

nlohmann::ordered_json curve_json(model::Curve const& curve, data::Provenance const& made_by) {
  std::ostringstream written;
  data::write_curve(written, curve, made_by);
  return nlohmann::ordered_json::parse(written.str());
}

nlohmann::ordered_json attribution_json(sim::Attribution const& a) {
  nlohmann::ordered_json json{{"mean_s", a.mean_s},
                              {"ideal_s", a.ideal_s},
                              {"causes", nlohmann::ordered_json::object()},
                              {"interactions", nlohmann::ordered_json::array()},
                              {"higher_order_s", a.higher_order_s},
                              {"rest_s", a.rest_s}};
  for (auto const& cause : a.causes) json["causes"][std::string(cause.name)] = cause.cost_s;
  for (auto const& pair : a.interactions)
    json["interactions"].push_back({{"first", pair.first}, {"second", pair.second}, {"cost_s", pair.cost_s}});
  return json;
}

std::string text_of(nlohmann::ordered_json const& json) {
  std::ostringstream out;
  data::write_json(out, json);
  return out.str();
}

/// The Curve, and what else was asked for about its largest K.
std::string answer(CommandLine const& line, model::Model const& model, model::Curve const& curve,
                   data::Provenance const& made_by) {
  bool const advise = line.has("advise"), attribute = line.has("attribute");
  auto const& last = curve.points.back();
  if (wants(line, ".csv")) {
    if (advise || attribute)
      throw InputError("--advise or --attribute with a CSV file (it holds the points alone). Try --json?");
    std::ostringstream out;
    data::write_curve_csv(out, curve, made_by);
    return out.str();
  }
  auto const advice = advise ? advice_for(line, model, curve) : std::vector<sim::Advice>{};
  auto const causes = attribute
                          ? sim::attribute(model, {last.ranks, last.global_batch},
                                           {.draws = line.get<int>("draws"), .seed = line.get<std::uint64_t>("seed")})
                          : sim::Attribution{};
  if (!wants(line, ".json"))
    return validate::to_text(curve) + (attribute ? validate::attribution_text(causes, last.ranks) : "") +
           (advise ? validate::advice_text(advice, last.ranks) : "");
  auto json = curve_json(curve, made_by);
  if (advise) json["advice"] = nlohmann::ordered_json::array();
  for (auto const& a : advice)
    json["advice"].push_back({{"measurement", a.what}, {"gain", a.gain}, {"sentence", a.sentence}});
  if (attribute) json["attribution"] = attribution_json(causes);
  return text_of(json);
}

/// The ranks of an MPI launcher, which share the trials, or this process alone.
std::unique_ptr<sim::TrialRanks> trial_ranks() {
  return calibrate::started_by_mpi_launcher() ? sim::join_mpi_ranks() : std::make_unique<sim::TrialRanks>();
}

/// Who draws; null: this machine's processors.
std::unique_ptr<sim::DrawDevice> draw_device(CommandLine const& line) {
  auto const name = line.get<std::string>("device");
  if (name == "cpu") return nullptr;
  if (name == "cuda") return sim::open_cuda_device();
  throw InputError("device '" + name + "' (must be cpu or cuda)");
}

/// Exit code of a run that a signal may have stopped, and a note where one has.
int status_after(CommandLine const& line, bool writes) {
  if (Interrupt::signal() == 0) return ok;
  if (writes) warn(line, {"stopped: what was done by then"});
  return Interrupt::exit_code();
}

/// One Curve for each value of a parameter.
int sweep(CommandLine const& line, model::Model const& model, Range const& range, sim::SimulateOptions options,
          Arguments const& inputs) {
  bool const writes = options.trial_ranks->rank() == 0;
  std::vector<model::Curve> curves;
  Interrupt const interrupt;
  {
    std::optional<ProgressBar> bar;
    if (writes) bar.emplace(line, "simulating");
    auto const all = static_cast<double>(range.values.size());
    options.progress = [&](double fraction) {
      if (bar) bar->show((static_cast<double>(curves.size()) + fraction) / all);
      return Interrupt::signal() == 0;
    };
    bool stopped = false;
    for (auto value = range.values.begin(); value != range.values.end() && !stopped; ++value) {
      auto changed = model;
      apply_settings(changed, {range.name + "=" + *value});
      curves.push_back(sim::simulate(changed, options));
      stopped = curves.back().stopped;
    }
  }
  std::vector<std::string> const values(range.values.begin(),
                                        range.values.begin() + static_cast<std::ptrdiff_t>(curves.size()));
  if (!writes) return status_after(line, writes);
  if (!wants(line, ".json")) {
    write_result(line, curves.empty() ? "" : validate::sweep_text(range.name, values, curves));
    return status_after(line, writes);
  }
  nlohmann::ordered_json json{
      {"parameter", range.name}, {"values", values}, {"curves", nlohmann::ordered_json::array()}};
  for (auto const& curve : curves) json["curves"].push_back(curve_json(curve, line.provenance(inputs)));
  write_result(line, text_of(json));
  return status_after(line, writes);
}

/// Refuses settings, and a range, that the Curve would not feel.
void check_felt(model::Model const& before, model::Model with, SortedSettings const& settings,
                sim::SimulateOptions const& options) {
  auto named = settings_of(settings.single);
  if (auto const& range = settings.range) {
    apply_settings(with, {range->name + "=" + range->values.front()});
    named.push_back({range->name, range->values.front()});
  }
  validate::check_felt(before, with, named, validate::asked_curve(options));
}

}  // namespace

int simulate(Arguments const& arguments) {
  CommandLine line("simulate MODEL [options]",
                   "From a Model to T(K), S(K), E(K) with intervals, what the time goes to, and the bend.",
                   "  kurve fit data/sets/mlperf_gpt3_v3_1/points.csv --out gpt3.json\n"
                   "  kurve simulate gpt3.json --K 512..16384 --global-batch 2048");
  line.takes_inputs(1);
  add_curve_options(line);
  line.options().add_options()("device", po::value<std::string>()->default_value("cpu"),
                               "who draws for --method workers or ring: cpu or cuda; never changes a result")(
      "parameters", "list the parameters that --set takes")("trial", po::value<long>()->value_name("N"),
                                                            "replay trial N alone")(
      "op", po::value<std::string>()->value_name("allreduce"), "time this collective instead of steps")(
      "ranks", po::value<std::string>()->default_value("2..1024"), "with --op: K list")(
      "bytes", po::value<std::string>()->default_value("1MiB..1GiB"), "with --op: sizes, .. doubles")(
      "advise", "rank what to measure next, by how much it would narrow the interval of T at the largest K")(
      "attribute", "how much of T at the largest K, beyond ideal, each cause explains")(
      "plot,p", po::value<std::string>()->value_name("FILE"),
      "draw to FILE.svg, .png or .pdf; - draws in the terminal");
  if (!line.parse(arguments)) return ok;
  auto const ranks = trial_ranks();
  bool const writes = ranks->rank() == 0;
  if (!writes && (line.has("parameters") || line.has("op") || line.has("trial"))) return ok;  // nothing to share
  if (line.has("parameters")) {
    write_result(line, parameter_list());
    return ok;
  }
  auto const inputs = line.inputs();
  auto const before = data::read_model(inputs[0]);
  auto model = before;
  auto const settings = sort_settings(line.all("set"));
  apply_settings(model, settings.single);
  if (auto const op = line.find<std::string>("op")) {
    if (*op != "allreduce") throw InputError("--op='" + *op + "' (must be allreduce)");
    return simulate_allreduce(line, before, model, inputs);
  }

  auto options = curve_options(line, model, settings.ranks);
  check_felt(before, model, settings, options);
  options.trial_ranks = ranks.get();
  auto const device = draw_device(line);
  options.device = device.get();
  if (ranks->size() > 1 && options.threads == 0) options.threads = 1;
  if (line.has("trial")) return replay(line, model, options);
  if (settings.range) return sweep(line, model, *settings.range, options, inputs);
  auto const picture = plot_path(line);

  model::Curve curve;
  Interrupt const interrupt;
  {
    std::optional<ProgressBar> bar;
    if (writes) bar.emplace(line, "simulating");
    options.progress = [&](double fraction) {
      if (bar) bar->show(fraction);
      return Interrupt::signal() == 0;
    };
    curve = sim::simulate(model, options);
  }
  if (!writes) return status_after(line, writes);
  auto const made_by = line.provenance(inputs);
  write_result(line, answer(line, model, curve, made_by));
  if (picture) draw(validate::make_scaling_plot(curve), *picture);
  return status_after(line, writes);
}

}  // namespace kurve::cli
