// SPDX-License-Identifier: Apache-2.0
#include "calibrate/calibrate.hpp"

#include <filesystem>
#include <sstream>

#include "calibrate/fit.hpp"
#include "calibrate/make_backend.hpp"
#include "cli/output.hpp"
#include "cli/verbs.hpp"
#include "data/atomic_file.hpp"
#include "data/model_file.hpp"
#include "data/quantity_text.hpp"
#include "model/error.hpp"
#include "validate/number_text.hpp"
#include "validate/present_model.hpp"
#include "validate/text_table.hpp"

namespace kurve::cli {
namespace {

namespace po = boost::program_options;

calibrate::CalibrateOptions options_of(CommandLine const& line) {
  calibrate::CalibrateOptions options;
  if (auto const list = line.find<std::string>("ranks")) options.design.ranks = data::ranks_from_text(*list);
  if (auto const list = line.find<std::string>("batches")) options.design.local_batches = data::ranks_from_text(*list);
  if (auto const list = line.find<std::string>("bytes"))
    for (auto const size : data::sizes_from_text(*list)) options.design.message_bytes.push_back(size.count);
  options.design.regime = model::regime_from_text(line.get<std::string>("regime"));
  options.design.global_batch = line.get<int>("global-batch");
  options.runs = line.get<int>("runs");
  options.steps_per_run = line.get<int>("steps");
  options.time_limit_s = data::seconds_from_text(line.get<std::string>("time-limit")).count();
  options.stopping.relative_half_width = line.get<double>("precision");
  options.seed = line.get<std::uint64_t>("seed");
  return options;
}

std::string plan_text(std::vector<calibrate::PlannedPoint> const& plan) {
  validate::TextTable table{{{"point", "", validate::Align::left}, {"at least", "[s]"}}, {}};
  double total_s = 0.0;
  for (auto const& point : plan) {
    table.add({point.description, validate::fixed_text(point.estimate_s, 2)});
    total_s += point.estimate_s;
  }
  return validate::to_text(table) + "\n" + std::to_string(plan.size()) + " points, at least " +
         validate::fixed_text(total_s, 1) + " s\n";
}

std::string points_text(calibrate::Calibration const& measured) {
  validate::TextTable table{{{"measured", "", validate::Align::left},
                             {"median", "[ms]"},
                             {"mean", "[ms]"},
                             {"+-", "[%]"},
                             {"n"},
                             {"ended", "", validate::Align::left, 1}},
                            {}};
  for (auto const& p : measured.points)
    table.add({p.description, validate::fixed_text(p.median_s * 1e3, 4), validate::fixed_text(p.mean_s * 1e3, 4),
               validate::fixed_text(p.mean_s > 0.0 ? 100.0 * p.standard_error_s / p.mean_s : 0.0, 2),
               std::to_string(p.timings), std::string(calibrate::to_text(p.termination))});
  return validate::to_text(table);
}

std::string rate_text(double value, std::string const& unit) {
  bool const flop = unit == "FLOP/s";
  return validate::fixed_text(value / (flop ? 1e12 : 1e9), 1) + (flop ? " TFLOP/s" : " GB/s");
}

std::string rates_text(std::vector<calibrate::Rate> const& rates) {
  std::string text;
  for (auto const& rate : rates) {
    std::string line = rate.what + ": " + rate_text(rate.achieved, rate.unit);
    if (rate.ceiling > 0.0)
      line += ", " + validate::fixed_text(100.0 * rate.share(), 0) + " % of " + rate_text(rate.ceiling, rate.unit) +
              " (" + rate.ceiling_is + ")";
    text += validate::wrap(line + ": " + rate.verdict, "- ");
  }
  return rates.empty() ? text : "Is it what this card can do?\n" + text + "\n";
}

std::string study_text(data::Study const& study) {
  std::ostringstream out;
  data::write_study_csv(out, study);
  return out.str();
}

}  // namespace

int calibrate(Arguments const& arguments) {
  CommandLine line("calibrate [options]",
                   "Measure this machine: serial work, compute at several local batches, the all-reduce over ranks and "
                   "bytes, skew between "
                   "ranks, and whole steps at every K. Writes components.csv, steps.csv, per_rank.csv and model.json "
                   "into a folder. "
                   "Under mpirun its ranks are measured; alone, threads of this process.",
                   "  kurve calibrate --device synthetic --time-limit 20s --into calibration");
  line.options().add_options()(
      "device,d", po::value<std::string>()->default_value("auto"),
      "host, mpi, cuda, nccl, synthetic or auto (GPUs where there are any); see kurve devices")(
      "workload,w", po::value<std::string>()->default_value("")->value_name("TEXT"),
      "what a rank computes, `name: key=value,...`. On GPUs: transformer (layers, width, heads, sequence, vocabulary, "
      "precision) or mlp (widths, precision). On CPUs: mlp (widths, pool) or wait, timed waits in place of an "
      "accelerator "
      "(fixed, per_sample, serial, gradient, noise, straggler_probability, straggler_slowdown, straggler_spread, "
      "imbalance, seed)")("into,i", po::value<std::string>()->default_value("calibration")->value_name("DIR"),
                          "folder for the results, made if absent")(
      "ranks,K", po::value<std::string>()->value_name("LIST"),
      "K to measure: 1,2,4..16; all powers of two and the largest")(
      "batches", po::value<std::string>()->value_name("LIST"), "local batches of compute")(
      "bytes", po::value<std::string>()->value_name("LIST"), "all-reduce sizes: 64KiB..16MiB")(
      "regime", po::value<std::string>()->default_value("strong"), "of the whole steps: strong or weak")(
      "global-batch,B", po::value<int>()->default_value(64), "of the whole steps, at the smallest K")(
      "runs", po::value<int>()->default_value(3), "of whole steps at each K, each from a fresh state")(
      "steps", po::value<int>()->default_value(30), "in a run, warm-up included")(
      "precision", po::value<double>()->default_value(0.02, "0.02"),
      "relative half width of the 95 % interval to stop at")(
      "time-limit,T", po::value<std::string>()->default_value("2min"), "for everything; what is done by then is kept")(
      "seed", po::value<std::uint64_t>()->default_value(1), "of the order of points and the workload's state")(
      "dry-run", "list the points and the least time they take")(
      "from", po::value<Arguments>()->composing()->value_name("FILE"),
      "measured elsewhere: make the Model from this Study or log instead of measuring; give it once a file");
  line.takes_facts();
  if (!line.parse(arguments)) return ok;
  if (auto const files = line.all("from"); !files.empty()) return calibrate_from(line, files);
  auto options = options_of(line);
  check(options);
  calibrate::BackendOptions machine;
  machine.synthetic = calibrate::example_truth();
  machine.synthetic.seed = options.seed;
  machine.workload = line.get<std::string>("workload");
  auto const backend = calibrate::make_backend(line.get<std::string>("device"), machine);
  if (line.has("dry-run")) {
    auto const plan = calibrate::plan_calibration(*backend, options);
    if (!plan.empty()) write_result(line, plan_text(plan));
    return ok;
  }
  // Made before anything is measured, so that a folder that cannot be written costs no measurement.
  std::filesystem::path const folder = line.get<std::string>("into");
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw InputError("cannot make --into '" + folder.string() + "' (" + error.message() + ")");

  calibrate::Calibration measured;
  {
    ProgressBar bar(line, "measuring");
    options.progress = [&](calibrate::Progress const& p) { bar.show(p.fraction, p.what); };
    measured = calibrate::run_calibration(*backend, options);
  }
  if (!measured.drives) return ok;
  auto const made_by = line.provenance({});
  for (auto* study : {&measured.components, &measured.steps, &measured.per_rank}) {
    study->set("command", made_by.command_line);
    study->set("date", made_by.utc_time);
  }
  data::write_file(folder / "components.csv", study_text(measured.components));
  data::write_file(folder / "steps.csv", study_text(measured.steps));
  if (!measured.per_rank.samples.empty()) data::write_file(folder / "per_rank.csv", study_text(measured.per_rank));
  auto const fitted =
      calibrate::fit_components(measured.components, measured.steps, {.draws = 2000, .seed = options.seed});
  std::ostringstream model;
  data::write_model(model, fitted.model, made_by);
  data::write_file(folder / "model.json", model.str());

  if (wants(line, ".json")) {
    write_result(line, model.str());
    return ok;
  }
  std::string text = backend->info().device + ": " + backend->info().workload + "\n\n" + points_text(measured) + "\n";
  text += "A known sleep came back " + validate::fixed_text(measured.sleep_bias_s * 1e6, 1) +
          " us too long. All took " + validate::fixed_text(measured.elapsed_s, 1) + " s.\n\n";
  text += rates_text(measured.rates);
  text += validate::to_text(fitted);
  for (auto const& warning : measured.warnings) text += validate::wrap(warning, "- ");
  text += "\nWritten to " + folder.string() + ": components.csv, steps.csv, model.json" +
          (measured.per_rank.samples.empty() ? "" : ", per_rank.csv") + "\n";
  write_result(line, text);
  return ok;
}

}  // namespace kurve::cli
