// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "data/money_text.hpp"
#include "model/failures.hpp"
#include "model/model.hpp"
#include "sim/simulate.hpp"

namespace kurve::validate {

/// What is for sale: GPUs that behave as `model` says.
struct Offer {
  std::string name;
  model::Model model;
  std::optional<data::Price> price;
  std::optional<double> gpus;  ///< how many there are, all paid where the price is for a month; none: any number
  double block = 1.0;          ///< GPUs are paid in multiples of this
};

/// How much training: exactly one of steps, samples and least_steps.
///
/// A job is so many samples: `steps` are steps of the reference batch, reference_batch(), and a larger batch takes
/// fewer of them. With a critical batch B_crit, steps(B) = least_steps (1 + B_crit/B) (McCandlish et al. 2018, arXiv
/// 1812.06162, equation 2.11); `steps` and `samples` then hold at the Model's baseline batch and fix least_steps.
struct Job {
  std::optional<double> steps, samples, least_steps, critical_batch;
};

/// Interruptions and what they cost.
struct FailurePolicy {
  double each_s = std::numeric_limits<double>::infinity();  ///< mean time between failures of one GPU, or one node
  bool by_node = false;
  /// sd of log each_s, each_s its median: a fleet not yet known has one rate for the whole run, lognormal; 0: known
  double each_log_sd = 0.0;
  std::string source = "none";       ///< published | assumed | none
  std::string note;                  ///< which fleet
  double checkpoint_s = 60.0;        ///< for which a checkpoint stops the work; assumed unless given
  double restart_s = 600.0;          ///< MegaScale (NSDI 2024) detects and diagnoses in under 10 minutes
  std::optional<double> interval_s;  ///< of work between checkpoints; none: the exact optimum of the median rate
};

/// sd of log theta, theta a GPU's mean time between failures, from fleet to fleet: of Llama 3's, RSC-1's and RSC-2's
/// 50,677 h, 29,538 h and 82,051 h (a node of 8 there).
inline constexpr double between_fleets_log_sd = 0.51;

/// A fleet's published failures by name: "llama3" (50,677 GPU-hours an interruption: 419 unexpected ones in 54 days on
/// 16,384 H100, Llama Team 2024, table 5), "rsc1", "rsc2" (6.50 and 2.34 failures in 1000 node-days: Kokolis et al.,
/// HPCA 2025), each with between_fleets_log_sd, for yours is another; "none"; a duration with its unit, `50000h/gpu`,
/// `150d/node`, taken as known; or the ends of a 90 % interval, `20000h..80000h/gpu`. @throws InputError
[[nodiscard]] FailurePolicy failures_from_text(std::string const& text);

struct Span {
  double median = 0.0, low = 0.0, high = 0.0;
};

/// Of each_s, between which it lies with this confidence.
[[nodiscard]] Span each_interval_s(FailurePolicy const& policy, double confidence);

struct PlanOptions {
  Job job;
  FailurePolicy failures;
  std::vector<double> ranks;           ///< candidates K, ascending, each >= 1; 1 to 500 of them
  std::vector<double> global_batches;  ///< for each K; empty: the Model's rule
  bool nodes_only = false;             ///< only whole nodes
  std::optional<double> deadline_s;
  std::optional<data::Money> budget;
  std::optional<double> value_per_s;  ///< what a second of the run's time is worth, in the price's currency
  std::optional<double> watts;        ///< of one GPU at work
  double confidence = 0.9;            ///< of intervals, and with which deadline and budget must be kept
  double threshold = 0.7;             ///< of efficiency
  int draws = 2000;                   ///< parameter vectors, as in sim::PredictOptions; 1 to 1e5
  int runs = 4;                       ///< runs with their own failures for each parameter vector, 1 to 1000
  std::uint64_t seed = 1;
  bool seek_help = true;  ///< where nothing is feasible, try what would help: ten plans more
};

/// One K of one offer. Every number of time holds parameters' uncertainty, step and run noise, checkpoints and
/// failures.
struct PlanOption {
  double ranks = 1.0, gpus_paid = 1.0, global_batch = 1.0, steps = 1.0;
  double step_s = 0.0;  ///< mean step, as simulate() has it
  Span time_s;          ///< of the whole run
  double mean_time_s = 0.0;
  std::optional<Span> cost;
  std::optional<Span> energy_J;
  double efficiency = 1.0;  ///< E(K) of the step, against the Model's baseline
  double p_pays = 1.0;      ///< P(E >= threshold)
  std::optional<double> p_deadline, p_budget;
  std::string impossible;  ///< why K workers cannot run this job; "" where they can
  /// Possible, deadline and budget are kept with the confidence asked for, and the run ends within a thousand years.
  bool feasible = true;
  // At the median failure rate:
  double goodput = 1.0;                           ///< work over wall time, in expectation
  double interruptions = 0.0;                     ///< expected in the run
  double mean_between_s = 0.0, interval_s = 0.0;  ///< of interruptions, and of checkpoints; infinite: none
  std::vector<double> times_s;                    ///< [draws * runs], unsorted: run r of draw d at d * runs + r
};

struct PlanChoice {
  std::size_t offer = 0, option = 0;
  std::string why;  ///< two sentences
};

struct OfferPlan {
  Offer offer;
  std::vector<PlanOption> options;        ///< by K
  std::optional<std::size_t> best;        ///< of the options
  double fastest_ranks = 0.0;             ///< beyond it more GPUs lose time (median, of those K that can run)
  std::optional<double> cheapest_ranks;   ///< beyond it more GPUs lose money (median)
  std::vector<std::string> not_measured;  ///< as model::Curve
};

/// Two offers at the same K, and where one overtakes the other.
struct Comparison {
  bool one_model = false;  ///< both offers are one Model, hence one future: only price and what is paid differ
  struct Row {
    double ranks = 1.0;
    double p_first_cheaper = 0.0, p_first_faster = 0.0;
  };
  std::vector<Row> rows;                       ///< K that both have
  std::optional<Span> crossing_ranks;          ///< last K at which the cheaper offer changes, interpolated in log K
  double p_crosses = 0.0;                      ///< share of draws in which it changes within these K
  std::optional<double> p_first_best_cheaper;  ///< P(the first offer's best K costs less than the second's)
};

struct Plan {
  PlanOptions options;
  std::string currency;
  std::vector<OfferPlan> offers;
  std::optional<PlanChoice> recommended;
  std::optional<Comparison> comparison;  ///< of exactly two offers with prices
  std::string verdict;                   ///< why nothing is recommended, and what would help; "" where something is
  std::vector<std::string> notes;
};

/// The batch whose steps Job::steps counts: the Model's at its baseline; where batches are given, that of the first K.
[[nodiscard]] double reference_batch(model::Model const& model, PlanOptions const& options);

/// steps(B) of a job on this Model. @throws InputError unless the job is said in exactly one way
[[nodiscard]] double steps_of(Job const& job, model::Model const& model, double reference_batch, double global_batch);

/// What GPUs cost for a run of `time_s`: hours of those paid; or whole months begun, whatever K.
[[nodiscard]] double cost_of(data::Price const& price, double gpus_paid, double workers_per_node, double time_s);

/// One offer, or two: time, cost, probabilities at each K, and which K.
///
/// The recommended K, of those that can run, keep deadline and budget with `confidence`, and are not both slower and
/// dearer than another of them (of medians; GPU-hours where there is no price): with a value of time, where expected
/// cost + value * time is least; else with a deadline, the cheapest; else the largest whose efficiency is at least
/// `threshold`, to the three digits shown. Two offers of one Model have the same draws. Deterministic in seed.
/// @throws InputError on an option outside its range, currencies that differ, a K list that leaves nothing
[[nodiscard]] Plan make_plan(std::vector<Offer> const& offers, PlanOptions const& options);

/// One offer whose steps are simulated already: at the K and batches that make_plan would take, with its confidence,
/// threshold, draws and seed. The same plan.
[[nodiscard]] Plan make_plan(Offer const& offer, PlanOptions const& options, sim::Simulated const& steps);

}  // namespace kurve::validate
