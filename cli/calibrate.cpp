// SPDX-License-Identifier: Apache-2.0
#include "calibrate/calibrate.hpp"

#include <algorithm>
#include <exception>
#include <filesystem>
#include <iterator>
#include <optional>
#include <sstream>

#include "calibrate/command.hpp"
#include "calibrate/fit_inputs.hpp"
#include "calibrate/journal.hpp"
#include "calibrate/make_backend.hpp"
#include "cli/calibration_results.hpp"
#include "cli/interrupt.hpp"
#include "cli/output.hpp"
#include "cli/verbs.hpp"
#include "data/input.hpp"
#include "data/published.hpp"
#include "data/quantity_text.hpp"
#include "model/error.hpp"
#include "validate/number_text.hpp"
#include "validate/text_table.hpp"

namespace kurve::cli {
namespace {

namespace po = boost::program_options;

constexpr double no_limit_s = 1e9;  // a program takes what it takes

/// The words of `ring,library`.
std::vector<std::string> words_of(std::string const& list) {
  std::vector<std::string> words;
  std::istringstream in(list);
  for (std::string word; std::getline(in, word, ',');) words.push_back(word);
  return words;
}

calibrate::CalibrateOptions options_of(CommandLine const& line) {
  calibrate::CalibrateOptions options;
  if (auto const list = line.find<std::string>("ranks")) options.design.ranks = data::ranks_from_text(*list);
  if (auto const list = line.find<std::string>("batches")) options.design.local_batches = data::ranks_from_text(*list);
  if (auto const list = line.find<std::string>("algorithms")) options.design.algorithms = words_of(*list);
  if (auto const list = line.find<std::string>("bytes"))
    for (auto const size : data::sizes_from_text(*list)) options.design.message_bytes.push_back(size.count);
  options.design.regime = model::regime_from_text(line.get<std::string>("regime"));
  options.design.global_batch = line.find<int>("global-batch").value_or(options.design.global_batch);
  options.runs = line.get<int>("runs");
  options.steps_per_run = line.get<int>("steps");
  if (auto const limit = line.find<std::string>("time-limit"))
    options.time_limit_s = data::seconds_from_text(*limit).count();
  options.stopping.relative_half_width = line.get<double>("precision");
  options.seed = line.get<std::uint64_t>("seed");
  return options;
}

std::string plan_text(std::vector<calibrate::PlannedPoint> const& plan, double limit_s) {
  validate::TextTable table{{{"point", "", validate::Align::left}, {"about", "[s]"}, {"at least", "[s]"}}, {}};
  double total_s = 0.0, least_s = 0.0;
  for (auto const& point : plan) {
    table.add({point.description, validate::fixed_text(point.estimate_s, 2), validate::fixed_text(point.least_s, 2)});
    total_s += point.estimate_s;
    least_s += point.least_s;
  }
  std::string const limit = data::duration_text(Seconds{limit_s});
  return validate::to_text(table) + "\n" +
         validate::wrap(std::to_string(plan.size()) + " points, about " + validate::fixed_text(total_s, 1) +
                        " s by the spread of a first few timings, at least " + validate::fixed_text(least_s, 1) +
                        " s. " +
                        (total_s > limit_s ? "--time-limit ends it after " + limit + ", less precise than asked."
                                           : "--time-limit would end it after " + limit + "."));
}

calibrate::JournalMode journal_mode(CommandLine const& line) {
  if (line.has("resume") && line.has("restart"))
    throw InputError("--resume with --restart (one goes on from the journal, the other gives it up)");
  if (line.has("resume")) return calibrate::JournalMode::resume;
  return line.has("restart") ? calibrate::JournalMode::restart : calibrate::JournalMode::begin;
}

/// Gives the options what every way of measuring has: a bar, Ctrl-C, and a journal in the folder.
class Session {
 public:
  Session(CommandLine const& line, calibrate::JournalIdentity const& identity, calibrate::CalibrateOptions& options)
      : line_(line),
        folder_(line),
        journal_(folder_.file("journal.jsonl"), identity, journal_mode(line)),
        bar_(std::in_place, line, "measuring") {
    options.journal = &journal_;
    options.progress = [this](calibrate::Progress const& p) { bar_->show(p.fraction, p.what); };
    options.stop = [] { return Interrupt::signal() != 0; };
    if (journal_.resumed() > 0)
      warn(line, {"going on from " + std::to_string(journal_.resumed()) + " records of " + folder_.name()});
  }

  /// Writes what was found; a failure midway is thrown after that.
  int finish(calibrate::Calibration found, std::string const& about, Surroundings const& around = {}) {
    bar_.reset();
    auto const failure = found.failure;
    auto const ended = found.ended;
    std::string const kept = "; what was measured is in the journal. Mend that, then --resume.";
    try {
      write_results(line_, folder_, std::move(found), about, around);
      bool const whole = ended == calibrate::Ended::complete || ended == calibrate::Ended::out_of_time;
      if (whole) journal_.finish();
    } catch (DataError const&) {
      throw;
    } catch (InputError const& e) {
      if (!failure) throw InputError(e.what() + kept);
    } catch (DeviceError const& e) {  // a full disk
      if (!failure) throw DeviceError(e.what() + kept);
    }
    if (failure) std::rethrow_exception(failure);
    return ended == calibrate::Ended::stopped ? Interrupt::exit_code() : ok;
  }

 private:
  CommandLine const& line_;
  ResultsFolder folder_;
  calibrate::Journal journal_;
  std::optional<ProgressBar> bar_;
};

int on_device(CommandLine const& line) {
  auto options = options_of(line);
  check(options);
  Surroundings around{.allreduce = {}, .network = {}, .peaks = peaks_of(line), .ends = calibrate::LinkEnds::gpu};
  calibrate::BackendOptions machine;
  machine.synthetic = calibrate::example_truth();
  machine.synthetic.seed = options.seed;
  machine.workload = line.get<std::string>("workload");
  Interrupt const interrupt;  // in every rank: a launcher passes signals on to all of them, and only the first decides
  auto const backend = calibrate::make_backend(line.get<std::string>("device"), machine);
  if (!backend->drives()) {
    backend->follow();
    return ok;
  }
  if (line.has("dry-run")) {
    write_result(line, plan_text(calibrate::plan_calibration(*backend, options), options.time_limit_s));
    return ok;
  }
  auto const& info = backend->info();
  // The folder and the journal come before anything is measured: where they cannot be written, no measurement is lost.
  Session session(line, calibrate::journal_identity(info, options), options);
  auto found = calibrate::run_calibration(*backend, options);
  calibrate::add_header_peaks(around.peaks, found.components);
  calibrate::add_own_peaks(around.peaks, info);
  around.ends = calibrate::link_ends(found.components);
  return session.finish(std::move(found), info.device + ": " + info.workload, around);
}

/// What --command is composed with: logs of the all-reduce, or a published network.
Surroundings surroundings_of(CommandLine const& line, Arguments const& files, Arguments const& published,
                             std::vector<data::Assumption> const& facts) {
  std::vector<data::Study> studies;
  if (!files.empty()) studies = data::read_studies(files, facts);
  for (auto const& name : published) studies.push_back(data::published_network(name));
  Surroundings around{
      .allreduce = {}, .network = {}, .peaks = peaks_of(line), .ends = calibrate::LinkEnds::gpu, .other_cluster = {}};
  for (auto const& study : studies) calibrate::add_header_peaks(around.peaks, study);
  auto inputs = calibrate::sort_inputs(std::move(studies));
  around.allreduce = std::move(inputs.components);
  around.network = std::move(inputs.network);
  around.other_cluster = !published.empty();
  return around;
}

calibrate::CommandOptions command_of(CommandLine const& line, calibrate::CalibrateOptions const& options) {
  calibrate::CommandOptions command{
      .command = line.get<std::string>("command"),
      .local_batches = options.design.local_batches,
      .regime = options.design.regime,
      .global_batch = line.find<int>("global-batch"),
      .unit_s = data::seconds_from_text("1" + line.get<std::string>("pattern-unit")).count(),
      .timeout_s = data::seconds_from_text(line.get<std::string>("command-timeout")).count()};
  if (!options.design.ranks.empty()) command.ranks = options.design.ranks;
  if (auto const pattern = line.find<std::string>("pattern")) command.pattern = data::StepPattern(*pattern);
  return command;
}

/// What --assume says of the program itself, for which no log speaks; the rest is about the files of --from.
std::vector<data::Assumption> take_program_facts(std::vector<data::Assumption>& given) {
  auto const of_program = [](data::Assumption const& fact) {
    return fact.file.empty() && (fact.key == "gradient_bytes" || fact.key == "workers_per_node");
  };
  std::vector<data::Assumption> taken;
  std::copy_if(given.begin(), given.end(), std::back_inserter(taken), of_program);
  std::erase_if(given, of_program);
  return taken;
}

std::string commands_text(std::vector<calibrate::PlannedCommand> const& plan, calibrate::JournalRuns const& earlier,
                          calibrate::CalibrateOptions const& options, double timeout_s) {
  auto const duration = [](double time_s) { return data::duration_text(Seconds{time_s}); };
  validate::TextTable table{
      {{"K"}, {"local batch"}, {"runs"}, {"one takes", "[s]"}, {"command", "", validate::Align::left}}, {}};
  int runs = 0, unknown = 0;
  double known_s = 0.0, done_s = 0.0;
  for (auto const& point : plan) {
    table.add({std::to_string(point.run.point.ranks), std::to_string(point.run.point.local_batch),
               std::to_string(point.runs), point.run_s ? validate::fixed_text(*point.run_s, 2) : "?",
               point.run.command});
    runs += point.runs;
    unknown += point.run_s ? 0 : point.runs;
    known_s += point.run_s.value_or(0.0) * point.runs;
  }
  for (auto const& run : earlier.runs) done_s += earlier.finished ? 0.0 : run.elapsed_s;
  std::string text = std::to_string(plan.size()) + " points of " + std::to_string(options.runs) + " to " +
                     std::to_string(options.max_runs) + " runs, about " + std::to_string(runs) + " in all";
  if (known_s > 0.0) text += ": those timed before take about " + duration(known_s);
  if (done_s > 0.0) text += ", of which " + duration(done_s) + " are done (--resume)";
  text += ". ";
  if (unknown > 0)
    text += "How long the " + std::to_string(unknown) + (known_s > 0.0 ? " others take" : " take") +
            " is not known before one of each has ended, as only the whole program tells it; by --command-timeout at "
            "most " +
            duration(timeout_s * unknown) + ". From runs in the journal, which Ctrl-C keeps, --dry-run estimates. ";
  return validate::to_text(table) + "\n" +
         validate::wrap(text + (options.time_limit_s < no_limit_s
                                    ? "--time-limit ends it after " + duration(options.time_limit_s) + "."
                                    : "No --time-limit ends it before."));
}

/// calibrate --command: the user's own program.
int on_program(CommandLine const& line, Arguments const& files, Arguments const& published) {
  auto options = options_of(line);
  if (!line.has("time-limit")) options.time_limit_s = no_limit_s;
  auto command = command_of(line, options);
  auto const identity = calibrate::journal_identity(command, options);
  if (line.has("dry-run")) {
    auto const journal = std::filesystem::path(line.get<std::string>("into")) / "journal.jsonl";
    auto const earlier = calibrate::runs_in_journal(journal.string(), identity);
    write_result(line, commands_text(calibrate::plan_command(command, options, earlier.runs), earlier, options,
                                     command.timeout_s));
    return ok;
  }
  auto facts = line.assumptions();
  auto const program_facts = take_program_facts(facts);
  auto const sums = [](data::Assumption const& fact) { return fact.key == "gradient_bytes"; };
  if (!published.empty() && std::none_of(program_facts.begin(), program_facts.end(), sums))
    throw InputError(
        "--publish with --command does not say what a step sums over the network. Add --assume gradient_bytes=BYTES?");
  auto const around = surroundings_of(line, files, published, facts);
  Interrupt const interrupt;
  command.log_folder = std::filesystem::path(line.get<std::string>("into")) / "logs";
  Session session(line, identity, options);
  auto found = calibrate::calibrate_command(command, options);
  for (auto* study : {&found.components, &found.steps})
    for (auto const& fact : program_facts) study->set(fact.key, fact.value);
  return session.finish(std::move(found), command.command, around);
}

void add_options(CommandLine& line) {
  auto add = line.options().add_options();
  auto text = [](char const* name) { return po::value<std::string>()->value_name(name); };
  add("device,d", text("NAME")->default_value("auto"),
      "host, mpi, cuda, nccl, synthetic or auto (GPUs where there are any); see kurve devices");
  add("workload,w", text("TEXT")->default_value(""),
      "what a rank computes, `name: key=value,...`. On GPUs: transformer (layers, width, heads, sequence, vocabulary, "
      "precision) or mlp (widths, precision). On CPUs: mlp (widths, pool) or wait, timed waits in place of an "
      "accelerator (fixed, per_sample, serial, gradient, noise, straggler_probability, straggler_slowdown, "
      "straggler_spread, imbalance, seed)");
  add("into,i", text("DIR")->default_value("calibration"), "folder for the results, made if absent");
  add("ranks,K", text("LIST"), "K to measure: 1,2,4..16; all powers of two and the largest");
  add("batches", text("LIST"), "local batches of compute");
  add("bytes", text("LIST"), "all-reduce sizes: 64KiB..16MiB");
  add("regime", text("NAME")->default_value("strong"), "of the whole steps: strong or weak");
  add("global-batch,B", po::value<int>()->value_name("N"),
      "of the whole steps, at the smallest K (64; with --command the largest of --batches)");
  add("runs", po::value<int>()->default_value(3), "of whole steps at each K, each from a fresh state");
  add("steps", po::value<int>()->default_value(30), "in a run, warm-up included");
  add("precision", po::value<double>()->default_value(0.02, "0.02"),
      "relative half width of the 95 % interval to stop at");
  add("time-limit,T", text("TIME"), "for everything; what is done by then is kept (2min; with --command none)");
  add("seed", po::value<std::uint64_t>()->default_value(1), "of the order of points and the workload's state");
  add("algorithms", text("LIST"), "of the all-reduce: ring,library (all that the device has)");
  add("intra-peak", text("RATE"),
      "what a worker's link in its node can carry, to set the measured one beside: 450GB/s");
  add("inter-peak", text("RATE"), "the same of a node's links to others: 100Gbit/s (as the kernel says)");
  add("dry-run", "list the points and about how long they take, after a few timings of each");
  add("resume", "go on from the journal in --into, where there is one");
  add("restart", "begin anew where the journal in --into did not finish");
  add("command,c", text("TEXT"),
      "measure this program instead: every --batches on one rank, and whole steps at every --ranks. {batch} and "
      "{ranks} "
      "in it become numbers; it prints what each step took, as `step_time_s=0.12`, :::MLLOG, a number a line, or as "
      "--pattern says");
  add("pattern", text("REGEX"), "what a step's line looks like, one group around its time");
  add("pattern-unit", text("UNIT")->default_value("s"), "of that group, and of bare numbers: s, ms, us");
  add("command-timeout", text("TIME")->default_value("10min"), "for one run of the program");
  add("from", po::value<Arguments>()->composing()->value_name("FILE"),
      "measured elsewhere: make the Model from this Study or log instead of measuring; with --command, its all-reduce "
      "beside the program's steps. Give it once a file");
  add("publish", po::value<Arguments>()->composing()->value_name("NAME"),
      "a published network, beside --from or --command, or alone; give it once a network; `list` lists them");
}

}  // namespace

int calibrate(Arguments const& arguments) {
  CommandLine line("calibrate [options]",
                   "Measure this machine: serial work, compute at several local batches, the all-reduce over ranks and "
                   "bytes, skew between ranks, and whole steps at every K. Writes components.csv, steps.csv, "
                   "per_rank.csv and model.json into a folder, and a journal of every point as soon as it is measured. "
                   "Under mpirun its ranks are measured; alone, threads of this process.",
                   "  kurve calibrate --device synthetic --time-limit 20s --into calibration");
  add_options(line);
  line.takes_facts();
  if (!line.parse(arguments)) return ok;
  auto const files = line.all("from"), published = line.all("publish");
  if (std::find(published.begin(), published.end(), "list") != published.end()) return list_published(line);
  if (line.has("command")) return on_program(line, files, published);
  if (!files.empty() || !published.empty()) return calibrate_from(line, files, published);
  return on_device(line);
}

}  // namespace kurve::cli
