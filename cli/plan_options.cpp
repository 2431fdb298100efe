// SPDX-License-Identifier: Apache-2.0
#include "cli/plan_options.hpp"

#include <algorithm>

#include "cli/settings.hpp"
#include "data/quantity_text.hpp"
#include "model/error.hpp"

namespace kurve::cli {
namespace {

namespace po = boost::program_options;

std::optional<double> count_option(CommandLine const& line, std::string const& name) {
  auto const text = line.find<std::string>(name);
  return text ? std::optional(data::count_from_text(*text)) : std::nullopt;
}

std::optional<double> seconds_option(CommandLine const& line, std::string const& name) {
  auto const text = line.find<std::string>(name);
  return text ? std::optional(data::seconds_from_text(*text).count()) : std::nullopt;
}

/// One value for all offers, or one for each.
template <typename Value>
Value const& of_offer(std::vector<Value> const& values, std::size_t offer, std::size_t offers,
                      std::string const& name) {
  if (values.size() != 1 && values.size() != offers)
    throw InputError("--" + name + " has " + std::to_string(values.size()) + " values for " + std::to_string(offers) +
                     (offers == 1 ? " offer" : " offers") + " (must be one for all, or one for each)");
  return values.size() == 1 ? values[0] : values[offer];
}

/// Money for a time, a second of it. @throws InputError on another unit
double value_of_time_per_s(std::string const& text) {
  auto const slash = text.find('/');
  if (slash == std::string::npos)
    throw InputError("value of time '" + text + "' (must be money for a time, such as 500/h or 10k/day)");
  return data::money_from_text(text.substr(0, slash)).amount /
         data::seconds_from_text("1" + text.substr(slash + 1)).count();
}

/// Two offers of one file are told apart by what differs between them, else by number.
void tell_apart(std::vector<validate::Offer>& offers) {
  if (offers.size() != 2 || offers[0].name != offers[1].name) return;
  auto const terms = [](validate::Offer const& offer) {
    std::string text;
    if (offer.price) text += " at " + data::price_text(*offer.price);
    if (offer.gpus) text += ", " + data::number_text(*offer.gpus) + " GPUs";
    if (offer.block > 1.0) text += ", blocks of " + data::number_text(offer.block);
    return text;
  };
  std::string const first = terms(offers[0]), second = terms(offers[1]);
  offers[0].name += first == second ? " (1)" : first;
  offers[1].name += first == second ? " (2)" : second;
}

}  // namespace

void add_plan_options(CommandLine& line) {
  auto const text = [](char const* name) { return po::value<std::string>()->value_name(name); };
  add_judgement_options(line, 0.9);
  line.options().add_options()("steps", text("N"), "length of the job: steps (500k, 2M)")(
      "samples", text("N"), "or samples: steps are samples / batch")(
      "min-steps", text("N"), "or steps to the target at an endless batch; with --critical-batch")(
      "critical-batch", text("B"), "steps(B) = N_min (1 + B_crit/B), what larger batches cost")(
      "price", text("P[,P]"), "2.5/gpu-hour, 20/node-hour or 450k/month; one for each offer")(
      "deadline,d", text("T"), "7d, 36h")("budget", text("M"), "2M, 450k")(
      "value-of-time", text("M/h"), "what an hour of the run's time is worth: cost and time are weighed")(
      "gpus", text("N[,N]"), "size of the offer; what a run leaves idle of a monthly price is paid")(
      "block", text("N[,N]"), "GPUs are paid in multiples of this")("nodes-only", "only whole nodes")(
      "K,K", text("LIST"), "candidates: 8..4096 (.. doubles), 8:64:8; from K0 by doubling")(
      "global-batch,B", text("LIST"), "one for all K, or one for each: a mixed Model needs it")(
      "mtbf", text("T")->default_value("llama3"),
      "time between failures: 50000h/gpu, 150d/node, not sure: 20000h..80000h/gpu (90 %), a published fleet: llama3, "
      "rsc1, rsc2; or none")("checkpoint", text("T")->default_value("60s"), "for which a checkpoint stops the work")(
      "restart", text("T")->default_value("10min"), "from a failure to the next new step")(
      "interval", text("T"), "of work between checkpoints; the best one if not given")(
      "watts", text("W"), "of one GPU at work, 700 or 0.7kW: adds energy")(
      "set,s", po::value<Arguments>()->composing()->value_name("NAME=VALUE"), "what if: as in simulate")(
      "draws", po::value<int>()->default_value(2000), "parameter vectors")(
      "runs", po::value<int>()->default_value(4), "runs with failures of their own for each parameter vector")(
      "seed", po::value<std::uint64_t>()->default_value(1), "of every random number");
}

std::vector<validate::Offer> offers_of(CommandLine const& line, std::vector<model::Model> models,
                                       Arguments const& names) {
  std::vector<data::Price> prices;
  std::vector<double> gpus, blocks;
  if (auto const text = line.find<std::string>("price")) prices = data::prices_from_text(*text);
  if (auto const text = line.find<std::string>("gpus")) gpus = data::numbers_from_text("--gpus", *text);
  if (auto const text = line.find<std::string>("block")) blocks = data::numbers_from_text("--block", *text);
  std::vector<validate::Offer> offers;
  for (std::size_t i = 0; i < models.size(); ++i) {
    apply_settings(models[i], line.all("set"));
    validate::Offer offer{.name = names[i], .model = std::move(models[i]), .price = {}, .gpus = {}};
    if (!prices.empty()) offer.price = of_offer(prices, i, models.size(), "price");
    if (!gpus.empty()) offer.gpus = of_offer(gpus, i, models.size(), "gpus");
    if (!blocks.empty()) offer.block = of_offer(blocks, i, models.size(), "block");
    offers.push_back(std::move(offer));
  }
  tell_apart(offers);
  return offers;
}

validate::PlanOptions plan_options(CommandLine const& line, std::vector<validate::Offer> const& offers) {
  validate::PlanOptions o{.job = {.steps = count_option(line, "steps"),
                                  .samples = count_option(line, "samples"),
                                  .least_steps = count_option(line, "min-steps"),
                                  .critical_batch = count_option(line, "critical-batch")},
                          .failures = validate::failures_from_text(line.get<std::string>("mtbf")),
                          .ranks = ranks_option(line, offers[0].model),
                          .global_batches = {},
                          .nodes_only = line.has("nodes-only"),
                          .deadline_s = seconds_option(line, "deadline"),
                          .budget = {},
                          .value_per_s = {},
                          .watts = {},
                          .confidence = line.confidence(),
                          .threshold = line.threshold(),
                          .draws = line.draws(),
                          .runs = line.get<int>("runs"),
                          .seed = line.get<std::uint64_t>("seed")};
  if (!line.has("K")) {  // the sizes of the offers themselves belong to the candidates
    for (auto const& offer : offers)
      if (offer.gpus) o.ranks.push_back(*offer.gpus);
    std::sort(o.ranks.begin(), o.ranks.end());
    o.ranks.erase(std::unique(o.ranks.begin(), o.ranks.end()), o.ranks.end());
  }
  for (auto const& offer : offers)
    if (auto batches = batches_option(line, offer.model, o.ranks); !batches.empty()) o.global_batches = batches;
  o.failures.checkpoint_s = data::seconds_from_text(line.get<std::string>("checkpoint")).count();
  o.failures.restart_s = data::seconds_from_text(line.get<std::string>("restart")).count();
  o.failures.interval_s = seconds_option(line, "interval");
  if (auto const text = line.find<std::string>("watts")) o.watts = data::watts_from_text(*text);
  if (auto const text = line.find<std::string>("budget")) o.budget = data::money_from_text(*text);
  if (auto const text = line.find<std::string>("value-of-time")) o.value_per_s = value_of_time_per_s(*text);
  return o;
}

}  // namespace kurve::cli
